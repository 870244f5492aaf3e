import { type Event, type EventType, eventTypes } from "../contracts/events.ts";
import { assert, must } from "../lib/assert.ts";
import { hash32 } from "../lib/prng.ts";
import type { Aggregator } from "./aggregator.ts";
import { categoryFeatures, categoryStates } from "./category-features.ts";
import { courseDetails, courseFeatures, courseStates } from "./course-features.ts";
import { defaultDeduplication } from "./deduplication.ts";
import type { FeatureDefinition, FoldContext, Input, StateDefinition } from "./definition.ts";
import { LATE_LISTED_MAX } from "./late-ledger.ts";
import { learnerCourseFeatures, learnerCourseStates } from "./learner-course-features.ts";
import { learnerFeatures, learnerStates } from "./learner-features.ts";
import { platformFeatures, platformStates } from "./platform-features.ts";
import { priceHistoryFeatures, priceHistoryStates } from "./price-history-features.ts";
import { RECORD_FORMAT } from "./record.ts";
import { type EntityName, entityNames } from "./store.ts";
import { teacherFeatures, teacherStates } from "./teacher-features.ts";

/** Raise it when what an event adds to a state changes: the layout alone does not show it. */
const FOLD_REVISION = 6;

/** One update that an event type causes in an entity's record. */
export interface FoldStep {
  /** The aggregator's own, taken out of it: steps all have one shape, aggregators have many. */
  readonly update: Aggregator["update"];
  readonly offset: number;
  readonly channel: number;
  readonly value: (event: Event, context: FoldContext) => number;
  /** Position in lateStates. */
  readonly state: number;
}

export type PerEntity<T> = Readonly<Record<EntityName, T>>;

export function perEntity<T>(make: (entity: EntityName) => T): PerEntity<T> {
  return Object.fromEntries(entityNames.map((entity) => [entity, make(entity)])) as Record<EntityName, T>;
}

/** What an event type does to the records of the entities that it names. */
export type EventPlan = PerEntity<readonly FoldStep[]> & {
  /** Whether it says what a course is, which everybody who folds has to know. */
  readonly catalogue: boolean;
};

export const stateDefinitions: PerEntity<readonly StateDefinition[]> = {
  course: courseStates,
  category: categoryStates,
  learner: learnerStates,
  teacher: teacherStates,
  learner_course: learnerCourseStates,
  platform: platformStates,
  price_history: priceHistoryStates,
};
export const featureDefinitions: PerEntity<readonly FeatureDefinition[]> = {
  course: [...courseFeatures, ...courseDetails],
  category: categoryFeatures,
  learner: learnerFeatures,
  teacher: teacherFeatures,
  learner_course: learnerCourseFeatures,
  platform: platformFeatures,
  price_history: priceHistoryFeatures,
};

const offsets = new Map<StateDefinition, number>();

function layOut(entity: EntityName): number {
  let width = 0;
  for (const state of stateDefinitions[entity]) {
    assert(state.entity === entity, `state ${state.name} is not of ${entity}`);
    offsets.set(state, width);
    width += state.aggregator.width;
  }
  return width;
}

/** Slots of each entity's record. */
export const recordWidths: PerEntity<number> = perEntity(layOut);

/** First slot of a state in its entity's record. */
export function offsetOf(state: StateDefinition): number {
  return must(offsets.get(state), `state ${state.name} is in no record`);
}

/** Adds the record `from` to `into`, state by state: what two partitions hold of one entity. */
export function mergeRecords(entity: EntityName, into: Float64Array, from: Float64Array): void {
  for (const state of stateDefinitions[entity]) state.aggregator.merge(into, offsetOf(state), from, offsetOf(state));
}

/** All states, as `<entity>.<name>`: what late updates are counted by. */
export const stateNames: readonly string[] = entityNames.flatMap((entity) => stateDefinitions[entity].map((state) => `${entity}.${state.name}`));

function steps(entity: EntityName, type: EventType): FoldStep[] {
  return stateDefinitions[entity].flatMap((state) => {
    // The key says which events an input is given, which the type of a whole table of inputs cannot express.
    const input = state.folds[type] as Input<Event> | undefined;
    if (input === undefined) return [];
    return [{ update: state.aggregator.update, offset: offsetOf(state), channel: input.channel ?? 0, value: input.value, state: stateNames.indexOf(`${entity}.${state.name}`) }];
  });
}

/** The fold of every event type into some entities, resolved once. */
export function eventPlans(entities: readonly EntityName[]): ReadonlyMap<EventType, EventPlan> {
  const catalogue = (type: EventType): boolean => type === "course.upserted" || type === "course.repriced";
  return new Map(eventTypes.map((type) => [type, { ...perEntity((entity) => (entities.includes(entity) ? steps(entity, type) : [])), catalogue: catalogue(type) }]));
}

/** Changes whenever records written before could not be read, or would not be what a fold gives now. */
export const layoutIdentity: string = ((): string => {
  const text = JSON.stringify([
    RECORD_FORMAT,
    FOLD_REVISION,
    [defaultDeduplication.block_ids, defaultDeduplication.blocks],
    LATE_LISTED_MAX,
    entityNames.map((entity) => stateDefinitions[entity].map((state) => [entity, state.name, state.aggregator.kind, state.aggregator.width, Object.keys(state.folds)])),
  ]);
  return `${FOLD_REVISION}-${hash32(text).toString(16).padStart(8, "0")}`;
})();
