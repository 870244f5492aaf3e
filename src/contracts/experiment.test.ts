import { describe, expect, test } from "vitest";
import { experimentSchema } from "./experiment.ts";

const sound = {
  unit: { kind: "learner" },
  arms: [
    { name: "list", weight: 1, price: { kind: "list" } },
    { name: "engine", weight: 2, price: { kind: "active" } },
  ],
  control_arm: "list",
  salt: "s",
  metric: "revenue",
  minimum_effect: 2,
};
const course = { kind: "course_cluster", cluster_by: "course", period_days: 7 };

describe("definitions of experiments", () => {
  test("what is left out has its default", () => {
    expect(experimentSchema.parse(sound)).toEqual({ ...sound, holdout_share: 0, traffic: { from: 0, to: 1 }, outcome_days: 14, cuped: true, guardrails: [], alpha: 0.05, minimum_days: 7 });
  });

  test("one arm beside a hold-out is an experiment, and two that charge by the same are an A/A test", () => {
    expect(experimentSchema.safeParse({ ...sound, arms: [sound.arms[1]], holdout_share: 0.1, control_arm: "holdout" }).success).toBe(true);
    expect(experimentSchema.safeParse({ ...sound, arms: [sound.arms[1], { ...sound.arms[1], name: "again" }], control_arm: "again" }).success).toBe(true);
  });

  test.each<[string, object, string, RegExp]>([
    ["one arm", { arms: [sound.arms[0]] }, "arms", /one arm alone/],
    ["names twice", { arms: [sound.arms[0], sound.arms[0]] }, "arms", /two arms are named list/],
    ["a control that is no arm", { control_arm: "other" }, "control_arm", /none of the arms/],
    ["an arm with the hold-out's name", { arms: [...sound.arms, { ...sound.arms[0], name: "holdout" }], holdout_share: 0.1 }, "holdout_share", /conflicts with the arm named holdout/],
    ["an empty range of traffic", { traffic: { from: 0.5, to: 0.5 } }, "traffic", /greater/],
    ["categories and courses", { categories: ["a"], courses: ["C1"] }, "courses", /conflicts with categories/],
    ["a period that is all washout", { unit: { ...course, washout_days: 7 } }, "unit.washout_days", /conflicts with period_days/],
    ["clusters by category of some courses", { unit: { ...course, cluster_by: "category" }, courses: ["C1"] }, "unit.cluster_by", /conflicts with courses/],
    ["two guardrails of one metric", { guardrails: [{ metric: "revenue", worse_by_max: 1 }, { metric: "revenue", worse_by_max: 2 }] }, "guardrails", /two guardrails/],
    ["an end before the start", { starts_at: "2026-02-01T00:00:00Z", ends_at: "2026-01-01T00:00:00Z" }, "ends_at", /conflicts with starts_at/],
    ["an end before a verdict", { starts_at: "2026-02-01T00:00:00Z", ends_at: "2026-02-05T00:00:00Z" }, "ends_at", /conflicts with minimum_days/],
    ["drop rates of courses", { unit: course, guardrails: [{ metric: "drop_rate", worse_by_max: 1 }] }, "guardrails", /kept of learners/],
    ["a course-level one that outlasts its outcomes", { unit: course, starts_at: "2026-01-01T00:00:00Z", ends_at: "2026-06-01T00:00:00Z" }, "ends_at", /at most 84 days/],
    ["an unknown field", { "__proto__x": 1 }, "", /Unrecognized/],
    ["no effect to look for", { minimum_effect: 0 }, "minimum_effect", /./],
    ["not a number", { alpha: Number.NaN }, "alpha", /./],
  ])("%s is refused, and the field is named", (_, over, field, reason) => {
    const { error } = experimentSchema.safeParse({ ...sound, ...over });
    expect(error?.issues.map(({ path }) => path.join("."))).toContain(field);
    expect(error?.issues.map(({ message }) => message).join("\n")).toMatch(reason);
  });
});
