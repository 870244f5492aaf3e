import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EFFECTIVE_CLUSTERS_MIN, EFFECTIVE_DRAWS_MIN, evaluateOffPolicy, type OffPolicyEvaluation } from "./evaluate.ts";
import type { LoggedDraw } from "./logged-draw.ts";
import { intervalCoverage, overlaps, simulateLog, type SimulatedLog, trueValue } from "./testing.ts";

const [plain] = overlaps as [SimulatedLog];
const LOGS = 75;

let next = 0;
const draw = (cluster: string, views: number, reward: number, weight: number, expected_candidate = 0, expected_logged = 0): LoggedDraw => ({ cluster, draw: String(next++), views, reward, weight, expected_candidate, expected_logged });

function estimates(evaluation: OffPolicyEvaluation): NonNullable<OffPolicyEvaluation["estimates"]> {
  if (evaluation.estimates === undefined) throw new Error("no estimates");
  return evaluation.estimates;
}

describe("off-policy evaluation", () => {
  test("95 % intervals cover what all courses would bring, whatever the overlap", () => {
    const covered = { judged: 0, snips: 0, doubly_robust: 0 };
    for (const [k, log] of overlaps.entries()) {
      const { judged, snips, doubly_robust } = intervalCoverage(log, `coverage-${k}`, LOGS);
      covered.judged += judged;
      covered.snips += snips;
      covered.doubly_robust += doubly_robust;
    }
    const { judged } = covered;
    expect(judged).toBeGreaterThanOrEqual(400);
    expect(covered.snips / judged).toBeGreaterThanOrEqual(0.93);
    expect(covered.doubly_robust / judged).toBeGreaterThanOrEqual(0.93);
    // Nor because they are so wide that nothing could be missed.
    expect(covered.snips / judged).toBeLessThan(0.985);
  }, 60_000);

  test("doubly robust is right where either the model or the probabilities are, and narrower with a good model", () => {
    const truth = trueValue(plain.candidate);
    const good = simulateLog("robust", { ...plain, courses: 4_000, level_error: 0, slope_error: 0 });
    const wrong_weights = evaluateOffPolicy(good.map((each) => ({ ...each, weight: each.weight * 1.5 })));
    expect(Math.abs(estimates(wrong_weights).doubly_robust.value - truth)).toBeLessThan(0.15);
    expect(Math.abs(estimates(wrong_weights).ips - truth)).toBeGreaterThan(1);
    expect(wrong_weights.refusal).toBe("weights_off");
    const wrong_model = estimates(evaluateOffPolicy(simulateLog("robust", { ...plain, courses: 4_000, level_error: 1, slope_error: -1 })));
    expect(Math.abs(wrong_model.doubly_robust.value - truth)).toBeLessThan(0.15);
    expect(estimates(evaluateOffPolicy(good)).doubly_robust.se).toBeLessThan(wrong_model.doubly_robust.se);
  });

  test("is the formulae over draws, and nothing when nothing was drawn", () => {
    const value = fc.double({ min: 0, max: 100, noNaN: true });
    const any = fc.record({ cluster: fc.constantFrom("a", "b", "c", "d"), draw: fc.constantFrom("1", "2"), views: fc.integer({ min: 0, max: 50 }), reward: value, weight: value, expected_candidate: value, expected_logged: value });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 40 }), (all) => {
        const evaluation = evaluateOffPolicy(all);
        const draws = all.filter(({ views }) => views > 0);
        const sum = (of: (each: LoggedDraw) => number): number => draws.reduce((total, each) => total + of(each), 0);
        const n = sum(({ views }) => views);
        expect(evaluation.views).toBe(n);
        expect(evaluation.refusal).toBeDefined();
        if (evaluation.estimates === undefined) return;
        const { ips, snips, doubly_robust, uplift_doubly_robust, logged } = evaluation.estimates;
        const near = (a: number, b: number): void => expect(Math.abs(a - b)).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(b)));
        near(ips, sum(({ weight, reward }) => weight * reward) / n);
        near(snips.value, sum(({ weight, reward }) => weight * reward) / sum(({ weight, views }) => weight * views));
        near(doubly_robust.value, sum(({ views, reward, weight, expected_candidate, expected_logged }) => views * expected_candidate + weight * (reward - views * expected_logged)) / n);
        near(uplift_doubly_robust.value, doubly_robust.value - logged.value);
        for (const { value: at, se, ci95 } of [snips, doubly_robust, logged]) {
          expect(Number.isFinite(se) && se >= 0).toBe(true);
          expect(ci95[0] <= at && at <= ci95[1]).toBe(true);
        }
      }),
    );
    expect(evaluateOffPolicy([])).toMatchObject({ draws: 0, refusal: "no_draws", mean_weight: 0 });
    expect(evaluateOffPolicy([])).not.toHaveProperty("estimates");
  });

  test("refuses a verdict on few draws, few courses, and prices that could not have been drawn", () => {
    const log = (courses: number, draws: number, weight: (k: number) => number): LoggedDraw[] => Array.from({ length: courses * draws }, (_, k) => draw(`c${k % courses}`, 10, k % 7, weight(k)));
    expect(evaluateOffPolicy(log(EFFECTIVE_CLUSTERS_MIN, 5, () => 1)).refusal).toBeUndefined();
    expect(evaluateOffPolicy(log(EFFECTIVE_CLUSTERS_MIN - 1, 5, () => 1)).refusal).toBe("few_clusters");
    expect(evaluateOffPolicy(log(EFFECTIVE_DRAWS_MIN - 1, 1, () => 1)).refusal).toBe("few_draws");
    expect(evaluateOffPolicy(log(100, 5, (k) => (k === 0 ? 400 : 0.001))).refusal).toBe("few_draws");
    expect(evaluateOffPolicy(log(100, 5, (k) => (k % 2 === 0 ? 0.9 : 0.6))).refusal).toBe("weights_off");
    expect(evaluateOffPolicy(log(100, 5, () => 0)).refusal).toBe("few_draws");
    expect(evaluateOffPolicy([draw("only", 10, 1, 1)])).toMatchObject({ refusal: "few_clusters" });
    // However many records there are of a draw, and whatever views.
    expect(evaluateOffPolicy([...log(100, 5, () => 1), ...log(100, 5, () => 1)]).draws).toBe(1_000);
    expect(evaluateOffPolicy(Array.from({ length: 500 }, (_, k) => Object.assign(draw(`c${k % 100}`, 10, 1, 1), { draw: "same" }))).draws).toBe(100);
    expect(evaluateOffPolicy([draw("a", 1_000_000, 1, 1), ...log(100, 5, () => 1)]).effective_draws).toBeLessThan(2);
  });
});
