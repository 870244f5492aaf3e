import { describe, expect, test } from "vitest";
import type { NotIdentified } from "./estimate.ts";
import { type GroupEffect, hierarchical } from "./hierarchical.ts";
import { leastSquares } from "./least-squares.ts";
import { poissonRegression } from "./poisson-regression.ts";
import { factorOf, type Sample } from "./sample.ts";
import { identified } from "./testing/drawn-sample.ts";
import { elasticityScenario } from "./testing/elasticity-scenario.ts";
import { twoStage } from "./two-stage.ts";

/** Sales relative to their course's mean, so that a slope on the log of the price is an elasticity whatever a course's level. */
function relativeSales({ sales, course }: ReturnType<typeof elasticityScenario>): Float64Array {
  const sums = new Map<number, { sum: number; count: number }>();
  for (const [i, own] of sales.entries()) {
    const entry = sums.get(course[i]!) ?? { sum: 0, count: 0 };
    sums.set(course[i]!, { sum: entry.sum + own, count: entry.count + 1 });
  }
  return sales.map((own, i) => (own * sums.get(course[i]!)!.count) / Math.max(1, sums.get(course[i]!)!.sum));
}

describe("prices that chase demand", () => {
  const scenario = elasticityScenario("scenario");
  const course = factorOf("course", scenario.course);
  const sample: Sample = {
    rows: scenario.rows,
    outcome: { name: "sales", values: scenario.sales },
    treatment: { name: "log price", values: scenario.log_price },
    controls: [],
    instruments: [{ name: "jitter", values: scenario.jitter }],
    fixed_effects: [course, factorOf("day", scenario.day)],
    clusters: [course],
  };

  test("pooled least squares gets the wrong sign, and is sure of it", () => {
    const pooled = identified(leastSquares({ ...sample, fixed_effects: [], outcome: { name: "log sales", values: scenario.sales.map(Math.log1p) } }));
    expect(pooled.treatment.low).toBeGreaterThan(0.1);
  });

  test("fixed effects alone are still far off: the hidden shock moves within courses", () => {
    const within = identified(leastSquares({ ...sample, outcome: { name: "relative sales", values: relativeSales(scenario) } }));
    expect(within.treatment.low).toBeGreaterThan(scenario.elasticity + 0.5);
  });

  test("fixed effects with the jitter as instrument get it right", () => {
    const fit = identified(twoStage({ ...sample, outcome: { name: "relative sales", values: relativeSales(scenario) } }));
    expect(fit.first_stage.f).toBeGreaterThan(100);
    expect(fit.weak).toBe(false);
    expect(fit.treatment.high).toBeLessThan(0);
    expect(fit.treatment.low).toBeLessThan(scenario.elasticity);
    expect(fit.treatment.high).toBeGreaterThan(scenario.elasticity);
    expect(fit.treatment.se).toBeLessThan(0.2);
  });

  test("so does a Poisson regression on the jitter", () => {
    const fit = identified(poissonRegression({ ...sample, treatment: { name: "jitter", values: scenario.jitter } }));
    expect(fit.treatment.low).toBeLessThan(scenario.elasticity);
    expect(fit.treatment.high).toBeGreaterThan(scenario.elasticity);
  });

  test("without jitter the instrument is nothing, and that is the answer", () => {
    const { jitter } = elasticityScenario("still", { courses: 20, days: 30, sigma: 0 });
    expect(jitter.every((own) => own === 0)).toBe(true);
    expect(twoStage({ ...sample, instruments: [{ name: "jitter", values: new Float64Array(sample.rows) }] })).toMatchObject({ identified: false, reason: "no_instrument" });
  });

  test("by course and shrunk: closer to the truth than each course by itself, and a course that never moved its price has the mean", () => {
    const frozen = scenario.jitter.map((own, i) => (scenario.course[i] === 5 ? 0 : own));
    const names = Array.from({ length: course.levels }, (_, i) => `C${i}`);
    const fit = identified(
      hierarchical({ ...sample, treatment: { name: "jitter", values: frozen }, fixed_effects: [], clusters: [] }, course, names, (own): GroupEffect | NotIdentified => {
        const found = poissonRegression(own);
        return found.identified ? { identified: true, treatment: found.treatment, rows: found.rows } : found;
      }),
    );
    expect(Math.abs(fit.mean.value - scenario.elasticity)).toBeLessThan(3 * fit.mean.se + 0.1);
    expect(fit.tau).toBeGreaterThan(0.1);
    const frozenCourse = fit.groups.find(({ group }) => group === "C5")!;
    expect(frozenCourse).toMatchObject({ own: { identified: false, reason: "no_variation" }, value: fit.mean.value, share: 1 });
    expect(frozenCourse.se).toBeGreaterThan(fit.tau);
    const spread = (of: (group: (typeof fit.groups)[number]) => number): number => fit.groups.filter(({ group }) => group !== "C5").reduce((sum, group) => sum + (of(group) - scenario.elasticity) ** 2, 0);
    expect(spread(({ value }) => value)).toBeLessThan(spread(({ own }) => ("estimate" in own ? own.estimate : 0)));
  });

  test("nothing to shrink is an answer", () => {
    expect(hierarchical(sample, course, Array.from({ length: course.levels }, String), () => ({ identified: false, reason: "no_events", detail: "none" }))).toMatchObject({ identified: false, reason: "no_variation" });
  });
});
