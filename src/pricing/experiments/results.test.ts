import { describe, expect, test } from "vitest";
import { experimentResultsSchema } from "../../contracts/experiment-results.ts";
import { Prng } from "../../lib/prng.ts";
import { DAY_MS } from "../../lib/time.ts";
import { courseResults } from "./course-results.ts";
import { experimentState } from "./experiment-state.ts";
import { learnerResults, type LearnerUnit } from "./learner-results.ts";
import { requiredUnits } from "./power.ts";
import { drawnCells, type DrawnLearners, drawnUnits } from "./simulated-experiment.ts";
import { courseExperiment, EXPERIMENT_START_MS, experimentHistory, learnerExperiment, startedExperiment } from "./testing.ts";

const drawn = { per_day: 120, days: 28, conversion: 0.15, price_tokens: 100, price_log_sd: 0.5, lift: 1, covariate_weight: 0.7 };
const end_ms = EXPERIMENT_START_MS + 60 * DAY_MS;
const experiment = learnerExperiment({ minimum_effect: 4, outcome_days: 7 });

function resultsOf(over: Partial<DrawnLearners> & { seed: string }, definition = experiment): ReturnType<typeof learnerResults> {
  const state = startedExperiment("e", definition);
  return learnerResults(state, drawnUnits(state, { ...drawn, ...over }), end_ms);
}

describe("results of learners", () => {
  test("A/A: of 120 experiments that were looked at every day, at most 5 % reject at any look, and the intervals cover", () => {
    let [rejected, missed] = [0, 0];
    for (let run = 0; run < 120; run++) {
      const [comparison] = resultsOf({ seed: `aa ${run}` }).comparisons;
      if (comparison!.p_value <= 0.05) rejected++;
      if (comparison!.interval!.low > 0 || comparison!.interval!.high < 0) missed++;
    }
    expect(rejected).toBeLessThanOrEqual(6);
    expect(missed).toBeLessThanOrEqual(rejected);
  });

  test("the power that the calculator promises is there", () => {
    const lift = 1.6;
    const [conversion, mean] = [0.15, 100 * Math.exp(0.125)];
    const probe = resultsOf({ seed: "probe", per_day: 2_000, lift });
    const effect = probe.comparisons[0]!.effect!;
    expect(effect).toBeGreaterThan(0.4 * conversion * mean);
    const outcome_sd = Math.sqrt(varianceOf(drawnUnits(startedExperiment("e", experiment), { ...drawn, seed: "sd", per_day: 2_000, lift })));
    const units = requiredUnits({ outcome_sd, covariate_correlation: 0, arm_share: 0.5, control_share: 0.5, design_effect: 1, alpha: 0.05, power: 0.8, tau2: 16 }, effect);
    let found = 0;
    for (let run = 0; run < 100; run++) {
      const { decision } = resultsOf({ seed: `power ${run}`, lift, per_day: Math.ceil(units / 28) }).verdict;
      if (decision === "better") found++;
    }
    // A promise of 80 % is kept unless fewer than 70 of 100 find it (99 %).
    expect(found).toBeGreaterThanOrEqual(70);
  });

  test("neither the order of the units nor who looked before says anything", () => {
    const state = startedExperiment("e", experiment);
    const units = drawnUnits(state, { ...drawn, seed: "order", lift: 1.3 });
    const results = learnerResults(state, units, end_ms);
    expect(learnerResults(state, units.toReversed(), end_ms)).toEqual(results);
    expect(experimentResultsSchema.parse(JSON.parse(JSON.stringify(results)))).toEqual(JSON.parse(JSON.stringify(results)));
  });

  test("the p-value only falls from day to day; outcomes that are not final do not count", () => {
    const state = startedExperiment("e", experiment);
    const units = drawnUnits(state, { ...drawn, seed: "days", lift: 1.5 });
    let [p, counted] = [1, 0];
    for (let day = 0; day <= 40; day++) {
      const results = learnerResults(state, units.filter(({ exposed_ms }) => exposed_ms <= EXPERIMENT_START_MS + day * DAY_MS), EXPERIMENT_START_MS + day * DAY_MS);
      const now_counted = results.arms.reduce((sum, arm) => sum + arm.counted, 0);
      expect(results.comparisons[0]!.p_value).toBeLessThanOrEqual(p);
      expect(now_counted).toBeGreaterThanOrEqual(counted);
      expect(results.verdict.decision === "too_early" && now_counted <= 1).toBe(day < 7);
      [p, counted] = [results.comparisons[0]!.p_value, now_counted];
    }
    expect(counted).toBe(units.length);
  });

  test("learners who went missing from one arm block the verdict, however clear", () => {
    const state = startedExperiment("e", experiment);
    const random = new Prng("missing");
    const units = drawnUnits(state, { ...drawn, seed: "missing", lift: 2 });
    expect(learnerResults(state, units, end_ms).verdict).toMatchObject({ decision: "better", arm: "engine" });
    const some = units.filter(({ arm, enrollments }) => arm === "list" || enrollments > 0 || random.uniform() < 0.8);
    expect(learnerResults(state, some, end_ms)).toMatchObject({ sample_ratio: { ok: false }, verdict: { decision: "blocked", arm: null } });
  });

  test("a guardrail is breached by what is certainly worse, and not by chance", () => {
    const guarded = learnerExperiment({ minimum_effect: 4, outcome_days: 7, guardrails: [{ metric: "conversion", worse_by_max: 0.03 }, { metric: "refund_rate", worse_by_max: 0.1 }] });
    const harmed = resultsOf({ seed: "harm", per_day: 300, lift: 0.5 }, guarded).guardrails;
    expect(harmed.map(({ metric, breached }) => [metric, breached])).toEqual([["conversion", true], ["refund_rate", false]]);
    let breaches = 0;
    for (let run = 0; run < 40; run++) breaches += resultsOf({ seed: `guard ${run}` }, guarded).guardrails.filter(({ breached }) => breached).length;
    expect(breaches).toBeLessThanOrEqual(2);
  });

  test("business figures stand beside the hold-out's; without one there are none", () => {
    const { business } = resultsOf({ seed: "business", per_day: 600, lift: 1.5 });
    const [engine] = business.arms;
    expect([business.holdout, engine!.arm, Object.keys(engine!.figures)]).toEqual(["list", "engine", ["revenue_tokens", "conversion", "churn_rate", "lifetime_value_tokens"]]);
    const { arm, holdout, difference } = engine!.figures["conversion"]!;
    expect(difference!.value).toBeCloseTo(arm!.value - holdout!.value, 12);
    expect(difference!.low).toBeGreaterThan(0);
    const churn = engine!.figures["churn_rate"]!.difference!;
    expect(churn.low < 0 && churn.high > 0).toBe(true);
    const no_holdout = learnerExperiment({ arms: ["a", "b"].map((name) => ({ name, weight: 1, price: { kind: "active" } })), control_arm: "a" });
    expect(resultsOf({ seed: "none" }, no_holdout).business).toEqual({ holdout: null, arms: [] });
  });

  test("nobody, one, or all alike: no number and no verdict", () => {
    const state = startedExperiment("e", experiment);
    const same: LearnerUnit = { arm: "engine", exposed_ms: EXPERIMENT_START_MS, covariate: undefined, revenue_tokens: 0, enrollments: 0, refunds: 0, drops: 0, churned: null, lifetime_tokens: null };
    for (const units of [[], [same], Array.from({ length: 400 }, (_, i) => ({ ...same, arm: i % 2 === 0 ? "engine" : "list" }))]) {
      const { comparisons, verdict, business } = learnerResults(state, units, end_ms);
      expect(comparisons[0]).toMatchObject({ effect: null, p_value: 1, interval: null });
      expect(verdict.decision).toBe("undecided");
      expect(JSON.stringify(business)).not.toMatch(/NaN|Infinity/);
    }
  });

  test("after an arm was stopped the others get its share of the expectation", () => {
    const three = learnerExperiment({ arms: ["list", "a", "b"].map((name) => ({ name, weight: 1, price: { kind: name === "list" ? "list" : "active" } })) });
    const stop_ms = EXPERIMENT_START_MS + 10 * DAY_MS;
    const state = experimentState(experimentHistory("e", three, { type: "experiment.started" }, { type: "experiment.arm_stopped", arm: "b", at_ms: stop_ms }))!;
    const units = drawnUnits(state, { ...drawn, seed: "stopped" }).filter(({ arm, exposed_ms }) => arm !== "b" || exposed_ms < stop_ms);
    expect(learnerResults(state, units, end_ms).sample_ratio!.ok).toBe(true);
    expect(learnerResults(startedExperiment("e", three), units, end_ms).sample_ratio!.ok).toBe(false);
  });
});

function varianceOf(units: readonly LearnerUnit[]): number {
  const control = units.filter(({ arm }) => arm === "list").map(({ revenue_tokens }) => revenue_tokens);
  const arm = units.filter((unit) => unit.arm !== "list").map(({ revenue_tokens }) => revenue_tokens);
  const variance = (of: readonly number[]): number => {
    const mean = of.reduce((sum, own) => sum + own, 0) / of.length;
    return of.reduce((sum, own) => sum + (own - mean) ** 2, 0) / (of.length - 1);
  };
  return (variance(control) + variance(arm)) / 2;
}

describe("results of switchbacks", () => {
  const definition = courseExperiment({ minimum_effect: 3 });

  test("intervals of courses whose luck lasts cover: those of one look 95 %, the always-valid ones more", () => {
    let [once, always] = [0, 0];
    const runs = 100;
    for (let run = 0; run < runs; run++) {
      const state = startedExperiment("e", definition);
      const { business, comparisons } = courseResults(state, drawnCells(state, { seed: `switch ${run}`, clusters: 60, periods: 8, effect: 5 }), end_ms);
      const { low, high } = business.arms[0]!.figures["revenue_per_course_day_tokens"]!.difference!;
      if (low <= 5 && 5 <= high) once++;
      const interval = comparisons[0]!.interval!;
      if (interval.low <= 5 && 5 <= interval.high) always++;
    }
    expect(once / runs).toBeGreaterThan(0.88);
    expect(always / runs).toBeGreaterThanOrEqual(0.95);
  });

  test("what courses and weeks sell anyhow does not hide an effect that is a tenth of it", () => {
    const state = startedExperiment("e", definition);
    const { comparisons, verdict } = courseResults(state, drawnCells(state, { seed: "clear", clusters: 400, periods: 8, effect: 6 }), end_ms);
    expect(comparisons[0]!.effect).toBeGreaterThan(4);
    expect(verdict).toMatchObject({ decision: "better", arm: "engine" });
  });

  test("a guardrail is breached by an arm that certainly earns less, and by no other; a stopped arm's later periods count for nothing", () => {
    const guarded = courseExperiment({ minimum_effect: 3, guardrails: [{ metric: "revenue", worse_by_max: 2 }, { metric: "conversion", worse_by_max: 0.02 }] });
    const breached = (effect: number): boolean[] => {
      const state = startedExperiment("e", guarded);
      return courseResults(state, drawnCells(state, { seed: "guard", clusters: 200, periods: 8, effect }), end_ms).guardrails.map((own) => own.breached);
    };
    expect([breached(-12), breached(0), breached(12)]).toEqual([[true, false], [false, false], [false, false]]);
    const stop_ms = EXPERIMENT_START_MS + 30 * DAY_MS;
    const stopped = experimentState(experimentHistory("e", guarded, { type: "experiment.started" }, { type: "experiment.arm_stopped", arm: "engine", at_ms: stop_ms }))!;
    const cells = drawnCells(stopped, { seed: "guard", clusters: 200, periods: 8, effect: 0 }).filter(({ arm, period }) => arm !== "engine" || (period + 1) * 7 * DAY_MS <= stop_ms);
    expect(courseResults(stopped, cells, end_ms).sample_ratio!.ok).toBe(true);
  });

  test("too few clusters say nothing, nor do cells without views or sales", () => {
    const state = startedExperiment("e", definition);
    expect(courseResults(state, drawnCells(state, { seed: "few", clusters: 15, periods: 8, effect: 50 }), end_ms).comparisons[0]).toMatchObject({ effect: null, p_value: 1 });
    const silent = drawnCells(state, { seed: "silent", clusters: 60, periods: 4, effect: 0 }).map(({ cluster, period, arm, course_days }) => ({ cluster, period, arm, course_days, revenue_tokens: 0, enrollments: 0, views: 0, refunds: 0 }));
    const results = courseResults(state, silent, end_ms);
    expect(results.comparisons[0]!.effect).toBeNull();
    expect(JSON.stringify(results)).not.toMatch(/NaN|Infinity/);
    expect(courseResults(state, [], end_ms).sample_ratio).toBeNull();
  });
});
