import type { Event, EventOf, EventType } from "../contracts/events.ts";
import type { Aggregator, Reading } from "./aggregator.ts";
import type { EntityName, NameKind } from "./store.ts";

/** What an input may need beyond the event itself. One object, reused for every event. */
export interface FoldContext {
  event_time_ms: number;
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
  /** How late an event may come and still count, behind the newest one folded; Infinity = for ever. */
  readonly lateness_ms: number;
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
 * A feature computed from up to three others, read at the same time: of its own entity, or `category.<name>` for a
 * course's category.
 */
export interface DerivedFeature {
  readonly kind: "derived";
  readonly from: readonly string[];
  readonly formula: (a: number, b: number, c: number, now_ms: number) => number;
}

export interface FeatureDefinition {
  readonly name: string;
  readonly entity: EntityName;
  readonly unit: "tokens" | "count" | "days" | "ms" | "ratio" | "level" | "stars" | "per_day" | "ordinal";
  readonly description: string;
  /** The value where nothing is known. */
  readonly default: number;
  /** Whether it says something about a person. */
  readonly personal: boolean;
  /** Read by other features and by the engine only: not in the entity's vector. */
  readonly internal: boolean;
  readonly source: StoredFeature | DerivedFeature;
}

/** Every event counts as one. */
export const once: { readonly value: () => number } = { value: () => 1 };
