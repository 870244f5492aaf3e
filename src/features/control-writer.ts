import { type ControlKind, controlKinds, modelPromotedSchema } from "../contracts/control.ts";
import { idSchema } from "../contracts/fields.ts";
import { STREAM_CONTROL, controlSubject, modelSubject } from "../contracts/subjects.ts";
import type { Champion, Cursor, FeatureStore, StoreBatch } from "./store.ts";

const MODEL_SUBJECTS = modelSubject("");
const kindBySubject = new Map(controlKinds.map((kind) => [controlSubject(kind, ""), kind]));

interface Kept {
  readonly kind: ControlKind;
  readonly id: string;
  readonly ordinal: number;
  readonly sequence: number;
  readonly message: Uint8Array;
}

/**
 * The fold of CONTROL. The champion of every model family is the last one promoted, by sequence. Of policies, experiments, prices, learners and keys the
 * messages themselves are kept, the newest of each subject, as they arrived: what they amount to is decided when they are read, so that no version of the
 * engine shows in the bytes. Messages on other subjects are ignored; what is no JSON object with a type, or promotes another family than its subject says,
 * is counted and left out.
 */
export class ControlWriter {
  /** Messages that were left out. */
  refused = 0;
  readonly #store: FeatureStore;
  readonly #champions = new Map<string, Champion>();
  /** Messages that each subject has had, of those that this fold has seen one of: a commit under way is not in the store yet. */
  readonly #counts = new Map<string, number>();
  #kept: Kept[] = [];
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });

  constructor(store: FeatureStore) {
    this.#store = store;
  }

  apply(subject: string, data: Uint8Array, sequence: number): void {
    if (subject.startsWith(MODEL_SUBJECTS)) this.#promote(subject, data, sequence);
    else this.#keep(subject, data, sequence);
  }

  /** Writes what was applied and the cursor in one transaction; durable when it returns. */
  commit(cursor: Cursor): void {
    this.#store.commit((batch) => this.#write(batch, cursor));
  }

  /** The same on the store's own thread; durable when the promise resolves. */
  commitAsync(cursor: Cursor): Promise<void> {
    return this.#store.commitAsync((batch) => this.#write(batch, cursor));
  }

  #promote(subject: string, data: Uint8Array, sequence: number): void {
    const message = modelPromotedSchema.safeParse(this.#parse(data)).data;
    if (message === undefined || modelSubject(message.family) !== subject) {
      this.refused++;
      return;
    }
    const { type: _, time: _at, reason: _why, author: _who, family, ...champion } = message;
    this.#champions.set(family, { ...champion, sequence });
  }

  #keep(subject: string, data: Uint8Array, sequence: number): void {
    const end = subject.indexOf(".", "control.".length) + 1;
    const kind = kindBySubject.get(subject.slice(0, end));
    if (kind === undefined) return;
    const id = subject.slice(end);
    const message = this.#parse(data);
    if (!idSchema.safeParse(id).success || typeof message !== "object" || message === null || !("type" in message) || typeof message.type !== "string") {
      this.refused++;
      return;
    }
    const ordinal = this.#counts.get(subject) ?? this.#store.controlCount(kind, id);
    this.#counts.set(subject, ordinal + 1);
    // The bytes lie in the network's buffer.
    this.#kept.push({ kind, id, ordinal, sequence, message: new Uint8Array(data) });
  }

  #write(batch: StoreBatch, cursor: Cursor): void {
    for (const [family, champion] of this.#champions) batch.putChampion(family, champion);
    for (const { kind, id, ordinal, sequence, message } of this.#kept) batch.putControl(kind, id, ordinal, sequence, message);
    batch.putCursor(STREAM_CONTROL, cursor);
    this.#champions.clear();
    this.#kept = [];
  }

  #parse(data: Uint8Array): unknown {
    try {
      return JSON.parse(this.#decoder.decode(data));
    } catch {
      return undefined;
    }
  }
}
