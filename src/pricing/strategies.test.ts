import { describe, expect, test } from "vitest";
import { defaultPolicy, type Policy } from "../contracts/policy.ts";
import { blended, blendOf } from "./blend.ts";
import { priceCourse } from "./price-course.ts";
import { type Proposal, proposals } from "./strategies.ts";
import { testInputs, testModel } from "./testing.ts";

const weighing = (weights: Partial<Policy["weights"]>, changes: Partial<Policy> = {}): Policy => ({ ...defaultPolicy, weights: { elasticity: 0, competitive: 0, lifecycle: 0, time: 0, bundle: 1, ...weights }, ...changes });

/** What one strategy proposes at an optimum of 120 tokens and a slope of 2. */
function proposed(name: keyof Policy["weights"], features: Readonly<Record<string, number>>, changes: Partial<Policy> = {}, current_price = 100): Proposal | undefined {
  return proposals(testInputs({ current_price, features }), { optimum: { price: 120, reason: "It is the optimum." }, slope: 2 }, weighing({ [name]: 0.5 }, changes))[0];
}

const learned = { time: { ...defaultPolicy.time, learned: true } };

describe("lifecycle", () => {
  // The description's own factors on its own anchor, 100 tokens: 0.7 in the first 30 days, 1 until 180, 0.85 from then on.
  test.each([[10, 70], [29.9, 70], [30, 100], [45, 100], [179.9, 100], [180, 85], [900, 85]])("%d days after its launch at 100 tokens: %d", (days, price) => {
    expect(proposed("lifecycle", { days_since_launch: days, base_price_tokens: 100 })?.price).toBeCloseTo(price, 9);
  });

  test("starts from the base price, not from the current one: it does not compound", () => {
    for (const current of [40, 70, 100]) expect(proposed("lifecycle", { days_since_launch: 10, base_price_tokens: 100 }, {}, current)?.price).toBeCloseTo(70, 9);
  });

  test("knows nothing of a course without a launch or a base price", () => {
    expect(proposed("lifecycle", { days_since_launch: 0, base_price_tokens: 100 })).toBeUndefined();
    expect(proposed("lifecycle", { days_since_launch: 10, base_price_tokens: 0 })).toBeUndefined();
  });
});

describe("time", () => {
  test("moves the optimum by e^(δ/b), within the policy's factors, and is silent until it may learn", () => {
    expect(proposed("time", { category_hour_lift: 0.1, category_weekday_lift: 0.02 }, learned)?.price).toBeCloseTo(120 * Math.exp(0.06), 9);
    expect(proposed("time", { category_hour_lift: -0.1, category_weekday_lift: 0.02 }, learned)?.price).toBeCloseTo(120 * Math.exp(-0.04), 9);
    expect(proposed("time", { category_hour_lift: 3 }, learned)?.price).toBeCloseTo(132, 9);
    expect(proposed("time", { category_hour_lift: -3 }, learned)?.price).toBeCloseTo(108, 9);
    expect(proposed("time", { category_hour_lift: 0.1 })).toBeUndefined();
  });
});

describe("the description's worked example: 100 tokens, 45 days old, elasticity −1.2, a category average of 105", () => {
  const features = { days_since_launch: 45, base_price_tokens: 100, category_price_loo_tokens: 105 };
  const model = (elasticity: number) => testModel({ elasticity, se: 0.05 });
  const elasticityPrice = (elasticity: number): number => priceCourse(testInputs({ features }), model(elasticity), weighing({ elasticity: 1 })).proposals[0]!.price;

  test("competitive: within ±20 % of the average nothing is asked for, there as here", () => {
    expect(proposed("competitive", features)).toBeUndefined();
  });

  test("lifecycle: the base price, there as here", () => {
    expect(proposed("lifecycle", features)?.price).toBe(100);
  });

  test("elasticity: the same direction for the same elasticity, but an optimum of a demand curve instead of a factor that compounds", () => {
    // There ×0.85 beyond −1.5, ×0.95 beyond −1 and ×1.1 else. With conversion near 8 % demand is close to constant elasticity: the optimum lies at an end of what is supported.
    expect(elasticityPrice(-1.2)).toBeLessThan(100);
    expect(elasticityPrice(-2)).toBeLessThan(100);
    expect(elasticityPrice(-0.7)).toBeGreaterThan(100);
  });

  test("blend: weights of those who propose, in log price; 0.4 · 95 + 0.3 · 100 + 0.3 · 100 there", () => {
    const list: Proposal[] = [{ name: "elasticity", price: 95, weight: 0.4, reason: "" }, { name: "competitive", price: 100, weight: 0.3, reason: "" }, { name: "lifecycle", price: 100, weight: 0.3, reason: "" }];
    expect(blended(list, 100)).toBeCloseTo(98, 1);
    expect(blended(list, 100)).toBeCloseTo(95 ** 0.4 * 100 ** 0.6, 9);
  });
});

test("a blend and what it asks of the elasticity strategy are each other's inverse", () => {
  const list: Proposal[] = [{ name: "elasticity", price: 95, weight: 0.4, reason: "" }, { name: "time", price: 130, weight: 0.6, reason: "" }];
  const blend = blendOf(list, 100);
  expect(blend.targetOf(95)).toBeCloseTo(blended(list, 100), 9);
  for (const target of [20, 99, 400]) expect(blend.targetOf(blend.elasticityPriceOf(target))).toBeCloseTo(target, 9);
  expect(blend.targetOf(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
});

test("weights are those of the strategies that propose", () => {
  const policy = weighing({ elasticity: 0.6, competitive: 0.2, lifecycle: 0.2 });
  const grounds = { optimum: { price: 120, reason: "" }, slope: 2 };
  const names = (features: Readonly<Record<string, number>>): (readonly [string, number])[] => proposals(testInputs({ features }), grounds, policy).map(({ name, weight }) => [name, Math.round(weight * 100) / 100]);
  expect(names({ competitor_price_tokens: 50, base_price_tokens: 90 })).toEqual([["elasticity", 0.6], ["competitive", 0.2], ["lifecycle", 0.2]]);
  expect(names({ competitor_price_tokens: 100, base_price_tokens: 90 })).toEqual([["elasticity", 0.75], ["lifecycle", 0.25]]);
});
