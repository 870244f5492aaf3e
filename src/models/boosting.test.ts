import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BinnedMatrix } from "../contracts/worker-protocol.ts";
import { Prng } from "../lib/prng.ts";
import { BINS_MAX, binMatrix } from "./binning.ts";
import { boostingDefaults, fitBoosting, type BoostingOptions, type CountRows } from "./boosting.ts";
import { poissonDeviance } from "./metrics.ts";
import { compilePredictor, type Predictor } from "./predictor.ts";

const options: BoostingOptions = { ...boostingDefaults, trees_max: 60, decreasing_columns: 2, seed: 1 };

/** Counts whose rate is exp(truth(row)), rows × columns of standard normals. */
function simulate(rows: number, columns: number, truth: (x: Float64Array) => number, seed = "boosting test"): CountRows {
  const random = new Prng(seed);
  const values = Float64Array.from({ length: rows * columns }, () => random.normal());
  const exposure = Float64Array.from({ length: rows }, () => 1 + random.integer(30));
  const y = Float64Array.from(exposure, (n, row) => random.poisson(n * Math.exp(truth(values.subarray(row * columns, (row + 1) * columns)))));
  return { values, columns, y, exposure, train_rows: Math.floor(rows * 0.75), rows };
}

function deviance(predictor: Predictor, data: CountRows, from: number, to: number): number {
  let sum = 0;
  for (let row = from; row < to; row++) sum += poissonDeviance(data.y[row]!, data.exposure[row]! * Math.exp(predictor.logRate(data.values, row * data.columns)));
  return sum;
}

/** The bins of a matrix of one column. */
const binsOf = ({ bins, stride }: BinnedMatrix): number[] => [...bins].filter((_, i) => i % stride === 0);

describe("binning", () => {
  test("a value is at or below a cut exactly when its bin is", () => {
    const value = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: -3, max: 3 }).map(Number), fc.constantFrom(0, -0, 5e-324, 1 + Number.EPSILON, 1));
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 60 }), fc.integer({ min: 2, max: 8 }), fc.integer({ min: 1, max: 60 }), (values, bins_max, fit) => {
        const { cuts, ...matrix } = binMatrix(Float64Array.from(values), values.length, 1, Math.min(fit, values.length), { bins_max });
        expect(cuts[0]!.length).toBeLessThan(bins_max);
        const bins = binsOf({ cuts, ...matrix });
        for (const [i, x] of values.entries()) for (const [bin, cut] of cuts[0]!.entries()) expect(bins[i]! <= bin).toBe(x <= cut);
      }),
    );
  });

  test("separates every distinct value when there are few, and splits evenly when there are many", () => {
    expect(binsOf(binMatrix(Float64Array.of(3, 1, 2, 2, 1), 5, 1, 5))).toEqual([2, 0, 1, 1, 0]);
    const { cuts, ...matrix } = binMatrix(Float64Array.from({ length: 10_000 }, (_, i) => i * i), 10_000, 1, 10_000);
    const sizes = new Array<number>(BINS_MAX).fill(0);
    for (const bin of binsOf({ cuts, ...matrix })) sizes[bin]!++;
    expect(cuts[0]!.length).toBe(BINS_MAX - 1);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(3);
  });

  test("later rows do not move the cuts", () => {
    const early = [1, 2, 3, 4];
    const cuts = (later: number[]): number[] => [...binMatrix(Float64Array.from([...early, ...later]), 4 + later.length, 1, 4).cuts[0]!];
    expect(cuts([-100, 2.6, 900])).toEqual(cuts([]));
  });
});

describe("boosting", () => {
  test("comes close to the true rate and beats the mean", () => {
    const truth = (x: Float64Array): number => -1.5 - 0.7 * x[0]! + Math.sin(2 * x[3]!) * 0.5;
    const data = simulate(12_000, 5, truth);
    const fit = fitBoosting(data, { ...options, trees_max: 200 });
    const predictor = compilePredictor(fit.model, 5);
    const fitted = deviance(predictor, data, data.train_rows, data.rows);
    const ideal = deviance({ logRate: (values, offset) => truth(values.subarray(offset, offset + 5)) }, data, data.train_rows, data.rows);
    const flat = deviance({ logRate: () => fit.model.base }, data, data.train_rows, data.rows);
    expect((fitted - ideal) / (flat - ideal)).toBeLessThan(0.06);
    expect(fit.gain[0]! + fit.gain[3]!).toBeGreaterThan(0.95 * fit.gain.reduce((sum, gain) => sum + gain, 0));
  });

  test("the compiled model predicts what the trainer saw", () => {
    const data = simulate(4_000, 4, (x) => -1 - 0.5 * x[0]! + 0.4 * x[2]! * x[3]!);
    const fit = fitBoosting(data, options);
    expect(deviance(compilePredictor(fit.model, 4), data, data.train_rows, data.rows)).toBeCloseTo(fit.validation_deviance, 7);
  });

  test("never predicts more at a higher price, whichever price columns move and whatever the data say", () => {
    const rising = simulate(6_000, 4, (x) => -1 + 0.6 * x[0]! - 0.5 * x[1]! + 0.8 * x[0]! * x[2]! + 0.3 * Math.sin(4 * x[1]!) + 0.3 * x[3]!);
    const predictor = compilePredictor(fitBoosting(rising, options).model, 4);
    const coordinate = fc.double({ min: -4, max: 4, noNaN: true });
    let falls = 0;
    fc.assert(
      fc.property(fc.tuple(coordinate, coordinate, coordinate, coordinate), fc.double({ min: 0, max: 3, noNaN: true }), fc.constantFrom([1, 0], [0, 1], [1, 1]), (at, step, [first, second]) => {
        const low = predictor.logRate(Float64Array.from(at), 0);
        const high = predictor.logRate(Float64Array.of(at[0] + step * first!, at[1] + step * second!, at[2], at[3]), 0);
        if (high < low) falls++;
        return high <= low + 1e-12;
      }),
      { numRuns: 3_000, seed: 5 },
    );
    expect(falls).toBeGreaterThan(100);
  });

  test("without the constraint the same data do rise: the property above can fail", () => {
    const rising = simulate(6_000, 4, (x) => -1 + 0.6 * x[0]!);
    const free = compilePredictor(fitBoosting(rising, { ...options, decreasing_columns: 0 }).model, 4);
    expect(free.logRate(Float64Array.of(1.5, 0, 0, 0), 0)).toBeGreaterThan(free.logRate(Float64Array.of(-1.5, 0, 0, 0), 0) + 0.5);
  });

  test("the first split is the one that exhaustive search finds", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000 }), (seed) => {
        const data = { ...simulate(60, 3, (x) => -0.5 - 0.8 * x[2]!, `split ${seed}`), train_rows: 60 };
        const leaf_hessian_min = 2;
        const { model } = fitBoosting(data, { ...options, trees_max: 1, depth: 1, subsample: 1, decreasing_columns: 1, leaf_hessian_min });
        const mean = (row: number): number => data.exposure[row]! * Math.exp(model.base);
        const side = (rows: number[]): { g: number; h: number; w: number; score: number } => {
          const g = rows.reduce((sum, row) => sum + mean(row) - data.y[row]!, 0);
          const h = rows.reduce((sum, row) => sum + mean(row), 0);
          return { g, h, w: -g / (h + 1), score: (g * g) / (2 * (h + 1)) };
        };
        const all = [...Array(60).keys()];
        let best = { gain: 1e-9, column: -1, at: 0 };
        for (let column = 0; column < 3; column++) {
          for (const at of all.map((row) => data.values[row * 3 + column]!)) {
            const left = side(all.filter((row) => data.values[row * 3 + column]! <= at));
            const right = side(all.filter((row) => data.values[row * 3 + column]! > at));
            if (left.h < leaf_hessian_min || right.h < leaf_hessian_min || (column < 1 && left.w < right.w)) continue;
            const gain = left.score + right.score - side(all).score;
            if (gain > best.gain + 1e-12) best = { gain, column, at };
          }
        }
        expect(model.feature[0]).toBe(best.column);
        if (best.column < 0) return;
        for (const row of all) expect(data.values[row * 3 + best.column]! <= model.threshold[0]!).toBe(data.values[row * 3 + best.column]! <= best.at);
        const left = side(all.filter((row) => data.values[row * 3 + best.column]! <= best.at));
        expect(model.value[model.left[0]!]).toBeCloseTo(options.learning_rate * left.w, 12);
      }),
      { numRuns: 60 },
    );
  });

  test("is the same for the same seed and another for another", () => {
    const data = simulate(2_000, 4, (x) => -1 - 0.5 * x[0]!);
    const fit = (seed: number): string => JSON.stringify(fitBoosting(data, { ...options, seed }).model);
    expect(fit(3)).toBe(fit(3));
    expect(fit(3)).not.toBe(fit(4));
  });

  test("stops where the validation rows say, and later rows do not touch it", () => {
    const noise = simulate(1_500, 4, () => -1);
    const fit = fitBoosting(noise, { ...options, trees_max: 400 });
    expect(fit.trees).toBeLessThan(30);
    const longer = { ...noise, rows: noise.train_rows };
    expect(fitBoosting({ ...longer, values: noise.values.subarray(0, noise.train_rows * 4) }, options).trees).toBe(60);
  });

  test("stays finite on counts that are all zero, huge, or of one row", () => {
    for (const y of [0, 1e9]) {
      const data = { ...simulate(400, 3, () => -1), y: new Float64Array(400).fill(y) };
      const predictor = compilePredictor(fitBoosting(data, options).model, 3);
      expect(Number.isFinite(predictor.logRate(data.values, 0))).toBe(true);
    }
    const one = simulate(1, 3, () => 0);
    expect(fitBoosting({ ...one, train_rows: 1 }, options).model.roots.length).toBeGreaterThan(0);
  });
});
