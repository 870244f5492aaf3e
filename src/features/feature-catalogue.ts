import { eventTypes } from "../contracts/events.ts";
import type { EventType } from "../contracts/events.ts";
import { must } from "../lib/assert.ts";
import { DAY_MS } from "../lib/time.ts";
import type { FeatureDefinition, StateDefinition } from "./definition.ts";
import { featureDefinitions } from "./feature-set.ts";
import { type EntityName, entityNames } from "./store.ts";

/** A feature as people and programs read it: what its definition says, with what its inputs say resolved. */
export interface FeatureDescription {
  readonly entity: EntityName;
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  /** Event types that change it, those of the features that it is derived from included. */
  readonly events: readonly EventType[];
  /** Aggregators that it reads, with their parameters. */
  readonly aggregators: readonly string[];
  /** The windows that it reads; 0, no window, is left out. */
  readonly windows_ms: readonly number[];
  /** How late an event may come and still count, behind the newest one; null = for ever. */
  readonly lateness_ms: number | null;
  readonly default: number;
  readonly personal: boolean;
}

interface Sources {
  readonly states: ReadonlySet<StateDefinition>;
  readonly windows_ms: ReadonlySet<number>;
}

/** The feature that an input `<entity>.<name>` means; undefined for one of the own entity. */
export function outsideFeature(input: string): FeatureDefinition | undefined {
  const dot = input.indexOf(".");
  if (dot < 0) return undefined;
  const entity = entityNames.find((name) => name === input.slice(0, dot));
  return must(entity === undefined ? undefined : featureDefinitions[entity].find(({ name }) => name === input.slice(dot + 1)), `no feature ${input}`);
}

/** States and windows that a feature reads, through everything that it is derived from. */
function sourcesOf(definition: FeatureDefinition): Sources {
  const { source } = definition;
  if (source.kind === "days") return { states: new Set([source.state]), windows_ms: new Set(Number.isFinite(source.from_days) ? [(source.from_days + 1) * DAY_MS] : []) };
  if (source.kind === "stored") return { states: new Set([source.state]), windows_ms: new Set(source.window_ms > 0 ? [source.window_ms] : []) };
  const inputs = source.from.map((name) => {
    const outside = outsideFeature(name);
    return sourcesOf(outside ?? must(featureDefinitions[definition.entity].find((other) => other.name === name), `no feature ${name}`));
  });
  return { states: new Set(inputs.flatMap(({ states }) => Array.from(states))), windows_ms: new Set(inputs.flatMap(({ windows_ms }) => Array.from(windows_ms))) };
}

function describe(definition: FeatureDefinition): FeatureDescription {
  const { states, windows_ms } = sourcesOf(definition);
  const folded = new Set<string>();
  for (const state of states) for (const type of Object.keys(state.folds).concat(state.rolled_up_from ?? [])) folded.add(type);
  const lateness_ms = Math.min(...[...states].map((state) => state.lateness_ms));
  const { entity, name, unit, description, personal } = definition;
  return {
    entity,
    name,
    unit,
    description,
    events: eventTypes.filter((type) => folded.has(type)),
    aggregators: [...new Set([...states].map((state) => state.aggregator.kind))],
    windows_ms: [...windows_ms].sort((a, b) => a - b),
    lateness_ms: lateness_ms === Number.POSITIVE_INFINITY ? null : lateness_ms,
    default: definition.default,
    personal,
  };
}

/** The public features of an entity, in vector order. */
export function publicFeatures(entity: EntityName): readonly FeatureDefinition[] {
  return featureDefinitions[entity].filter((definition) => !definition.internal);
}

/** Every public feature, by entity in vector order. */
export const featureCatalogue: readonly FeatureDescription[] = entityNames.flatMap((entity) => publicFeatures(entity).map(describe));
