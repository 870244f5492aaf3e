import { type ControlKind, type ControlMessages, controlSchemas } from "../contracts/control.ts";
import { assert, must } from "../lib/assert.ts";
import { recordSequence } from "./record.ts";
import { SLOT_BYTES_MAX, readVarint, varintEnd, writeVarint } from "./sparse-slots.ts";
import { CONTROL_HISTORY_MAX } from "./store.ts";
import type { Champion, Citation, ControlEntry, CourseProfile, Cursor, DumpEntry, EntityName, FeatureStoreReader, IdBlock, KeptQuote, LateUpdate, LearnerExposure, NameKind, QuoteDue, QuoteLock, StoreBatch, Watermark } from "./store.ts";

/** The named databases. Each stream folds into its own. */
export const databaseNames = [
  "control.champion",
  "control.count",
  "control.log",
  "control.meta",
  "events.category",
  "events.citation",
  "events.course",
  "events.enrollment",
  "events.ids",
  "events.late",
  "events.learner",
  "events.learner_course",
  "events.meta",
  "events.names",
  "events.platform",
  "events.price_history",
  "events.profile",
  "events.teacher",
  "offers.due",
  "offers.exposed",
  "offers.exposure",
  "offers.learner",
  "offers.lock",
  "offers.meta",
  "offers.quote",
] as const;
export type DatabaseName = (typeof databaseNames)[number];

const recordDatabases: Readonly<Record<EntityName, DatabaseName>> = {
  course: "events.course",
  category: "events.category",
  learner: "events.learner",
  teacher: "events.teacher",
  learner_course: "events.learner_course",
  platform: "events.platform",
  price_history: "events.price_history",
};

function cursorDatabase(stream: string): DatabaseName {
  const database = databaseNames.find((name) => name === `${stream.toLowerCase()}.meta`);
  return must(database, `stream ${stream} is not folded`);
}

/** Twelve digits keep key order and block order the same. */
function blockKey(number: number): string {
  return String(number).padStart(12, "0");
}

/** Keys are text: 22 characters for 16 bytes. */
function enrollmentKey(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString("base64url");
}

/** Ten digits keep key order and ordinal order the same. */
function nameKey(kind: NameKind, ordinal: number): string {
  return `${kind}:${String(ordinal).padStart(10, "0")}`;
}

function controlCountKey(kind: ControlKind, id: string): string {
  return `${kind}/${id}`;
}

/** A subject's messages lie in a ring. */
function controlKey(kind: ControlKind, id: string, ordinal: number): string {
  return `${kind}/${id}/${String(ordinal % CONTROL_HISTORY_MAX).padStart(3, "0")}`;
}

const pairKey = (first: string, second: string): string => `${first}/${second}`;

/** Times of fifteen digits keep key order and time order the same. */
const DUE_DIGITS = 15;
const dueKey = ({ due_ms, what, learner_id, quote_id }: QuoteDue): string => `${String(due_ms).padStart(DUE_DIGITS, "0")}:${what}:${learner_id}/${quote_id}`;

function readDue(key: string): QuoteDue {
  const [due, what, pair] = key.split(":") as [string, QuoteDue["what"], string];
  const slash = pair.indexOf("/");
  return { due_ms: Number(due), what, learner_id: pair.slice(0, slash), quote_id: pair.slice(slash + 1) };
}

const LATE_COUNT = "count:";
const LATE_UPDATE = "update:";

const NOTHING = new Uint8Array(0);
const NEWLINE = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What this version makes of a message; the bytes that are kept are those that were sent, whatever a version makes of them. */
function parseControl<Kind extends ControlKind>(kind: Kind, bytes: Uint8Array): ControlMessages[Kind] | undefined {
  // The schema of a kind gives that kind's messages, which the compiler cannot see through the look-up.
  return controlSchemas[kind].safeParse(JSON.parse(decoder.decode(bytes))).data as ControlMessages[Kind] | undefined;
}

function json(value: object): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** A batch in terms of keys and bytes. Objects are written with their fields in a fixed order. */
export abstract class EncodedBatch implements StoreBatch {
  readonly #varint = new Uint8Array(SLOT_BYTES_MAX);

  abstract set(database: DatabaseName, key: string, value: Uint8Array): void;
  abstract unset(database: DatabaseName, key: string): void;

  put(entity: EntityName, id: string, record: Uint8Array): void {
    this.set(recordDatabases[entity], id, record);
  }

  remove(entity: EntityName, id: string): void {
    this.unset(recordDatabases[entity], id);
  }

  putName(kind: NameKind, ordinal: number, name: string): void {
    this.set("events.names", nameKey(kind, ordinal), encoder.encode(name));
  }

  putProfile(course_id: string, { title, prerequisites, time_ms }: CourseProfile): void {
    this.set("events.profile", course_id, json({ title, prerequisites, time_ms }));
  }

  putIdBlock({ number, ids }: IdBlock): void {
    this.set("events.ids", blockKey(number), ids);
  }

  removeIdBlock(number: number): void {
    this.unset("events.ids", blockKey(number));
  }

  putEnrollment(hash: Uint8Array, sequence: number): void {
    this.set("events.enrollment", enrollmentKey(hash), this.#varint.subarray(0, writeVarint(this.#varint, 0, sequence)));
  }

  putChampion(family: string, { artifact, digest, version, sequence, pinned, run_id, trained_at, training_seconds }: Champion): void {
    // Undefined fields leave no trace, and the order is always this one.
    this.set("control.champion", family, json({ artifact, digest, version, sequence, pinned, run_id, trained_at, training_seconds }));
  }

  putControl(kind: ControlKind, id: string, ordinal: number, sequence: number, message: Uint8Array): void {
    this.set("control.count", controlCountKey(kind, id), this.#varint.subarray(0, writeVarint(this.#varint, 0, ordinal + 1)));
    const value = new Uint8Array(SLOT_BYTES_MAX + message.length);
    const start = writeVarint(value, 0, sequence);
    value.set(message, start);
    this.set("control.log", controlKey(kind, id, ordinal), value.subarray(0, start + message.length));
  }

  putExposure({ experiment_id, learner_id, arm, probability, covariate, exposed_ms, sequence }: LearnerExposure): void {
    this.set("offers.exposure", `${experiment_id}/${learner_id}`, json({ arm, probability, covariate, exposed_ms, sequence }));
    this.set("offers.exposed", `${learner_id}/${experiment_id}`, new Uint8Array(0));
  }

  removeExposure(experiment_id: string, learner_id: string): void {
    this.unset("offers.exposure", `${experiment_id}/${learner_id}`);
    this.unset("offers.exposed", `${learner_id}/${experiment_id}`);
  }

  /** The sequence as a varint, a line of JSON, and the answer's text as it is: in a JSON string it would be a tenth longer. */
  putLock(learner_id: string, course_id: string, { quote_id, sequence, price, issued_ms, expires_ms, locked_ms, personal, answer }: QuoteLock): void {
    const text = encoder.encode(`${JSON.stringify({ quote_id, price, issued_ms, expires_ms, locked_ms, personal })}\n${answer}`);
    const value = new Uint8Array(SLOT_BYTES_MAX + text.length);
    const start = writeVarint(value, 0, sequence);
    value.set(text, start);
    this.set("offers.lock", pairKey(learner_id, course_id), value.subarray(0, start + text.length));
  }

  removeLock(learner_id: string, course_id: string): void {
    this.unset("offers.lock", pairKey(learner_id, course_id));
  }

  putQuote({ quote_id, learner_id, course_id, price, issued_ms, expires_ms, locked_ms, sequence }: KeptQuote): void {
    this.set("offers.quote", pairKey(learner_id, quote_id), json({ course_id, price, issued_ms, expires_ms, locked_ms, sequence }));
    this.set("offers.learner", quote_id, encoder.encode(learner_id));
  }

  removeQuote(learner_id: string, quote_id: string): void {
    this.unset("offers.quote", pairKey(learner_id, quote_id));
    this.unset("offers.learner", quote_id);
  }

  putQuoteDue(due: QuoteDue): void {
    this.set("offers.due", dueKey(due), NOTHING);
  }

  removeQuoteDue(due: QuoteDue): void {
    this.unset("offers.due", dueKey(due));
  }

  putQuoteTime(broker_time_ms: number): void {
    this.set("offers.meta", "time", json({ broker_time_ms }));
  }

  putCitation({ quote_id, learner_id, course_id, enrollment_id, price, sequence, time_ms, repeats }: Citation): void {
    this.set("events.citation", pairKey(learner_id, quote_id), json({ course_id, enrollment_id, price, sequence, time_ms, repeats }));
  }

  removeCitation(learner_id: string, quote_id: string): void {
    this.unset("events.citation", pairKey(learner_id, quote_id));
  }

  putCursor(stream: string, { stream_created, sequence, message_hash }: Cursor): void {
    this.set(cursorDatabase(stream), "cursor", json({ stream_created, sequence, message_hash }));
  }

  putWatermark({ event_time_ms, broker_time_ms }: Watermark): void {
    this.set("events.meta", "watermark", json({ event_time_ms, broker_time_ms }));
  }

  putLateCount(state: string, updates: number): void {
    this.set("events.late", LATE_COUNT + state, this.#varint.subarray(0, writeVarint(this.#varint, 0, updates)));
  }

  putLateUpdate(place: number, { ordinal, sequence, type, state, event_time_ms, broker_time_ms, behind_ms }: LateUpdate): void {
    this.set("events.late", LATE_UPDATE + String(place).padStart(6, "0"), json({ ordinal, sequence, type, state, event_time_ms, broker_time_ms, behind_ms }));
  }

  putLayout(layout: string): void {
    this.set("events.meta", "layout", encoder.encode(layout));
  }
}

/** The reading half of the port over databases of keys and bytes, for every kind of store. */
export abstract class EncodedStoreReader implements FeatureStoreReader {
  /** Names never change once they are given. */
  readonly #names: Record<NameKind, string[]> = { category: [], teacher: [] };

  /** Borrowed bytes. */
  protected abstract read(database: DatabaseName, key: string): Uint8Array | undefined;
  /** In key order, from the first key that is not below `from` on. */
  protected abstract keys(database: DatabaseName, from?: string): Iterable<string>;
  abstract close(): Promise<void>;

  get(entity: EntityName, id: string): Uint8Array | undefined {
    return this.read(recordDatabases[entity], id);
  }

  sequence(entity: EntityName, id: string): number | undefined {
    const record = this.read(recordDatabases[entity], id);
    return record === undefined ? undefined : recordSequence(record);
  }

  name(kind: NameKind, ordinal: number): string | undefined {
    const known = this.#names[kind];
    return ordinal < known.length ? known[ordinal] : this.names(kind)[ordinal];
  }

  names(kind: NameKind): readonly string[] {
    const known = this.#names[kind];
    for (let name = this.#text("events.names", nameKey(kind, known.length)); name !== undefined; name = this.#text("events.names", nameKey(kind, known.length))) known.push(name);
    return known;
  }

  ids(entity: EntityName, prefix = "", after = ""): Iterable<string> {
    return this.#keysOf(recordDatabases[entity], prefix, after);
  }

  profile(course_id: string): CourseProfile | undefined {
    return this.#json<CourseProfile>("events.profile", course_id);
  }

  *idBlocks(): Iterable<IdBlock> {
    for (const key of this.keys("events.ids")) {
      const ids = must(this.read("events.ids", key), "a block of ids went while it was read");
      yield { number: Number(key), ids: ids.subarray(0, ids.length) };
    }
  }

  enrollment(hash: Uint8Array): number | undefined {
    const value = this.read("events.enrollment", enrollmentKey(hash));
    return value === undefined ? undefined : readVarint(value, 0);
  }

  cursor(stream: string): Cursor | undefined {
    return this.#json<Cursor>(cursorDatabase(stream), "cursor");
  }

  watermark(): Watermark | undefined {
    return this.#json<Watermark>("events.meta", "watermark");
  }

  *lateCounts(): Iterable<readonly [string, number]> {
    for (const key of this.#keysOf("events.late", LATE_COUNT)) yield [key.slice(LATE_COUNT.length), readVarint(must(this.read("events.late", key), "a count of late updates went while it was read"), 0)];
  }

  lateUpdates(): readonly LateUpdate[] {
    const updates = [...this.#keysOf("events.late", LATE_UPDATE)].map((key) => must(this.#json<LateUpdate>("events.late", key), "a late update went while it was read"));
    return updates.sort((a, b) => a.ordinal - b.ordinal);
  }

  champion(family: string): Champion | undefined {
    return this.#json<Champion>("control.champion", family);
  }

  controlCount(kind: ControlKind, id: string): number {
    const value = this.read("control.count", controlCountKey(kind, id));
    return value === undefined ? 0 : readVarint(value, 0);
  }

  control<Kind extends ControlKind>(kind: Kind, id: string): ControlEntry<Kind> | undefined {
    const count = this.controlCount(kind, id);
    return count === 0 ? undefined : this.#controlEntry(kind, id, count - 1);
  }

  controlHistory<Kind extends ControlKind>(kind: Kind, id: string): readonly ControlEntry<Kind>[] {
    const count = this.controlCount(kind, id);
    const entries: ControlEntry<Kind>[] = [];
    for (let ordinal = Math.max(0, count - CONTROL_HISTORY_MAX); ordinal < count; ordinal++) {
      const entry = this.#controlEntry(kind, id, ordinal);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  controlIds(kind: ControlKind): readonly string[] {
    const prefix = `${kind}/`;
    return [...this.#keysOf("control.count", prefix)].map((key) => key.slice(prefix.length));
  }

  exposure(experiment_id: string, learner_id: string): LearnerExposure | undefined {
    const kept = this.#json<Omit<LearnerExposure, "experiment_id" | "learner_id">>("offers.exposure", `${experiment_id}/${learner_id}`);
    return kept && { experiment_id, learner_id, ...kept };
  }

  *exposedTo(experiment_id: string, after = ""): Iterable<string> {
    const prefix = `${experiment_id}/`;
    for (const key of this.#keysOf("offers.exposure", prefix, after === "" ? "" : prefix + after)) yield key.slice(prefix.length);
  }

  exposuresOf(learner_id: string): readonly string[] {
    const prefix = `${learner_id}/`;
    return [...this.#keysOf("offers.exposed", prefix)].map((key) => key.slice(prefix.length));
  }

  lock(learner_id: string, course_id: string): QuoteLock | undefined {
    const bytes = this.read("offers.lock", pairKey(learner_id, course_id));
    if (bytes === undefined) return undefined;
    const sequence = readVarint(bytes, 0);
    const start = varintEnd;
    const end = bytes.indexOf(NEWLINE, start);
    const head = JSON.parse(decoder.decode(bytes.subarray(start, end))) as Omit<QuoteLock, "answer" | "sequence">;
    return { ...head, sequence, answer: decoder.decode(bytes.subarray(end + 1, bytes.length)) };
  }

  lockSequence(learner_id: string, course_id: string): number | undefined {
    const bytes = this.read("offers.lock", pairKey(learner_id, course_id));
    return bytes === undefined ? undefined : readVarint(bytes, 0);
  }

  quote(quote_id: string): KeptQuote | undefined {
    const learner_id = this.#text("offers.learner", quote_id);
    if (learner_id === undefined) return undefined;
    const kept = this.#json<Omit<KeptQuote, "quote_id" | "learner_id">>("offers.quote", pairKey(learner_id, quote_id));
    return kept === undefined ? undefined : { quote_id, learner_id, ...kept };
  }

  quotesOf(learner_id: string): readonly string[] {
    const prefix = `${learner_id}/`;
    return [...this.#keysOf("offers.quote", prefix)].map((key) => key.slice(prefix.length));
  }

  quotesDue(before_ms: number): readonly QuoteDue[] {
    const due: QuoteDue[] = [];
    for (const key of this.keys("offers.due")) {
      const entry = readDue(key);
      if (entry.due_ms >= before_ms) break;
      due.push(entry);
    }
    return due;
  }

  quoteTime(): number | undefined {
    return this.#json<{ broker_time_ms: number }>("offers.meta", "time")?.broker_time_ms;
  }

  citation(learner_id: string, quote_id: string): Citation | undefined {
    const kept = this.#json<Omit<Citation, "quote_id" | "learner_id">>("events.citation", pairKey(learner_id, quote_id));
    return kept === undefined ? undefined : { quote_id, learner_id, ...kept };
  }

  citationKeys(prefix = "", after = ""): Iterable<string> {
    return this.#keysOf("events.citation", prefix, after);
  }

  layout(): string | undefined {
    return this.#text("events.meta", "layout");
  }

  *dump(): Iterable<DumpEntry> {
    for (const database of databaseNames) {
      for (const key of this.keys(database)) {
        const value = this.read(database, key);
        assert(value !== undefined, `${database} lost ${key} while it was dumped`);
        yield { database, key, value: new Uint8Array(value.subarray(0, value.length)) };
      }
    }
  }

  #controlEntry<Kind extends ControlKind>(kind: Kind, id: string, ordinal: number): ControlEntry<Kind> | undefined {
    const value = this.read("control.log", controlKey(kind, id, ordinal));
    if (value === undefined) return undefined;
    const sequence = readVarint(value, 0);
    const message = parseControl(kind, value.subarray(varintEnd, value.length));
    return message === undefined ? undefined : { sequence, message };
  }

  *#keysOf(database: DatabaseName, prefix: string, after = ""): Iterable<string> {
    for (const key of this.keys(database, after > prefix ? after : prefix)) {
      if (!key.startsWith(prefix)) return;
      if (key !== after) yield key;
    }
  }

  #text(database: DatabaseName, key: string): string | undefined {
    const bytes = this.read(database, key);
    return bytes === undefined ? undefined : decoder.decode(bytes.subarray(0, bytes.length));
  }

  #json<T>(database: DatabaseName, key: string): T | undefined {
    const text = this.#text(database, key);
    // Only this file writes these values.
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }
}
