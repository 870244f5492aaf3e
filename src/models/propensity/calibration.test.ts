import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Prng } from "../../lib/prng.ts";
import { areaUnderCurve, bestThreshold, binaryMetrics, calibrationError, calibrationSlope, eachTenth } from "./binary-metrics.ts";
import { compileCalibration, fitCalibration, uncertaintyByTenth } from "./calibration.ts";
import { logistic } from "./hazard.ts";
import { fitIsotonic } from "./isotonic.ts";
import { fitPlatt } from "./platt.ts";

interface Drawn {
  readonly margins: Float64Array;
  readonly y: Uint8Array;
  readonly clusters: Int32Array;
}

function draw(seed: string, rows: number, truth: (margin: number) => number): Drawn {
  const random = new Prng(seed);
  const margins = Float64Array.from({ length: rows }, () => 1.5 * random.normal() - 1);
  return { margins, y: Uint8Array.from(margins, (m) => (random.uniform() < truth(m) ? 1 : 0)), clusters: Int32Array.from({ length: rows }, (_, i) => i >> 1) };
}

describe("metrics of scores", () => {
  test("the area under the curve is the share of pairs in the right order, ties half", () => {
    const labelled = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.boolean()), { minLength: 2, maxLength: 40 });
    fc.assert(
      fc.property(labelled, (rows) => {
        const scores = rows.map(([score]) => score / 6);
        const y = rows.map(([, own]) => (own ? 1 : 0));
        let pairs = 0;
        let right = 0;
        for (const [i, a] of scores.entries()) {
          for (const [j, b] of scores.entries()) {
            if (y[i] !== 1 || y[j] !== 0) continue;
            pairs++;
            right += a > b ? 1 : a === b ? 0.5 : 0;
          }
        }
        // Without both labels there is no pair, and NaN.
        const auc = areaUnderCurve(scores, y);
        expect(Number.isNaN(auc)).toBe(pairs === 0);
        expect(auc || 0).toBeCloseTo(right / Math.max(1, pairs), 12);
      }),
    );
  });

  test("the best threshold has the highest F1 of all", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.boolean()), { minLength: 1, maxLength: 30 }), (rows) => {
        const scores = rows.map(([score]) => score / 10);
        const y = rows.map(([, own]) => (own ? 1 : 0));
        const f1 = (threshold: number): number => binaryMetrics(scores, y, threshold)["f1"]!;
        const best = f1(bestThreshold(scores, y));
        for (const threshold of scores) expect(best).toBeGreaterThanOrEqual(f1(threshold) - 1e-12);
      }),
    );
  });

  test("known figures", () => {
    const scores = [0.1, 0.2, 0.75, 0.9];
    const found = binaryMetrics(scores, [0, 1, 1, 0], 0.5);
    expect(found["precision_70"]).toBe(0.5);
    expect(found["recall_high"]).toBe(0.5);
    expect(found["f1"]).toBe(0.5);
    expect(found["auc"]).toBe(0.5);
    expect(found["brier"]).toBeCloseTo((0.01 + 0.64 + 0.0625 + 0.81) / 4, 12);
    expect(found["log_loss"]).toBeCloseTo(-(Math.log(0.9) + Math.log(0.2) + Math.log(0.75) + Math.log(0.1)) / 4, 12);
    expect(binaryMetrics([0.1, 0.2], [0, 0], 0.5)).not.toHaveProperty("auc");
    expect(binaryMetrics([0.1, 0.2], [0, 1], 0.5)).not.toHaveProperty("precision_70");
  });

  test("rows of one score are one part of the calibration error, however they are ordered", () => {
    // Ten rows of one score, of which half happened: in whatever order, the mean is right.
    const y = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1];
    expect(calibrationError(new Array<number>(10).fill(0.5), y)).toBe(0);
    expect(calibrationError([0.2, 0.2, 0.2, 0.2, 0.2, 0.8, 0.8, 0.8, 0.8, 0.8], y)).toBeCloseTo(0.2, 12);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 12 }), (scores, parts) => {
        const seen: number[] = [];
        const bounds: number[][] = [];
        eachTenth(scores, (positions) => {
          seen.push(...positions);
          bounds.push([scores[positions[0]!]!, scores[positions.at(-1)!]!]);
        }, parts);
        expect(seen.toSorted((a, b) => a - b)).toEqual(scores.map((_, i) => i));
        for (let i = 1; i < bounds.length; i++) expect(bounds[i]![0]).toBeGreaterThan(bounds[i - 1]![1]!);
      }),
    );
  });

  test("calibration error and slope tell the truth from a too sure score", () => {
    const { margins, y } = draw("slope", 40_000, logistic);
    const right = margins.map(logistic);
    const sure = margins.map((m) => logistic(2 * m));
    expect(calibrationError(right, y)).toBeLessThan(0.01);
    expect(calibrationError(sure, y)).toBeGreaterThan(0.05);
    expect(Math.abs(calibrationSlope(right, y) - 1)).toBeLessThan(0.05);
    expect(Math.abs(calibrationSlope(sure, y) - 0.5)).toBeLessThan(0.03);
  });
});

describe("calibration", () => {
  test("Platt's finds slope and intercept, and stays finite where margins part the labels", () => {
    const { margins, y } = draw("platt", 40_000, (m) => logistic(0.5 * m - 0.7));
    const { slope, intercept } = fitPlatt(margins, y);
    expect(Math.abs(slope - 0.5)).toBeLessThan(0.03);
    expect(Math.abs(intercept + 0.7)).toBeLessThan(0.04);
    const parted = fitPlatt(Float64Array.of(-2, -1, 1, 2), [0, 0, 1, 1]);
    expect(Number.isFinite(parted.slope) && Number.isFinite(parted.intercept)).toBe(true);
  });

  test("isotonic regression is the max-min of means, kept off 0 and 1", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 2, maxLength: 40 }), (labels) => {
        const y = Uint8Array.from(labels, (own) => (own ? 1 : 0));
        const mean = (from: number, to: number): number => y.slice(from, to + 1).reduce((sum, own) => sum + own, 0) / (to + 1 - from);
        const all = labels.map((_, i) => i);
        const closest = all.map((i) => Math.max(...all.slice(0, i + 1).map((a) => Math.min(...all.slice(i).map((b) => mean(a, b))))));
        const levels = closest.filter((own, i) => i === 0 || own > closest[i - 1]! + 1e-12);
        const fit = fitIsotonic(Float64Array.from(all), y);
        const least = 1 / (2 * labels.length);
        expect(fit.y.length).toBe(levels.length);
        for (const [k, level] of levels.entries()) expect(fit.y[k]).toBeCloseTo(Math.min(1 - least, Math.max(least, level)), 10);
        for (let i = 1; i < fit.x.length; i++) expect(fit.x[i]).toBeGreaterThan(fit.x[i - 1]!);
      }),
    );
  });

  test("chooses the shape that the data have, and brings the error down", () => {
    const bent = (m: number): number => (m < -1 ? 0.05 : m < 0.5 ? 0.5 : 0.55);
    const straight = draw("straight", 20_000, (m) => logistic(0.6 * m));
    const stepped = draw("stepped", 20_000, bent);
    const [line, steps] = [straight, stepped].map(({ margins, y, clusters }) => fitCalibration(margins, y, clusters, 1));
    expect(line!.calibration.kind).toBe("platt");
    expect(steps!.calibration.kind).toBe("isotonic");
    const later = draw("later", 20_000, bent);
    const calibrate = compileCalibration(steps!.calibration);
    expect(calibrationError(later.margins.map(calibrate), later.y)).toBeLessThan(0.02);
    expect(calibrationError(steps!.scores, stepped.y)).toBeLessThan(0.02);
  });

  test("a margin that points the wrong way ends as the base rate", () => {
    const { margins, y, clusters } = draw("backwards", 4_000, (m) => logistic(-m));
    const calibrate = compileCalibration(fitCalibration(margins, y, clusters, 1).calibration);
    const rate = y.reduce((sum, own) => sum + own, 0) / y.length;
    for (const m of [-4, 0, 4]) expect(Math.abs(calibrate(m) - rate)).toBeLessThan(0.1);
  });

  test("what is no calibration is refused", () => {
    for (const [x, y] of [[[], []], [[1], []], [[1, 1], [0.1, 0.2]], [[1, 2], [0.2, 0.1]], [[1, 2], [0.2, 1.1]]]) {
      expect(() => compileCalibration({ kind: "isotonic", x: x!, y: y! })).toThrow(expect.objectContaining({ code: "incompatible_artifact" }) as Error);
    }
  });

  test("uncertainty by tenth: wider where rows come from the same learners, and never nothing", () => {
    const { margins, y } = draw("tenths", 20_000, logistic);
    const scores = margins.map(logistic);
    const apart = uncertaintyByTenth(scores, y, Int32Array.from(y, (_, i) => i));
    expect(apart.upper).toHaveLength(10);
    expect(apart.upper.at(-1)).toBe(1);
    for (const [k, se] of apart.se.entries()) {
      const p = scores.filter((s) => s <= apart.upper[k]! && (k === 0 || s > apart.upper[k - 1]!)).reduce((sum, own, _, all) => sum + own / all.length, 0);
      expect(Math.abs(se / Math.sqrt((p * (1 - p)) / 2_000) - 1)).toBeLessThan(0.15);
    }
    // The same row four times is one row.
    const four = Int32Array.from({ length: 20_000 }, (_, i) => i >> 2);
    const repeated = uncertaintyByTenth(scores.map((_, i) => scores[(i >> 2) << 2]!), y.map((_, i) => y[(i >> 2) << 2]!), four);
    for (const [k, se] of repeated.se.entries()) expect(se / apart.se[k]!).toBeGreaterThan(1.6);
    expect(uncertaintyByTenth(new Float64Array(50).fill(1e-9), new Uint8Array(50), Int32Array.from({ length: 50 }, (_, i) => i)).se.every((se) => se > 0.05)).toBe(true);
  });
});
