import { describe, expect, test } from "vitest";
import { categoryElasticity, courseElasticity } from "../models/elasticity-lookup.ts";
import { estimateElasticity } from "../models/jitter-elasticity.ts";
import { drawElasticityScenario, elasticityScenario, type ElasticityScenario } from "./elasticity-scenario.ts";

const draw = (seed: number, changes: Partial<ElasticityScenario> = {}): ReturnType<typeof drawElasticityScenario> => drawElasticityScenario({ ...elasticityScenario, seed, ...changes });

describe("the elasticity scenario", () => {
  test("has the sales, spread and confounding that it names, and is the same for the same seed", () => {
    for (const sales of [25, 255]) {
      let sold = 0;
      for (let seed = 0; seed < 4; seed++) for (const { enrollments } of draw(seed, { sales }).trials) sold += enrollments.reduce((sum, count) => sum + count, 0);
      // The categories that a seed draws make a seventh more or less of it.
      expect(Math.abs(sold / (4 * elasticityScenario.courses) / sales - 1)).toBeLessThan(0.15);
    }
    const { trials, courses, categories } = draw(1);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(2).trials[0]!.enrollments).not.toEqual(trials[0]!.enrollments);
    const apart = trials.map(({ course_id, category }) => courses.get(course_id)! - categories.get(category)!);
    expect(Math.sqrt(apart.reduce((sum, x) => sum + x * x, 0) / apart.length)).toBeCloseTo(0.3, 1);
    const squares = trials.reduce((sum, { jitter }) => sum + jitter.reduce((own, x) => own + x * x, 0), 0);
    expect(Math.sqrt(squares / (trials.length * elasticityScenario.days))).toBeCloseTo(0.1, 3);
  });

  test("the estimate keeps the gates on a few seeds: no worse than the category's mean, and intervals that hold the truth", () => {
    for (const [sales, ratio_max] of [[255, 0.98], [25, 1.005]] as const) {
      let own = 0;
      let mean = 0;
      let held = 0;
      let courses = 0;
      let category = 0;
      for (let seed = 0; seed < 6; seed++) {
        const { trials, ...truth } = draw(seed, { sales });
        const report = estimateElasticity(trials);
        for (const trial of trials) {
          const e = truth.courses.get(trial.course_id)!;
          const { value, se } = courseElasticity(report, trial.category, trial.course_id);
          own += Math.abs(value - e);
          mean += Math.abs(categoryElasticity(report, trial.category).value - e);
          held += Math.abs(value - e) <= 1.96 * se ? 1 : 0;
          courses++;
        }
        for (const [name, e] of truth.categories) category += Math.abs(categoryElasticity(report, name).value - e) / 48;
      }
      expect(own / mean, `${sales} sales`).toBeLessThan(ratio_max);
      expect(category, `${sales} sales`).toBeLessThan(sales === 255 ? 0.12 : 0.25);
      expect(held / courses, `${sales} sales`).toBeGreaterThan(0.91);
      expect(held / courses, `${sales} sales`).toBeLessThan(0.985);
    }
  });

  test("null modes: without jitter nothing is identified; without an effect intervals hold 0", () => {
    const none = draw(3, { sigma: 0 });
    const unknown = estimateElasticity(none.trials);
    for (const { course_id, category } of none.trials) expect(courseElasticity(unknown, category, course_id)).toMatchObject({ identified: false, source: "prior" });
    for (let seed = 0; seed < 4; seed++) {
      const flat = draw(seed, { category_low: 0, category_high: 0, tau_course: 0 });
      const report = estimateElasticity(flat.trials);
      const estimates = [report.global, ...flat.trials.map(({ course_id, category }) => courseElasticity(report, category, course_id))];
      expect(estimates.filter(({ value, se }) => Math.abs(value) <= 1.96 * se).length / estimates.length).toBeGreaterThan(0.93);
      expect(estimates.every(({ identified }) => identified)).toBe(true);
    }
  });
});
