import type { StreamEvent } from "../contracts/events.ts";
import type { Cursor, FeatureStore } from "./store.ts";

export interface FoldCounters {
  /** Events folded. */
  events: number;
  /** Updates of a state that came too late for its window and were left out. */
  late: number;
  /** Course events whose category was not known yet, so that the category's side was skipped. */
  uncategorised: number;
}

/** The compiled fold of EVENTS into course, category and learner records. */
export class FeatureWriter {
  readonly counters: FoldCounters = { events: 0, late: 0, uncategorised: 0 };
  constructor(_store: FeatureStore) { throw new Error("not yet"); }
  /** Folds one event in memory. Events come in sequence order, each once. */
  apply(_event: StreamEvent): void { throw new Error("not yet"); }
  /** Writes every touched record and the cursor in one transaction; durable when it returns. */
  commit(_cursor: Cursor): void { throw new Error("not yet"); }
}
