import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { defaultPolicy, policySchema } from "../contracts/policy.ts";
import { type PolicyConflict, validatePolicy } from "./policy-conflicts.ts";

const rulesOf = (conflicts: readonly PolicyConflict[]): (readonly [string, string])[] => conflicts.map(({ rules }) => rules);
const validate = (document: z.input<typeof policySchema>): PolicyConflict[] => validatePolicy(policySchema.parse(document));

const june = { from: "2026-06-01T00:00:00Z", to: "2026-06-08T00:00:00Z" };
const later = { from: "2026-06-07T00:00:00Z", to: "2026-06-09T00:00:00Z" };
const promotion = { name: "june", factor: 0.95, ...june };

describe("validatePolicy", () => {
  test("the default, a document of defaults and one that uses everything stand", () => {
    const { version, ...document } = defaultPolicy;
    expect(version).toBe("default-1");
    expect(validatePolicy(document)).toEqual([]);
    expect(validate({})).toEqual([]);
    expect(
      validate({
        objective: "margin",
        cost_per_enrollment: { default: 5 },
        weights: { time: 0.2, lifecycle: 0.1 },
        time: { learned: true, promotions: [promotion, { ...promotion, name: "art", categories: ["art"] }] },
        bounds: { categories: { art: { floor_tokens: 20, ceiling_tokens: 200 } }, courses: { c1: { floor_tokens: 30 } } },
        rounding: { kind: "charm", endings: [9, 5] },
        exploration: { kind: "jitter", sigma: 0.05 },
        cool_down_hours: 24,
        fairness: { attributes: ["device"] },
        schedule: { from: "2026-01-01T00:00:00Z" },
        application: { mode: "automatic" },
      }),
    ).toEqual([]);
  });

  const contradictions: readonly [string, z.input<typeof policySchema>, readonly [string, string]][] = [
    ["a floor above its ceiling", { floor_tokens: 50, ceiling_tokens: 40 }, ["floor_tokens", "ceiling_tokens"]],
    ["a category's ceiling below everybody's floor", { floor_tokens: 50, bounds: { categories: { art: { ceiling_tokens: 40 } } } }, ["floor_tokens", "bounds.categories.art.ceiling_tokens"]],
    ["a course's floor above everybody's ceiling", { ceiling_tokens: 50, bounds: { courses: { c1: { floor_tokens: 60 } } } }, ["bounds.courses.c1.floor_tokens", "ceiling_tokens"]],
    ["charm endings that no price has", { floor_tokens: 20, ceiling_tokens: 28, rounding: { kind: "charm", endings: [9] } }, ["rounding", "ceiling_tokens"]],
    ["multiples that a course's range has none of", { rounding: { kind: "multiple", of: 50 }, bounds: { courses: { c1: { floor_tokens: 51, ceiling_tokens: 99 } } } }, ["rounding", "bounds.courses.c1.floor_tokens"]],
    ["a cost above the ceiling", { objective: "margin", cost_per_enrollment: { default: 100_000 } }, ["cost_per_enrollment.default", "ceiling_tokens"]],
    ["a course's cost above its ceiling", { objective: "margin", cost_per_enrollment: { courses: { c1: 60 } }, bounds: { courses: { c1: { ceiling_tokens: 50 } } } }, ["cost_per_enrollment.courses.c1", "bounds.courses.c1.ceiling_tokens"]],
    ["a margin without a cost", { objective: "margin" }, ["objective", "cost_per_enrollment"]],
    ["exploration without a step", { step_log_max: 0, exploration: { kind: "jitter", sigma: 0.05 } }, ["exploration", "step_log_max"]],
    ["exploration that is always held", { hold_probability: 0, exploration: { kind: "thompson" } }, ["exploration", "hold_probability"]],
    ["draws faster than the cool-down", { cool_down_hours: 48, exploration: { kind: "thompson" } }, ["exploration.period_hours", "cool_down_hours"]],
    ["a jitter wider than the step", { exploration: { kind: "jitter", sigma: 0.2 } }, ["exploration.sigma", "step_log_max"]],
    ["Thompson's draw without weight", { weights: { elasticity: 0 }, exploration: { kind: "thompson" } }, ["exploration", "weights.elasticity"]],
    ["Thompson for enrollments", { objective: "enrollments", exploration: { kind: "thompson" } }, ["exploration", "objective"]],
    ["personal prices without a discount", { personalisation: { max_discount: 0 } }, ["personalisation.enabled", "personalisation.max_discount"]],
    ["personal prices without a budget", { personalisation: { budget: { learner_tokens: 0 } } }, ["personalisation.enabled", "personalisation.budget.learner_tokens"]],
    ["more for one than for all", { personalisation: { budget: { global_tokens: 10, learner_tokens: 20 } } }, ["personalisation.budget.learner_tokens", "personalisation.budget.global_tokens"]],
    ["quotes that outlive their lock", { personalisation: { lock_hours: 1, expiry_minutes: 61 } }, ["personalisation.lock_hours", "personalisation.expiry_minutes"]],
    ["learned factors without weight", { time: { learned: true } }, ["time.learned", "weights.time"]],
    ["early and mature at once", { weights: { lifecycle: 0.2 }, lifecycle: { early_days: 200, mature_days: 100 } }, ["lifecycle.early_days", "lifecycle.mature_days"]],
    ["automatic prices without a cool-down", { application: { mode: "automatic" } }, ["application.mode", "cool_down_hours"]],
    ["a schedule that ends before it begins", { schedule: { from: june.to, to: june.from } }, ["schedule.from", "schedule.to"]],
    ["a promotion that never runs", { time: { promotions: [{ ...promotion, to: june.from }] } }, ["time.promotions.june.from", "time.promotions.june.to"]],
    ["a promotion outside of the schedule", { schedule: { from: "2027-01-01T00:00:00Z" }, time: { promotions: [promotion] } }, ["time.promotions.june", "schedule"]],
    ["a promotion that no step allows", { time: { promotions: [{ ...promotion, factor: 0.7 }] } }, ["time.promotions.june.factor", "step_log_max"]],
    ["a promotion that breaks a floor", { floor_tokens: 97, ceiling_tokens: 100, time: { promotions: [promotion] } }, ["time.promotions.june.factor", "floor_tokens"]],
    ["a promotion that breaks a course's ceiling", { bounds: { courses: { c1: { floor_tokens: 97, ceiling_tokens: 100 } } }, time: { promotions: [{ ...promotion, factor: 1.05, courses: ["c1"] }] } }, ["time.promotions.june.factor", "bounds.courses.c1.ceiling_tokens"]],
    ["promotions that overlap", { time: { promotions: [promotion, { ...promotion, name: "other", ...later }] } }, ["time.promotions.june", "time.promotions.other"]],
    ["promotions of one name", { time: { promotions: [promotion, { ...promotion, from: june.to, to: later.to }] } }, ["time.promotions.june", "time.promotions.june"]],
    ["an attribute twice", { fairness: { attributes: ["device", "device"] } }, ["fairness.attributes", "fairness.attributes"]],
  ];

  test.each(contradictions)("refuses %s, and nothing else about it", (_what, document, rules) => {
    const found = validate(document);
    expect(rulesOf(found)).toEqual([rules]);
    expect(found[0]?.message).toMatch(/^\S.*\S$/);
  });

  test("promotions of different courses or times, or one more specific than the other, may run", () => {
    const other = { ...promotion, name: "other" };
    expect(validate({ time: { promotions: [{ ...promotion, courses: ["c1"] }, { ...other, courses: ["c2"] }] } })).toEqual([]);
    expect(validate({ time: { promotions: [promotion, { ...other, from: june.to, to: later.to }] } })).toEqual([]);
    expect(validate({ time: { promotions: [promotion, { ...other, categories: ["art"] }] } })).toEqual([]);
  });

  test("a course's bounds are held against its category's where that is known", () => {
    const document = policySchema.parse({ bounds: { categories: { art: { ceiling_tokens: 50 } }, courses: { c1: { floor_tokens: 60 } } } });
    expect(validatePolicy(document)).toEqual([]);
    expect(rulesOf(validatePolicy(document, { categoryOf: () => "art" }))).toEqual([["bounds.courses.c1.floor_tokens", "bounds.categories.art.ceiling_tokens"]]);
    expect(validatePolicy(document, { categoryOf: () => "music" })).toEqual([]);
  });

  test("a misspelt rule is refused by name", () => {
    expect(() => policySchema.parse({ flor_tokens: 3 })).toThrow(/flor_tokens/);
    expect(() => policySchema.parse({ exploration: { kind: "jitter", sigma: 0.05, sigmaa: 1 } })).toThrow(/sigmaa/);
  });
});
