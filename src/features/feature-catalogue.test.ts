import { describe, expect, test } from "vitest";
import { eventTypes } from "../contracts/events.ts";
import { DAY_MS, HOUR_MS } from "../lib/time.ts";
import type { FeatureDefinition } from "./definition.ts";
import { Evaluator } from "./evaluator.ts";
import { type FeatureDescription, featureCatalogue } from "./feature-catalogue.ts";
import { featureDefinitions, perEntity, recordWidths, stateDefinitions } from "./feature-set.ts";
import { entityNames } from "./store.ts";

function described(entity: string, name: string): FeatureDescription | undefined {
  return featureCatalogue.find((feature) => feature.entity === entity && feature.name === name);
}

describe("the catalogue", () => {
  test("names every public feature once, with the events that change it", () => {
    const names = featureCatalogue.map(({ entity, name }) => `${entity}.${name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(featureCatalogue.map(({ entity }) => entity))).toEqual(new Set(entityNames));
    for (const feature of featureCatalogue) {
      expect(feature.events.length, feature.name).toBeGreaterThan(0);
      for (const type of feature.events) expect(eventTypes).toContain(type);
      expect(feature.aggregators.length).toBeGreaterThan(0);
      expect(feature.lateness_ms === null || feature.lateness_ms > 0).toBe(true);
    }
  });

  test("resolves windows, events and lateness through what a feature is derived from", () => {
    expect(described("course", "conversion_30d")).toMatchObject({ events: ["exposure.viewed", "enrollment.created"], windows_ms: [30 * DAY_MS], lateness_ms: 90 * DAY_MS });
    expect(described("course", "category_price_loo_tokens")?.events).toEqual(expect.arrayContaining(["course.upserted", "course.repriced"]));
    expect(described("course", "exposures_1h")).toMatchObject({ windows_ms: [HOUR_MS], lateness_ms: 24 * HOUR_MS, personal: false });
    expect(described("learner", "session_minutes_trend")).toMatchObject({ events: ["activity.session"], windows_ms: [14 * DAY_MS], personal: true });
    expect(described("learner", "days_since_last_enrollment")).toMatchObject({ default: 3_650, lateness_ms: null });
    expect(described("learner", "streak_days")).toMatchObject({ lateness_ms: 63 * DAY_MS });
    expect(described("category", "courses")?.events).toEqual(["course.upserted"]);
  });

  test("gives a feature's default where nothing is known", () => {
    const categories = featureDefinitions.category.map((definition) => `category.${definition.name}`);
    for (const entity of entityNames) {
      const definitions = featureDefinitions[entity];
      const values = new Evaluator(definitions, entity === "course" ? categories : []).evaluate(new Float64Array(recordWidths[entity]), Date.UTC(2026, 0, 1));
      definitions.forEach((definition, i) => expect(values[i], `${entity}.${definition.name}`).toBeCloseTo(definition.default, 12));
    }
  });

  test("has no state that no feature reads, but those that the engine reads itself", () => {
    const read = perEntity((entity) => new Set(featureDefinitions[entity].flatMap(({ source }) => (source.kind === "stored" ? [source.state] : []))));
    const unread = entityNames.flatMap((entity) => stateDefinitions[entity].filter((state) => !read[entity].has(state)).map((state) => `${entity}.${state.name}`));
    expect(unread).toEqual([]);
  });
});

test("derived features are computed in the order of their use, and a cycle is refused", () => {
  const derived = (name: string, from: readonly string[]): FeatureDefinition => ({
    name,
    entity: "course",
    unit: "count",
    description: name,
    default: 0,
    personal: false,
    internal: false,
    source: { kind: "derived", from, formula: (a, b) => a + b + 1 },
  });
  const values = new Evaluator([derived("c", ["b", "a"]), derived("b", ["a"]), derived("a", [])]).evaluate(new Float64Array(1), 0);
  expect([...values.subarray(0, 3)]).toEqual([4, 2, 1]);
  expect(() => new Evaluator([derived("a", ["b"]), derived("b", ["a"])])).toThrow(/a, b/);
});
