import { modelPromotedSchema } from "../contracts/control.ts";
import { STREAM_CONTROL, modelSubject } from "../contracts/subjects.ts";
import type { Champion, Cursor, FeatureStore, StoreBatch } from "./store.ts";

const MODEL_SUBJECTS = modelSubject("");

/**
 * The fold of CONTROL: the champion of every model family is the last one promoted, by sequence. Messages of other kinds
 * are ignored; what does not parse, or promotes another family than its subject says, is counted and left out.
 */
export class ControlWriter {
  /** Messages on model subjects that were left out. */
  refused = 0;
  readonly #store: FeatureStore;
  readonly #champions = new Map<string, Champion>();
  readonly #decoder = new TextDecoder();

  constructor(store: FeatureStore) {
    this.#store = store;
  }

  apply(subject: string, data: Uint8Array, sequence: number): void {
    if (!subject.startsWith(MODEL_SUBJECTS)) return;
    const message = this.#parse(data);
    if (message === undefined || modelSubject(message.family) !== subject) {
      this.refused++;
      return;
    }
    const { type: _, time: _at, reason: _why, family, ...champion } = message;
    this.#champions.set(family, { ...champion, sequence });
  }

  /** Writes the champions and the cursor in one transaction; durable when it returns. */
  commit(cursor: Cursor): void {
    this.#store.commit((batch) => this.#write(batch, cursor));
  }

  /** The same on the store's own thread; durable when the promise resolves. */
  commitAsync(cursor: Cursor): Promise<void> {
    return this.#store.commitAsync((batch) => this.#write(batch, cursor));
  }

  #write(batch: StoreBatch, cursor: Cursor): void {
    for (const [family, champion] of this.#champions) batch.putChampion(family, champion);
    batch.putCursor(STREAM_CONTROL, cursor);
    this.#champions.clear();
  }

  #parse(data: Uint8Array) {
    try {
      return modelPromotedSchema.safeParse(JSON.parse(this.#decoder.decode(data))).data;
    } catch {
      return undefined;
    }
  }
}
