import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { experimentSchema } from "../../contracts/experiment.ts";
import { chiSquareTail } from "../../models/econometrics/distributions.ts";
import { armOf, armsOf, inScope, periodOf, switchbackUnit, takesPart, unitUniform } from "./assignment.ts";
import { DAY_MS } from "../../lib/time.ts";
import { learnerExperiment } from "./testing.ts";

/** p-value of counts against shares of their sum. */
function fit(counts: readonly number[], shares: readonly number[]): number {
  const all = counts.reduce((sum, count) => sum + count, 0);
  return chiSquareTail(counts.reduce((sum, count, i) => sum + (count - all * shares[i]!) ** 2 / (all * shares[i]!), 0), counts.length - 1);
}

const learners = Array.from({ length: 50_000 }, (_, i) => `L${String(i).padStart(6, "0")}`);

describe("assignment", () => {
  test.each(["a", "b", "price-2026", "😀"])("numbers of ids in sequence are uniform under salt %s", (salt) => {
    const counts = new Array<number>(100).fill(0);
    for (const learner of learners) counts[Math.floor(unitUniform(salt, learner) * 100)]!++;
    expect(fit(counts, counts.map(() => 0.01))).toBeGreaterThan(1e-4);
  });

  test("salts are independent of each other, and of the division of traffic", () => {
    const counts = new Array<number>(16).fill(0);
    const halves = [0, 0, 0, 0];
    for (const learner of learners) {
      counts[Math.floor(unitUniform("one", learner) * 4) * 4 + Math.floor(unitUniform("two", learner) * 4)]!++;
      halves[(takesPart({ from: 0, to: 0.5 }, learner) ? 0 : 2) + Math.floor(unitUniform("one", learner) * 2)]!++;
    }
    expect(fit(counts, counts.map(() => 1 / 16))).toBeGreaterThan(1e-4);
    expect(fit(halves, halves.map(() => 1 / 4))).toBeGreaterThan(1e-4);
  });

  test("arms get their shares, the hold-out its own", () => {
    const arms = armsOf(learnerExperiment({ control_arm: "holdout", arms: [{ name: "a", weight: 3, price: { kind: "active" } }, { name: "b", weight: 1, price: { kind: "list" } }], holdout_share: 0.2 }));
    expect(arms.map(({ name, probability }) => [name, probability])).toEqual([["a", 0.8 * 0.75], ["b", 0.8 * 0.25], ["holdout", 0.2]]);
    const counts = arms.map(() => 0);
    for (const learner of learners) counts[arms.indexOf(armOf(arms, "s", learner))]!++;
    expect(fit(counts, arms.map(({ probability }) => probability))).toBeGreaterThan(1e-4);
  });

  test("a unit's arm is a function of salt and id alone, and every id has one", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 64 }), fc.string({ minLength: 1, maxLength: 100 }), fc.array(fc.double({ min: 1e-3, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 8 }), (unit, salt, weights) => {
        const arms = armsOf({ arms: weights.map((weight, i) => ({ name: `a${i}`, weight, price: { kind: "active" as const } })), holdout_share: 0 });
        const arm = armOf(arms, salt, unit);
        expect(armOf(arms, salt, unit)).toBe(arm);
        expect(arms.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12);
      }),
    );
  });

  test("ranges that do not meet share nobody, and a division covers everybody", () => {
    const cuts = [0, 0.1, 0.35, 0.7, 1];
    for (const learner of learners.slice(0, 5_000)) {
      const in_ranges = cuts.slice(1).filter((to, i) => takesPart({ from: cuts[i]!, to }, learner));
      expect(in_ranges).toHaveLength(1);
    }
  });

  test("a switchback draws each cluster and period anew, at whole UTC days", () => {
    expect(periodOf(7 * DAY_MS - 1, 7)).toBe(0);
    expect(periodOf(7 * DAY_MS, 7)).toBe(1);
    const arms = armsOf(learnerExperiment({}));
    const counts = [0, 0, 0, 0];
    for (let cluster = 0; cluster < 500; cluster++) {
      for (let period = 0; period < 40; period++) {
        const [now, next] = [period, period + 1].map((at) => arms.indexOf(armOf(arms, "s", switchbackUnit(`C${cluster}`, at))));
        counts[now! * 2 + next!]!++;
      }
    }
    // Neither the arm nor whether it stays says anything of the other.
    expect(fit(counts, [0.25, 0.25, 0.25, 0.25])).toBeGreaterThan(1e-4);
  });

  test("a scope by courses or by categories", () => {
    const scope = (over: object): Parameters<typeof inScope>[0] => experimentSchema.parse({ ...learnerExperiment({}), ...over });
    expect(inScope(scope({}), null, "math")).toBe(true);
    expect(inScope(scope({ categories: ["math"] }), "C1", "math")).toBe(true);
    expect(inScope(scope({ categories: ["math"] }), "C1", "art")).toBe(false);
    expect(inScope(scope({ courses: ["C1"] }), "C1", "art")).toBe(true);
    expect(inScope(scope({ courses: ["C1"] }), null, "art")).toBe(false);
  });
});
