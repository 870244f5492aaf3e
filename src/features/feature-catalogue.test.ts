import { describe, expect, test } from "vitest";
import { eventTypes } from "../contracts/events.ts";
import { DAY_MS, HOUR_MS } from "../lib/time.ts";
import type { FeatureDefinition } from "./definition.ts";
import { Evaluator } from "./evaluator.ts";
import { type FeatureDescription, featureCatalogue, outsideFeature } from "./feature-catalogue.ts";
import { featureDefinitions, perEntity, recordWidths, stateDefinitions } from "./feature-set.ts";
import { entityNames } from "./store.ts";
import type { TiledWindow } from "./tiled-window.ts";

function described(entity: string, name: string): FeatureDescription | undefined {
  return featureCatalogue.find((feature) => feature.entity === entity && feature.name === name);
}

describe("the catalogue", () => {
  test("has everything that the product description names", () => {
    const named = {
      course: "price_tokens total_enrollments teacher_quality_score price_over_category price_over_competitor category_price_loo_tokens quality_score days_since_launch difficulty_level quality_tier conversion_30d completion_rate refund_rate rating_mean",
      category: "average_price_tokens competitor_price_tokens courses enrollments_30d revenue_30d_tokens conversion_30d enrollments_trend competitive_index",
      learner:
        "days_since_last_enrollment days_since_last_activity enrolled completion_rate rating_given_mean ratings_given streak_days forum_participation assignment_submission_rate session_minutes_14d session_minutes_previous_14d session_minutes_trend " +
        "balance_tokens spent_tokens earned_tokens purchased_tokens affordability discount_uptake exposures_30d recency_score engagement_score financial_score success_score satisfaction_score inactivity_score engagement_decline",
      teacher: "courses quality_given quality_from_outcomes revenue_tokens min_price_tokens max_price_tokens",
      learner_course: "price_paid_tokens completed_at_ms minutes rating affordability",
      platform: "actives enrollments tokens_sold tokens_spent tokens_outstanding revenue_tokens churned conversion",
      price_history: "repricings last_price_tokens",
    };
    for (const [entity, names] of Object.entries(named)) for (const name of names.split(" ")) expect(described(entity, name), `${entity}.${name}`).toBeDefined();
  });

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
    // The shortest of what it reads: posts by day, before streaks and assignments.
    expect(described("learner", "engagement_score")).toMatchObject({ lateness_ms: 30 * DAY_MS, windows_ms: [30 * DAY_MS] });
    expect(described("category", "courses")?.events).toEqual(["course.upserted"]);
    expect(described("teacher", "courses")?.events).toEqual(["course.upserted"]);
    expect(described("platform", "churned")).toMatchObject({ windows_ms: [60 * DAY_MS, 90 * DAY_MS], aggregators: ["distinct:11"], lateness_ms: null, personal: false });
    expect(described("platform", "tokens_outstanding")).toMatchObject({ windows_ms: [], unit: "tokens" });
    expect(described("learner", "affordability")).toMatchObject({ events: expect.arrayContaining(["exposure.viewed", "token.spent"]) as unknown, personal: true });
    expect(described("learner_course", "affordability")).toMatchObject({ events: expect.arrayContaining(["course.repriced", "token.spent"]) as unknown, personal: true });
    expect(described("course", "teacher_quality_score")).toMatchObject({ events: ["teacher.upserted"], default: 0.5 });
  });

  test("gives a feature's default where nothing is known", () => {
    for (const entity of entityNames) {
      const definitions = featureDefinitions[entity];
      const others = definitions.flatMap(({ source }) => (source.kind === "derived" ? source.from.filter((name) => name.includes(".")) : []));
      const outside = [...new Set(others)];
      const evaluator = new Evaluator(definitions, outside);
      outside.forEach((name, i) => (evaluator.values[evaluator.outside + i] = outsideFeature(name)!.default));
      const values = evaluator.evaluate(new Float64Array(recordWidths[entity]), Date.UTC(2026, 0, 1));
      definitions.forEach((definition, i) => expect(values[i], `${entity}.${definition.name}`).toBeCloseTo(definition.default, 12));
    }
  });

  test("has no window that its ring of tiles cannot hold, nor the one before it where that is read", () => {
    const rings = entityNames.flatMap((entity) => featureDefinitions[entity].flatMap(({ name, source }) => (source.kind === "stored" && source.window_ms > 0 ? [{ name: `${entity}.${name}`, ...source }] : [])));
    const short = rings.filter(({ state, reading, window_ms }) => {
      const { tiles, tile_ms, before } = state.aggregator as TiledWindow;
      // One more for the tile that the window begins in.
      return tiles < Math.ceil(((reading === before ? 2 : 1) * window_ms) / tile_ms) + 1;
    });
    expect(short.map(({ name }) => name)).toEqual([]);
    expect(rings.length).toBeGreaterThan(40);
  });

  test("has no state that no feature reads, but those that the engine reads itself", () => {
    const read = perEntity((entity) => new Set(featureDefinitions[entity].flatMap(({ source }) => (source.kind === "derived" ? [] : [source.state]))));
    const unread = entityNames.flatMap((entity) => stateDefinitions[entity].filter((state) => !read[entity].has(state)).map((state) => `${entity}.${state.name}`));
    expect(unread).toEqual(["course.jitter_base", "course.jitter_demand"]);
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
