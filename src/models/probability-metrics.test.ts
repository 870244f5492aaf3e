import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sigmoid } from "../lib/linear-algebra.ts";
import { Prng } from "../lib/prng.ts";
import { areaUnderCurve, bestThreshold, calibrationError, calibrationSlope, clusteredError, f1At, precisionAt, recallAt, spearman } from "./probability-metrics.ts";

const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 1 })), { minLength: 2, maxLength: 40 });

/** Over all pairs; −1 without any. */
function naiveArea(scores: number[], y: number[]): number {
  let pairs = 0;
  let sum = 0;
  for (const [i, own] of scores.entries()) {
    for (const [j, other] of scores.entries()) {
      if (y[i] !== 1 || y[j] !== 0) continue;
      pairs++;
      sum += own > other ? 1 : own === other ? 0.5 : 0;
    }
  }
  return pairs === 0 ? -1 : sum / pairs;
}

/** Scores that are the probabilities, up to a distortion of their logit. */
function drawn(n: number, distort: (x: number) => number, seed: string): { p: Float64Array; y: Uint8Array } {
  const random = new Prng(seed);
  const x = Float64Array.from({ length: n }, () => 1.5 * random.normal() - 0.5);
  return { p: x.map((own) => sigmoid(distort(own))), y: Uint8Array.from(x, (own) => (random.uniform() < sigmoid(own) ? 1 : 0)) };
}

describe("area under the curve", () => {
  test("is the share of pairs in the right order", () => {
    fc.assert(
      fc.property(rows, (pairs) => {
        const [scores, y] = [pairs.map(([score]) => score), pairs.map(([, label]) => label)];
        const area = areaUnderCurve(scores, y);
        expect(area?.value ?? -1).toBeCloseTo(naiveArea(scores, y), 12);
        expect(Array.from(area?.influence ?? []).reduce((sum, own) => sum + own, 0)).toBeCloseTo(0, 12);
      }),
    );
  });

  test("has the error that repeated samples show, also of rows that come twice", () => {
    const areas = Array.from({ length: 300 }, (_, draw) => {
      const { p, y } = drawn(300, (x) => x, `sample ${draw}`);
      const twice = { p: Float64Array.of(...p, ...p), y: Uint8Array.of(...y, ...y) };
      const clusters = Int32Array.from({ length: 600 }, (_, i) => i % 300);
      const [once, doubled] = [areaUnderCurve(p, y)!, areaUnderCurve(twice.p, twice.y)!];
      expect(clusteredError(doubled.influence, clusters)).toBeCloseTo(clusteredError(once.influence), 10);
      return { value: once.value, error: clusteredError(once.influence) };
    });
    const mean = areas.reduce((sum, { value }) => sum + value / areas.length, 0);
    const sd = Math.sqrt(areas.reduce((sum, { value }) => sum + (value - mean) ** 2 / areas.length, 0));
    const error = areas.reduce((sum, own) => sum + own.error / areas.length, 0);
    expect(error / sd).toBeGreaterThan(0.85);
    expect(error / sd).toBeLessThan(1.15);
  });
});

describe("calibration", () => {
  const n = 40_000;
  test("of true probabilities: no error but chance, and a slope of 1", () => {
    const { p, y } = drawn(n, (x) => x, "true");
    expect(calibrationError(p, y)).toBeLessThan(0.01);
    const slope = calibrationSlope(p, y)!;
    expect(Math.abs(slope.value - 1)).toBeLessThan(4 * clusteredError(slope.influence));
    expect(clusteredError(slope.influence)).toBeLessThan(0.03);
  });

  test.each([0.5, 2])("of scores whose logit is %f times as large: the slope undoes it", (factor) => {
    const { p, y } = drawn(n, (x) => factor * x, "distorted");
    expect(calibrationSlope(p, y)!.value).toBeCloseTo(1 / factor, 1);
    expect(calibrationError(p, y)).toBeGreaterThan(0.03);
  });

  test("of one score for all: the distance from the rate, and no slope", () => {
    expect(calibrationError([0.3, 0.3, 0.3, 0.3], [1, 0, 0, 0])).toBeCloseTo(0.05, 12);
    expect(calibrationSlope([0.3, 0.3, 0.3, 0.3], [1, 0, 0, 0])).toBeUndefined();
  });

  test("of scores that separate: no slope", () => {
    expect(calibrationSlope([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])).toBeUndefined();
  });

  test("never exceeds the mean distance of single rows, and is never below that of all together", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 1 })), { minLength: 1, maxLength: 60 }), (pairs) => {
        const [p, y] = [pairs.map(([own]) => own), pairs.map(([, label]) => label)];
        const single = pairs.reduce((sum, [own, label]) => sum + Math.abs(own - label) / pairs.length, 0);
        const whole = Math.abs(pairs.reduce((sum, [own, label]) => sum + (own - label) / pairs.length, 0));
        const error = calibrationError(p, y);
        expect(error).toBeLessThanOrEqual(single + 1e-12);
        expect(error).toBeGreaterThanOrEqual(whole - 1e-12);
      }),
    );
  });
});

test("thresholds: precision, recall and F1 by counting, and the best of them all", () => {
  expect(precisionAt([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 1], 0.7)).toBeCloseTo(2 / 3, 12);
  expect(recallAt([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 1], 0.7)).toBeCloseTo(2 / 3, 12);
  expect(precisionAt([0.1], [1], 0.7)).toBeNaN();
  fc.assert(
    fc.property(rows, (pairs) => {
      const [scores, y] = [pairs.map(([score]) => score), pairs.map(([, label]) => label)];
      const best = f1At(scores, y, bestThreshold(scores, y));
      for (const score of scores) expect(f1At(scores, y, score)).toBeLessThanOrEqual(best + 1e-12);
    }),
  );
});

test("rank correlation: 1 of what rises together, −1 of what does not, mean ranks for ties", () => {
  expect(spearman([1, 2, 3], [10, 100, 1_000])).toBe(1);
  expect(spearman([1, 2, 3], [3, 2, 1])).toBe(-1);
  // Ranks 1.5, 1.5, 3 against 1, 2, 3.
  expect(spearman([5, 5, 9], [1, 2, 3])).toBeCloseTo(1.5 / Math.sqrt(1.5 * 2), 12);
  expect(spearman([1, 1], [1, 2])).toBeNaN();
});
