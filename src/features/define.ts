import type { Aggregator, Reading } from "./aggregator.ts";
import type { DerivedFeature, FeatureDefinition, Folds, StateDefinition } from "./definition.ts";
import type { EntityName } from "./store.ts";
import type { TiledWindow } from "./tiled-window.ts";

type Details = Pick<FeatureDefinition, "name" | "unit" | "description"> & { readonly default?: number; readonly internal?: boolean };

export interface Definer {
  /** State that takes events of any age. */
  readonly state: (name: string, aggregator: Aggregator, folds: Folds) => StateDefinition;
  /** State that takes events as old as its ring of tiles or days. */
  readonly windowState: (name: string, aggregator: TiledWindow, folds: Folds) => StateDefinition;
  readonly stored: (details: Details, state: StateDefinition, reading: Reading, window_ms?: number) => FeatureDefinition;
  /** Reads a state of the days from `from_days` before this one on, up to `to_days` before it. */
  readonly days: (details: Details, state: StateDefinition, reading: Reading, from_days: number, to_days?: number) => FeatureDefinition;
  readonly derived: (details: Details, from: readonly string[], formula: DerivedFeature["formula"]) => FeatureDefinition;
}

/** Short forms of an entity's definitions. Features default to 0 and are public. */
export function featuresOf(entity: EntityName, { personal }: { readonly personal: boolean }): Definer {
  const feature = (details: Details, source: FeatureDefinition["source"]): FeatureDefinition => ({ default: 0, internal: false, ...details, entity, personal, source });
  return {
    state: (name, aggregator, folds) => ({ name, entity, aggregator, folds, lateness_ms: Number.POSITIVE_INFINITY }),
    windowState: (name, aggregator, folds) => ({ name, entity, aggregator, folds, lateness_ms: aggregator.tile_ms * (aggregator.tiles - 1) }),
    stored: (details, state, reading, window_ms = 0) => feature(details, { kind: "stored", state, reading, window_ms }),
    days: (details, state, reading, from_days, to_days = 0) => feature(details, { kind: "days", state, reading, from_days, to_days }),
    derived: (details, from, formula) => feature(details, { kind: "derived", from, formula }),
  };
}
