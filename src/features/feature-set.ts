import { type Event, type EventType, eventTypes } from "../contracts/events.ts";
import { assert, must } from "../lib/assert.ts";
import { hash32 } from "../lib/prng.ts";
import type { Aggregator } from "./aggregator.ts";
import { categoryFeatures, categoryStates } from "./category-features.ts";
import { courseFeatures, courseStates } from "./course-features.ts";
import type { FeatureDefinition, FoldContext, Input, StateDefinition } from "./definition.ts";
import { learnerFeatures, learnerStates } from "./learner-features.ts";
import { RECORD_FORMAT } from "./record.ts";
import { type EntityName, entityNames } from "./store.ts";

/** Raise it when what an event adds to a state changes: the layout alone does not show it. */
const FOLD_REVISION = 1;

/** One update that an event type causes in an entity's record. */
export interface FoldStep {
  readonly aggregator: Aggregator;
  readonly offset: number;
  readonly channel: number;
  readonly value: (event: Event, context: FoldContext) => number;
  /** Position in lateStates. */
  readonly state: number;
}

/** What an event type does to the records of the entities that it names. */
export type EventPlan = Readonly<Record<EntityName, readonly FoldStep[]>>;

export const stateDefinitions: Readonly<Record<EntityName, readonly StateDefinition[]>> = { course: courseStates, category: categoryStates, learner: learnerStates };
export const featureDefinitions: Readonly<Record<EntityName, readonly FeatureDefinition[]>> = { course: courseFeatures, category: categoryFeatures, learner: learnerFeatures };

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
export const recordWidths: Readonly<Record<EntityName, number>> = { course: layOut("course"), category: layOut("category"), learner: layOut("learner") };

/** First slot of a state in its entity's record. */
export function offsetOf(state: StateDefinition): number {
  return must(offsets.get(state), `state ${state.name} is in no record`);
}

/** All states, as `<entity>.<name>`: what late updates are counted by. */
export const stateNames: readonly string[] = entityNames.flatMap((entity) => stateDefinitions[entity].map((state) => `${entity}.${state.name}`));

function steps(entity: EntityName, type: EventType): FoldStep[] {
  return stateDefinitions[entity].flatMap((state) => {
    // The key says which events an input is given, which the type of a whole table of inputs cannot express.
    const input = state.folds[type] as Input<Event> | undefined;
    if (input === undefined) return [];
    return [{ aggregator: state.aggregator, offset: offsetOf(state), channel: input.channel ?? 0, value: input.value, state: stateNames.indexOf(`${entity}.${state.name}`) }];
  });
}

/** The fold of every event type, resolved once. */
export const eventPlans: ReadonlyMap<EventType, EventPlan> = new Map(
  eventTypes.map((type) => [type, { course: steps("course", type), category: steps("category", type), learner: steps("learner", type) }]),
);

/** Changes whenever records written before could not be read, or would not be what a fold gives now. */
export const layoutIdentity: string = ((): string => {
  const text = JSON.stringify([
    RECORD_FORMAT,
    FOLD_REVISION,
    entityNames.map((entity) => stateDefinitions[entity].map((state) => [entity, state.name, state.aggregator.kind, state.aggregator.width, Object.keys(state.folds)])),
  ]);
  return `${FOLD_REVISION}-${hash32(text).toString(16).padStart(8, "0")}`;
})();
