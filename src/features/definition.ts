import type { Event, EventOf, EventType } from "../contracts/events.ts";
import { DAY_MS } from "../lib/time.ts";
import type { Aggregator, Reading } from "./aggregator.ts";
import type { EntityName, NameKind } from "./store.ts";

/** What an input may need beyond the event itself. One object, reused for every event. */
export interface FoldContext {
  event_time_ms: number;
  /**
   * What the catalogue (course.upserted, course.repriced) says of the event's course when the event is folded: 1 + ordinal of
   * its category, and its list price; 0 = unknown. Every partition folds the catalogue, so any entity may read these.
   */
  category: number;
  list_price_tokens: number;
  /** Random part of the course's log list price, for the course's own side; NaN = none. */
  list_price_jitter: number;
  /** The ordinal of a name; a new name gets the next one, or NaN, which feeds nothing, when there are too many. */
  ordinal(kind: NameKind, name: string): number;
}

/** The number that an event feeds to an aggregator; NaN feeds nothing. */
export interface Input<E extends Event> {
  readonly value: (event: E, context: FoldContext) => number;
  /** Which of the aggregator's inputs it is; 0 for those that have one. */
  readonly channel?: number;
}

export type Folds = { readonly [Type in EventType]?: Input<EventOf<Type>> };

/** State that features read: an aggregator in the entity's record and the events that it folds. */
export interface StateDefinition {
  readonly name: string;
  readonly entity: EntityName;
  readonly aggregator: Aggregator;
  readonly folds: Folds;
  /** How late an event may come and still count, behind the newest one folded; Infinity = for ever, if the state keeps a time from 1970 on. */
  readonly lateness_ms: number;
  /** Event types that the writer itself rolls up into this state, beside `folds`. */
  readonly rolled_up_from?: readonly EventType[];
}

/** A feature that reads one state. */
export interface StoredFeature {
  readonly kind: "stored";
  readonly state: StateDefinition;
  readonly reading: Reading;
  /** 0 = no window. */
  readonly window_ms: number;
}

/**
 * A feature of a platform's day that reads one state of several days, merged: of those from `from_days` to `to_days` before it, both
 * included; Infinity = from the first day on.
 */
export interface DaysFeature {
  readonly kind: "days";
  readonly state: StateDefinition;
  readonly reading: Reading;
  readonly from_days: number;
  readonly to_days: number;
}

/**
 * A feature computed from up to three others, read at the same time: of its own entity, or `<entity>.<name>` of a record that goes
 * with its own: a course's category and teacher, a learner × course's learner and course.
 */
export interface DerivedFeature {
  readonly kind: "derived";
  readonly from: readonly string[];
  readonly formula: (a: number, b: number, c: number, now_ms: number) => number;
}

export interface FeatureDefinition {
  readonly name: string;
  readonly entity: EntityName;
  readonly unit: "tokens" | "count" | "days" | "minutes" | "ms" | "ratio" | "score" | "level" | "stars" | "per_day" | "ordinal";
  readonly description: string;
  /** The value where nothing is known. */
  readonly default: number;
  /** Whether it says something about a learner. What is said of teachers is the platform's business with them. */
  readonly personal: boolean;
  /** Read by other features and by the engine only: not in the entity's vector. */
  readonly internal: boolean;
  readonly source: StoredFeature | DaysFeature | DerivedFeature;
}

/** Every event counts as one. */
export const once: { readonly value: () => number } = { value: () => 1 };

/** The event's own time is the value. */
export const atEventTime: { readonly value: (event: unknown, context: FoldContext) => number } = { value: (_event, context) => context.event_time_ms };

/** What "days since" says of something that never happened: ten years, and the most that it ever says. */
export const NEVER_DAYS = 3_650;

/** Days from a time to now, for derived features; 0 = never. */
export function daysSince(time_ms: number, _b: number, _c: number, now_ms: number): number {
  return time_ms > 0 ? Math.min(NEVER_DAYS, Math.max(0, (now_ms - time_ms) / DAY_MS)) : NEVER_DAYS;
}
