import type { ControlKind, ControlMessages, ModelPromoted } from "../contracts/control.ts";
import type { QuoteTerms } from "../contracts/quote.ts";

/**
 * The entities that have a record of their own, by id; a learner's history with a course by `<learner_id>/<course_id>`, the
 * platform's by UTC day, `YYYY-MM-DD`, the list prices of a course by course_id: beside the course's own record, which every view writes.
 */
export const entityNames = ["course", "category", "learner", "teacher", "learner_course", "platform", "price_history"] as const;
export type EntityName = (typeof entityNames)[number];

/** Names that course records hold as ordinals, numbered from 0 in order of first appearance in the fold. */
export type NameKind = "category" | "teacher";
export const nameKinds: readonly NameKind[] = ["category", "teacher"];

/**
 * How far a stream is folded. The creation time tells a stream from another of the same name; the hash of the last
 * message tells it from a copy that went another way.
 */
export interface Cursor {
  readonly stream_created: string;
  readonly sequence: number;
  /** hexHash of the bytes of the message at `sequence`; empty when no message of this stream was folded. */
  readonly message_hash: string;
}

/** Ids of accepted events, hashed, in order of acceptance: a whole block, or the one still being filled. */
export interface IdBlock {
  /** From 0 on. */
  readonly number: number;
  /** 16 bytes an id, borrowed like a record. */
  readonly ids: Uint8Array;
}

/** The promoted model of a family, as CONTROL last said; `sequence` is that message's. What it does not say is absent. */
export interface Champion extends Partial<Pick<ModelPromoted, "pinned" | "run_id" | "trained_at" | "training_seconds">> {
  readonly artifact: string;
  readonly digest: string;
  readonly version: string;
  readonly sequence: number;
}

/** A message of CONTROL as it is kept. */
export interface ControlEntry<Kind extends ControlKind = ControlKind> {
  /** CONTROL sequence. */
  readonly sequence: number;
  readonly message: ControlMessages[Kind];
}

/** Messages of one subject that are kept: the newest. */
export const CONTROL_HISTORY_MAX = 1_000;

/**
 * How far time has come in the fold: the greatest event time folded, and the greatest broker's timestamp of an event folded. Refused
 * messages and duplicates do not move it.
 */
export interface Watermark {
  readonly event_time_ms: number;
  readonly broker_time_ms: number;
}

/** An update of one state that was left out because it came too late for it. */
export interface LateUpdate {
  /** Position among all late updates of this fold, from 0 on. */
  readonly ordinal: number;
  /** EVENTS sequence of the event. */
  readonly sequence: number;
  readonly type: string;
  /** `<entity>.<state>` */
  readonly state: string;
  readonly event_time_ms: number;
  readonly broker_time_ms: number;
  /** How far the event's time lies behind the latest one folded into the same record. */
  readonly behind_ms: number;
}

/** What people read about a course; never an input of a price. */
export interface CourseProfile {
  readonly title: string;
  readonly prerequisites: readonly string[];
  /** Event time of the `course.upserted` that said so. */
  readonly time_ms: number;
}

/** A learner's first personal quote of an experiment: which arm they were shown, and what was known of them then. */
export interface LearnerExposure {
  readonly experiment_id: string;
  readonly learner_id: string;
  readonly arm: string;
  readonly probability: number;
  /** Absent where the experiment asks for none. */
  readonly covariate?: number | undefined;
  readonly exposed_ms: number;
  /** Of the quote in its stream. */
  readonly sequence: number;
}

/** The quote in force for a learner and a course. */
export interface QuoteLock extends Pick<QuoteTerms, "quote_id" | "price" | "issued_ms" | "expires_ms" | "locked_ms"> {
  /** OFFERS sequence of the quote: what a message that takes its place must name. */
  readonly sequence: number;
  /** Whether personal data moved the price. */
  readonly personal: boolean;
  /** JSON, as it was answered. */
  readonly answer: string;
}

export interface KeptQuote extends QuoteTerms {
  readonly sequence: number;
}

/** The first enrollment of a learner that cited a quote, whether or not it was the learner's own. */
export interface Citation {
  readonly quote_id: string;
  readonly learner_id: string;
  readonly course_id: string;
  readonly enrollment_id: string;
  readonly price: number;
  /** EVENTS sequence, and event time. */
  readonly sequence: number;
  readonly time_ms: number;
  /** Enrollments of the learner that cited it again. */
  readonly repeats: number;
}

export interface DumpEntry {
  readonly database: string;
  readonly key: string;
  readonly value: Uint8Array;
}

/** Reads of one consistent state of the fold. */
export interface FeatureStoreReader {
  /**
   * The encoded record. Borrowed: valid until the next call on this store, and only its first `length` bytes; never
   * keep it across an await.
   */
  get(entity: EntityName, id: string): Uint8Array | undefined;
  /** Another number after every change of the record, which is not decoded for it: the sequence in its header; of a record in shares, their sum. */
  sequence(entity: EntityName, id: string): number | undefined;
  name(kind: NameKind, ordinal: number): string | undefined;
  /** All names of a kind; the index is the ordinal. */
  names(kind: NameKind): readonly string[];
  /** Ids of the entity's records, in key order: all, or those that start with `prefix`, and of these those that come after `after`. To be read in one turn. */
  ids(entity: EntityName, prefix?: string, after?: string): Iterable<string>;
  profile(course_id: string): CourseProfile | undefined;
  /** The blocks of event ids that are kept, in order of their numbers. */
  idBlocks(): Iterable<IdBlock>;
  /** EVENTS sequence of the `enrollment.created` that counted, by the hash of its enrollment_id (16 bytes). */
  enrollment(hash: Uint8Array): number | undefined;
  cursor(stream: string): Cursor | undefined;
  /** undefined before the first event. */
  watermark(): Watermark | undefined;
  /** How many updates came too late for a state, by `<entity>.<state>`, since the fold began. */
  lateCounts(): Iterable<readonly [state: string, updates: number]>;
  /** The newest late updates, in order of their ordinals. */
  lateUpdates(): readonly LateUpdate[];
  champion(family: string): Champion | undefined;
  /** How many messages a subject of CONTROL has had; 0: none. */
  controlCount(kind: ControlKind, id: string): number;
  /** The last message of a subject; undefined without any, or when this version does not understand it. */
  control<Kind extends ControlKind>(kind: Kind, id: string): ControlEntry<Kind> | undefined;
  /** The newest CONTROL_HISTORY_MAX messages of a subject, oldest first; what this version does not understand is left out. */
  controlHistory<Kind extends ControlKind>(kind: Kind, id: string): readonly ControlEntry<Kind>[];
  /** Ids that CONTROL has spoken of, ascending. */
  controlIds(kind: ControlKind): readonly string[];
  exposure(experiment_id: string, learner_id: string): LearnerExposure | undefined;
  /** Learners exposed to an experiment, in order of their ids: all, or those after `after`. To be read in one turn. */
  exposedTo(experiment_id: string, after?: string): Iterable<string>;
  /** Experiments that a learner was exposed to. */
  exposuresOf(learner_id: string): readonly string[];
  /** The newest quote of a learner and a course that is not over yet, by the broker's time. */
  lock(learner_id: string, course_id: string): QuoteLock | undefined;
  /** Its OFFERS sequence, without reading the rest. */
  lockSequence(learner_id: string, course_id: string): number | undefined;
  /** A quote that is kept, until QUOTE_KEPT_MS after it was over. */
  quote(quote_id: string): KeptQuote | undefined;
  /** Ids of a learner's quotes that are kept. */
  quotesOf(learner_id: string): readonly string[];
  /** What of the quotes falls due before a time, in order: `lock` ends, `quote` is forgotten. */
  quotesDue(before_ms: number): readonly QuoteDue[];
  /** The greatest broker's timestamp of a message of OFFERS folded; undefined before the first. */
  quoteTime(): number | undefined;
  citation(learner_id: string, quote_id: string): Citation | undefined;
  /** Places of citations, `<learner_id>/<quote_id>`, in order: all, or those that start with `prefix`, and of these those that come after `after`. */
  citationKeys(prefix?: string, after?: string): Iterable<string>;
  /** Identity of the record layout that the records were written with; undefined before the first commit. */
  layout(): string | undefined;
  /** Every key and value of every database, copied, in key order: what two folds of the same stream must agree on. */
  dump(): Iterable<DumpEntry>;
  close(): Promise<void>;
}

export interface QuoteDue {
  readonly due_ms: number;
  readonly what: "lock" | "quote";
  readonly learner_id: string;
  readonly quote_id: string;
}

/** The writes of one transaction. Values are copied before each call returns. */
export interface StoreBatch {
  put(entity: EntityName, id: string, record: Uint8Array): void;
  remove(entity: EntityName, id: string): void;
  putName(kind: NameKind, ordinal: number, name: string): void;
  putProfile(course_id: string, profile: CourseProfile): void;
  putIdBlock(block: IdBlock): void;
  removeIdBlock(number: number): void;
  putEnrollment(hash: Uint8Array, sequence: number): void;
  putChampion(family: string, champion: Champion): void;
  /** The message numbered `ordinal` (from 0 on) of its subject, as it arrived. */
  putControl(kind: ControlKind, id: string, ordinal: number, sequence: number, message: Uint8Array): void;
  putExposure(exposure: LearnerExposure): void;
  removeExposure(experiment_id: string, learner_id: string): void;
  putLock(learner_id: string, course_id: string, lock: QuoteLock): void;
  removeLock(learner_id: string, course_id: string): void;
  putQuote(quote: KeptQuote): void;
  removeQuote(learner_id: string, quote_id: string): void;
  putQuoteDue(due: QuoteDue): void;
  removeQuoteDue(due: QuoteDue): void;
  putQuoteTime(broker_time_ms: number): void;
  putCitation(citation: Citation): void;
  removeCitation(learner_id: string, quote_id: string): void;
  putCursor(stream: string, cursor: Cursor): void;
  putWatermark(watermark: Watermark): void;
  putLateCount(state: string, updates: number): void;
  /** `place` in the list of the newest. */
  putLateUpdate(place: number, update: LateUpdate): void;
  putLayout(layout: string): void;
}

/** What the store's file consists of. */
export interface PageUse {
  readonly page_bytes: number;
  readonly pages: number;
  /** Of them, those that hold nothing: later commits use them, once no reader and neither of the last two commits needs what they held. */
  readonly free_pages: number;
}

/** The one writer's store. */
export interface FeatureStore extends FeatureStoreReader {
  /** Applies what `write` puts, all of it or, when it throws, nothing. Durable when it returns. */
  commit(write: (batch: StoreBatch) => void): void;
  /**
   * The same, but written and made durable on a thread of the store's own: all of it durable when the promise resolves, and
   * none of it when it rejects; then the store is to be closed. Later commits come after it. Until then reads may still give what was before.
   */
  commitAsync(write: (batch: StoreBatch) => void): Promise<void>;
  /**
   * Frees what readers hold that ended without closing: the pages that they saw are not reused until then, and there are
   * slots for so many readers only. How many there were.
   */
  releaseDeadReaders(): number;
  pageUse(): PageUse;
}
