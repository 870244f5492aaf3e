import { describe, expect, test } from "vitest";
import { defaultPolicy, type Exploration, type Policy } from "../contracts/policy.ts";
import { HOUR_MS } from "../lib/time.ts";
import { priceCourse, type PriceOutcome } from "./price-course.ts";
import { testInputs, testModel, under } from "./testing.ts";

const jitter: Exploration = { kind: "jitter", sigma: 0.04, period_hours: 24, seed: 7 };
const thompson: Exploration = { kind: "thompson", period_hours: 24, seed: 7 };
const exploring = (exploration: Exploration, changes: Partial<Policy> = {}): Policy => ({ ...defaultPolicy, exploration, hold_probability: 0.6, ...changes });

/** A course whose posterior is wide: every price within the step may come out. */
const unsure = testModel({ elasticity: -1.2, se: 0.5, level_sd: 0.8 });
const price = (policy: Policy, changes: Parameters<typeof testInputs>[0] = {}): PriceOutcome => priceCourse(under(policy, testInputs({ cells: [0, 40, 4], ...changes })), unsure, policy);

/** Draws of 1,500 courses that differ in their id alone: how often each price came out, and how likely it said it was. */
function draws(policy: Policy, changes: Parameters<typeof testInputs>[0] = {}): Map<number, { seen: number; probability: number }> {
  const found = new Map<number, { seen: number; probability: number }>();
  for (let i = 0; i < DRAWS; i++) {
    const { optimal_price, exploration } = price(policy, { ...changes, course_id: `c${i}` });
    const one = found.get(optimal_price) ?? { seen: 0, probability: exploration?.probability ?? Number.NaN };
    one.seen++;
    // The same price is as likely for every course: nothing but the draw differs.
    expect(exploration?.probability).toBeCloseTo(one.probability, 12);
    found.set(optimal_price, one);
  }
  return found;
}

const DRAWS = 1_500;

describe("drawn prices", () => {
  const cases: readonly [string, Policy, Parameters<typeof testInputs>[0]][] = [
    ["jitter", exploring(jitter), {}],
    ["jitter on charm prices", exploring(jitter, { rounding: { kind: "charm", endings: [9, 5, 2] } }), {}],
    ["jitter that floor and ceiling cut", exploring({ ...jitter, sigma: 0.09 }, { floor_tokens: 95, ceiling_tokens: 104 }), {}],
    ["Thompson", exploring(thompson), {}],
    ["Thompson blended with a competitor's pull", exploring(thompson), { features: { competitor_price_tokens: 60 } }],
    ["Thompson of a margin", exploring(thompson, { objective: "margin", cost_per_enrollment: { default: 30, categories: {}, courses: {} } }), { objective: "margin" }],
    ["Thompson that a hold rule cuts", exploring(thompson, { hold_probability: 0.02 }), {}],
  ];

  test.each(cases)("%s: each integer comes out as often as its probability says, and together they are all there is", { timeout: 120_000 }, (_name, policy, changes) => {
    const found = draws(policy, changes);
    expect(found.size).toBeGreaterThan(2);
    let total = 0;
    for (const { seen, probability } of found.values()) {
      total += probability;
      const deviation = Math.sqrt(DRAWS * probability * (1 - probability));
      expect(Math.abs(seen - DRAWS * probability)).toBeLessThan(4.5 * deviation + 3);
    }
    // What hardly ever happens is all that may be missing.
    expect(total).toBeGreaterThan(0.99);
    expect(total).toBeLessThan(1.000_001);
  });

  test("a course's draw holds for its period, whatever the minute, and changes with the next and with the seed", () => {
    const policy = exploring(jitter);
    const period_ms = 24 * HOUR_MS;
    const start_ms = Math.floor(1_760_000_000_000 / period_ms) * period_ms;
    const at = (now_ms: number, by = policy): number => price(by, { now_ms }).optimal_price;
    expect(new Set([start_ms, start_ms + 1, start_ms + period_ms - 1].map((now_ms) => at(now_ms))).size).toBe(1);
    expect(new Set(Array.from({ length: 10 }, (_, day) => at(start_ms + day * period_ms))).size).toBeGreaterThan(3);
    expect(new Set(Array.from({ length: 10 }, (_, seed) => at(start_ms, exploring({ ...jitter, seed })))).size).toBeGreaterThan(3);
  });

  test("the answer says so: where from, how likely, and in its waterfall and sentence", () => {
    const outcome = price(exploring(jitter));
    expect(outcome.exploration).toMatchObject({ kind: "jitter", sigma: 0.04 });
    expect(outcome.exploration!.pre_price).toBeGreaterThan(90);
    expect(outcome.waterfall.find(({ step }) => step === "exploration")).toMatchObject({ name: "jitter", price: outcome.optimal_price });
    expect(outcome.waterfall.at(-1)?.price).toBe(outcome.optimal_price);
  });

  test("nothing is drawn for a course without an id, while cooling, in a promotion, or where one price is open", () => {
    const drawn = (policy: Policy, changes: Parameters<typeof testInputs>[0] = {}): unknown => price(policy, changes).exploration;
    const promoted = { ...defaultPolicy.time, promotions: [{ name: "sale", from: "2025-01-01T00:00:00Z", to: "2026-01-01T00:00:00Z", factor: 0.95, categories: [], courses: [] }] };
    expect(drawn(exploring(jitter))).toBeDefined();
    expect(drawn(exploring(jitter), { course_id: null })).toBeUndefined();
    expect(drawn(exploring(jitter, { cool_down_hours: 48 }), { features: { days_since_repriced: 1 } })).toBeUndefined();
    expect(drawn(exploring(jitter, { cool_down_hours: 48 }), { features: { days_since_repriced: 2 } })).toBeDefined();
    expect(drawn(exploring(jitter, { time: promoted }))).toBeUndefined();
    expect(drawn(exploring(jitter, { floor_tokens: 100, ceiling_tokens: 100 }))).toBeUndefined();
    expect(drawn(exploring(jitter, { rounding: { kind: "multiple", of: 1_000 } }))).toBeUndefined();
    expect(drawn(defaultPolicy)).toBeUndefined();
  });

  test("a hold rule narrows what may be drawn to moves that are not too likely to lose", () => {
    const strict = exploring(jitter, { hold_probability: 0.001, hold_loss: 0.001 });
    for (let i = 0; i < 200; i++) {
      const outcome = price(strict, { course_id: `c${i}` });
      expect(outcome.loss_probability).toBeLessThanOrEqual(0.001);
    }
  });
});
