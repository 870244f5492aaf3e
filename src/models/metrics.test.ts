import { describe, expect, test } from "vitest";
import { evaluateCounts, importanceShares, meanDeviance } from "./metrics.ts";

describe("metrics", () => {
  test("are what their formulae say, worked by hand", () => {
    const metrics = evaluateCounts([0, 1, 3], [0.5, 1, 2], [1, 1, 1]);
    const deviance = (2 * 0.5 + 0 + 2 * (3 * Math.log(1.5) - 1)) / 3;
    const naive = (2 * 1 + 0 + 2 * (3 * Math.log(3) - 2)) / 3;
    expect(metrics.rows).toBe(3);
    expect(metrics.poisson_deviance).toBeCloseTo(deviance, 12);
    expect(metrics.skill).toBeCloseTo(1 - deviance / naive, 12);
    expect(metrics.wape).toBeCloseTo(1.5 / 4, 12);
    const errors = [-Math.log(1.5), 0, Math.log(4) - Math.log(3)];
    expect(metrics.rmse_log).toBeCloseTo(Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / 3), 12);
    expect(metrics.mape_log).toBeCloseTo((0 + errors[2]! / Math.log(4)) / 2, 12);
    const logs = [0, Math.log(2), Math.log(4)];
    const mean = (logs[1]! + logs[2]!) / 3;
    expect(metrics.r2_log).toBeCloseTo(1 - errors.reduce((sum, e) => sum + e * e, 0) / logs.reduce((sum, l) => sum + (l - mean) ** 2, 0), 12);
  });

  test("a perfect forecast has no deviance, and skill is against the naive one", () => {
    expect(meanDeviance([0, 2], [0, 2])).toBe(0);
    expect(evaluateCounts([1, 2], [1, 2], [2, 1]).skill).toBe(1);
    expect(evaluateCounts([1, 2], [2, 1], [2, 1]).skill).toBe(0);
    expect(evaluateCounts([1, 2], [4, 4], [2, 1]).skill).toBeLessThan(0);
  });

  test("nothing sold gives numbers, not NaN", () => {
    for (const value of Object.values(evaluateCounts([0, 0], [0.1, 0.2], [0.1, 0.1]))) expect(Number.isFinite(value)).toBe(true);
  });

  test("importance sums to 1, or is 0 when nothing was split on", () => {
    expect(importanceShares(["a", "b"], [3, 1])).toEqual({ a: 0.75, b: 0.25 });
    expect(importanceShares(["a", "b"], [0, 0])).toEqual({ a: 0, b: 0 });
  });
});
