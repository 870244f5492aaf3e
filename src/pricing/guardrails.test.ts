import { describe, expect, test } from "vitest";
import { defaultPolicy, type Policy } from "../contracts/policy.ts";
import { noBand, type TeacherBand } from "../features/teacher-band.ts";
import type { CompiledModel } from "../models/compiled.ts";
import { optimizeAnswer } from "./answer.ts";
import { priceCourse, type PriceOutcome } from "./price-course.ts";
import { termsFor } from "./price-terms.ts";
import { testInputs, testModel } from "./testing.ts";

const up = testModel({ elasticity: -0.4, se: 0.1 });
const down = testModel({ elasticity: -2.5, se: 0.1 });

function price(model: CompiledModel, changes: Partial<Policy> = {}, features: Readonly<Record<string, number>> = {}, band: TeacherBand = noBand, current_price = 100): PriceOutcome {
  const policy = { ...defaultPolicy, ...changes };
  const inputs = testInputs({ features, current_price, objective: policy.objective });
  return priceCourse({ ...inputs, terms: termsFor(policy, "C00001", "programming", band) }, model, policy);
}

const reasonOf = ({ waterfall }: PriceOutcome, name: string): string | undefined => waterfall.find((step) => step.name === name)?.reason;

describe("cool-down", () => {
  const policy = { cool_down_hours: 24 };

  test("holds a price that was set a short while ago, with what that costs", () => {
    const outcome = price(up, policy, { days_since_repriced: 0.99 });
    expect(outcome).toMatchObject({ optimal_price: 100, allowed: { min: 100, max: 100 }, binding: ["supported_range", "cool_down"] });
    expect(outcome.waterfall.find(({ name }) => name === "cool_down")?.cost_tokens).toBeGreaterThan(0);
    expect(optimizeAnswer(outcome, "q").reasoning).toContain("was set a short while ago");
    expect(price(up, policy, { days_since_repriced: 1 }).optimal_price).toBe(110);
    expect(price(up, policy, { days_since_repriced: 3_650 }).optimal_price).toBe(110);
    expect(price(up, {}, { days_since_repriced: 0 }).optimal_price).toBe(110);
  });

  test("does not keep a price that floor or ceiling forbid", () => {
    expect(price(up, { ...policy, ceiling_tokens: 90 }, { days_since_repriced: 0 }).optimal_price).toBe(90);
  });
});

describe("the teacher's band", () => {
  test("bounds the price and says whose bound it is", () => {
    const capped = price(up, {}, {}, { min_price_tokens: 80, max_price_tokens: 105 });
    expect(capped.optimal_price).toBe(105);
    expect(reasonOf(capped, "ceiling")).toBe("The teacher's ceiling is 105 tokens.");
    const raised = price(down, {}, {}, { min_price_tokens: 97, max_price_tokens: 0 });
    expect(raised.optimal_price).toBe(97);
    expect(reasonOf(raised, "floor")).toBe("The teacher's floor is 97 tokens.");
    expect(price(up, { respect_teacher_band: false }, {}, { min_price_tokens: 80, max_price_tokens: 105 }).optimal_price).toBe(110);
  });
});

describe("rounding", () => {
  test("to the nearest price that ends as asked inside the guardrails, else the price stays", () => {
    expect(price(up, { rounding: { kind: "charm", endings: [9] } })).toMatchObject({ optimal_price: 109 });
    expect(price(down, { rounding: { kind: "charm", endings: [9] } })).toMatchObject({ optimal_price: 99 });
    expect(price(up, { rounding: { kind: "multiple", of: 25 } })).toMatchObject({ optimal_price: 100, hold: undefined });
    expect(price(up, { rounding: { kind: "multiple", of: 25 }, step_log_max: 0.3 })).toMatchObject({ optimal_price: 125 });
    expect(reasonOf(price(up, { rounding: { kind: "charm", endings: [9, 5] } }), "charm")).toBe("To a price that ends in 9 or 5 inside the guardrails.");
  });

  test("never beyond a bound, whatever the ending", () => {
    // The only 9 in reach would earn less than the price now.
    expect(price(up, { rounding: { kind: "charm", endings: [9] }, ceiling_tokens: 108 })).toMatchObject({ candidate_price: 99, optimal_price: 100, hold: "cost" });
    // Above the ceiling, and no 9 at or below it within reach: the bound.
    expect(price(up, { rounding: { kind: "charm", endings: [99] }, ceiling_tokens: 90 }).optimal_price).toBe(90);
  });
});

describe("promotions", () => {
  const sale = { name: "sale", from: "2025-10-01T00:00:00Z", to: "2025-11-01T00:00:00Z", factor: 0.92, categories: [], courses: [] };
  const running = (...promotions: (typeof sale)[]): Partial<Policy> => ({ time: { ...defaultPolicy.time, promotions } });

  test("multiply the price while they run, are not held for what they cost, and say so", () => {
    const policy = { ...running(sale), weights: { ...defaultPolicy.weights, elasticity: 0 } };
    const outcome = price(up, policy);
    expect(outcome).toMatchObject({ optimal_price: 92, promotion: "sale", hold: undefined });
    expect(optimizeAnswer(outcome, "q").reasoning).toBe("Promotion sale runs, so the price falls from 100 to 92 tokens.");
    expect(price(up, { ...policy, time: { ...defaultPolicy.time, promotions: [{ ...sale, to: "2025-10-02T00:00:00Z" }] } })).toMatchObject({ promotion: undefined, optimal_price: 100 });
  });

  test("keep to step and floor", () => {
    expect(price(down, running({ ...sale, factor: 0.5 })).optimal_price).toBe(91);
    expect(price(down, { ...running(sale), floor_tokens: 98 }).optimal_price).toBe(98);
  });

  test("the most specific one of those that run", () => {
    const all = running(sale, { ...sale, name: "category", factor: 0.95, categories: ["programming"] as never[] }, { ...sale, name: "course", factor: 0.97, courses: ["C00001"] as never[] });
    expect(price(up, all).promotion).toBe("course");
  });
});

describe("margin", () => {
  const policy: Partial<Policy> = { objective: "margin", cost_per_enrollment: { default: 60, categories: {}, courses: {} }, grid: { span: 10, points: 512 }, step_log_max: 2 };

  test("a cost raises the price that is best, and the answer tells both margins", () => {
    const elastic = testModel({ elasticity: -1.5, se: 0.05 });
    const revenue = price(elastic, { ...policy, objective: "revenue" });
    const margin = price(elastic, policy);
    expect(margin.optimum.price).toBeGreaterThan(revenue.optimum.price);
    const { expected } = optimizeAnswer(margin, "q");
    expect(expected.optimized_margin).toBeGreaterThan(expected.current_margin!);
    expect(expected.current_margin!).toBeCloseTo(0.4 * expected.current_revenue, 0);
    expect(optimizeAnswer(revenue, "q").expected.current_margin).toBeUndefined();
  });

  test("a price below cost rises, however it sells", () => {
    const outcome = price(down, { ...policy, step_log_max: 0.1 }, { reference_price_tokens: 50 }, noBand, 50);
    expect(outcome.optimal_price).toBeGreaterThan(50);
    expect(outcome.loss_probability).toBe(0);
  });
});

test("intervals: the current price's revenue, the optimised one's, and enrollments, each around what is expected", () => {
  const { expected, optimal_price } = optimizeAnswer(price(up), "q");
  for (const [{ low, high }, value] of [[expected.interval, expected.optimized_revenue], [expected.current_interval, expected.current_revenue], [expected.enrollments_interval, expected.optimized_enrollments]] as const) {
    expect(low).toBeLessThan(value);
    expect(high).toBeGreaterThan(value);
  }
  expect(expected.interval.high).toBe(expected.enrollments_interval.high * optimal_price);
});
