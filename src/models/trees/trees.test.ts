import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Prng } from "../../lib/prng.ts";
import { binMatrix } from "../binning.ts";
import { boostingDefaults, fitBoosting, type BoostingOptions, type CountRows } from "../boosting.ts";
import { fitForest, type ForestOptions } from "../forest.ts";
import { compilePredictor } from "../predictor.ts";
import { packedGradient, packedHessian, packGradients } from "./packed-sums.ts";
import type { TreeTeam } from "./tree-grower.ts";
import { type Phase, TreeShare } from "./tree-share.ts";
import type { GrowOptions, TreeMemory } from "./tree-memory.ts";

function simulate(rows: number, columns: number, seed: string): CountRows {
  const random = new Prng(seed);
  const values = Float64Array.from({ length: rows * columns }, () => random.normal());
  const exposure = Float64Array.from({ length: rows }, () => 1 + random.integer(9));
  const y = Float64Array.from(exposure, (n, row) => random.poisson(n * Math.exp(-1 + 0.5 * values[row * columns]! + Math.sin(values[row * columns + 1]!))));
  return { values, columns, y, exposure, train_rows: Math.floor(0.8 * rows), rows };
}

const options: BoostingOptions = { ...boostingDefaults, trees_max: 20, decreasing_columns: 1, seed: 2 };

describe("packed sums", () => {
  test("give back every sum, in any order, to a part in a million of the whole", () => {
    const pair = fc.tuple(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.double({ min: 0, max: 1e3, noNaN: true }));
    fc.assert(
      fc.property(fc.array(pair, { minLength: 1, maxLength: 300 }), fc.integer(), (pairs, seed) => {
        const gradient = Float64Array.from(pairs, ([g]) => g);
        const hessian = Float64Array.from(pairs, ([, h]) => h);
        const packed = new Float64Array(pairs.length);
        const units = new Float64Array(2);
        const order = Int32Array.from(pairs.keys());
        packGradients(gradient, hessian, order, pairs.length, packed, units);
        const random = new Prng(seed);
        const some = [...order].filter(() => random.uniform() < 0.6);
        const sum = some.reduce((total, row) => total + packed[row]!, 0);
        expect(some.toReversed().reduce((total, row) => total + packed[row]!, 0)).toBe(sum);
        const whole = gradient.reduce((total, g) => total + Math.abs(g), 0);
        expect(Math.abs(packedGradient(sum) * units[0]! - some.reduce((total, row) => total + gradient[row]!, 0))).toBeLessThanOrEqual(1e-5 * whole + 1e-9);
        expect(Math.abs(packedHessian(sum) * units[1]! - some.reduce((total, row) => total + hessian[row]!, 0))).toBeLessThanOrEqual(1e-5 * hessian.reduce((a, b) => a + b, 0) + 1e-9);
      }),
    );
  });
});

/** Several shares in one thread, the last first. */
class ManyShares implements TreeTeam {
  readonly shares: number;
  #members: TreeShare[] = [];
  constructor(shares: number) {
    this.shares = shares;
  }
  start(memory: TreeMemory, grow: GrowOptions): void {
    this.#members = Array.from({ length: memory.bounds.length - 1 }, (_, share) => new TreeShare(memory, share, grow));
  }
  run(phase: Phase, nodes: number): void {
    for (const member of this.#members.toReversed()) member.run(phase, nodes);
  }
}

describe("boosting", () => {
  test("does not depend on how many search the columns", () => {
    const data = simulate(3_000, 11, "shares");
    const alone = JSON.stringify(fitBoosting(data, options).model);
    for (const shares of [2, 3, 8]) expect(JSON.stringify(fitBoosting(data, options, new ManyShares(shares)).model)).toBe(alone);
  });

  test("squared loss comes to the least squares of a step", () => {
    const data = { ...simulate(2_000, 2, "squared"), exposure: new Float64Array(2_000).fill(1) };
    const y = Float64Array.from({ length: 2_000 }, (_, row) => (data.values[row * 2]! > 0.3 ? 5 : -2));
    const { model } = fitBoosting({ ...data, y }, { ...options, loss: "squared", trees_max: 200, decreasing_columns: 0, lambda: 0, subsample: 1, learning_rate: 0.3 });
    const predictor = compilePredictor(model, 2);
    // The step lies within a bin, which cannot be split.
    expect(predictor.logRate(Float64Array.of(2, 0), 0)).toBeCloseTo(5, 1);
    expect(predictor.logRate(Float64Array.of(-2, 0), 0)).toBeCloseTo(-2, 1);
  });

  test("a tree sees only the columns that were drawn for it", () => {
    const data = simulate(2_000, 10, "columns");
    const { model } = fitBoosting(data, { ...options, column_sample: 0.3, depth: 4 });
    const ends = [...model.roots.slice(1), model.feature.length];
    const all = new Set<number>();
    for (const [tree, root] of model.roots.entries()) {
      const own = new Set(model.feature.slice(root, ends[tree]).filter((column) => column >= 0));
      expect(own.size).toBeLessThanOrEqual(3);
      for (const column of own) all.add(column);
    }
    expect(all.size).toBeGreaterThan(5);
  });

  test("a category without an order is split at once, and one never seen goes with the rest", () => {
    const random = new Prng("categories");
    const rows = 4_000;
    const high = new Set([1, 4, 7, 8]);
    const values = Float64Array.from({ length: rows * 2 }, (_, i) => (i % 2 === 0 ? random.normal() : random.integer(10) * 3));
    const y = Float64Array.from({ length: rows }, (_, row) => random.poisson(high.has(values[row * 2 + 1]! / 3) ? 6 : 1));
    const data: CountRows = { values, columns: 2, y, exposure: new Float64Array(rows).fill(1), train_rows: 3_000, rows };
    const fit = fitBoosting(data, { ...options, decreasing_columns: 0, categorical_columns: [1], trees_max: 1, depth: 1, learning_rate: 1, subsample: 1 });
    const set = new Set(fit.model.category_sets?.["0"]);
    const expected = [...Array(10).keys()].filter((code) => high.has(code)).map((code) => code * 3);
    const others = [...Array(10).keys()].filter((code) => !high.has(code)).map((code) => code * 3);
    expect([...set].toSorted((a, b) => a - b)).toEqual(set.has(3) ? expected : others);
    const predictor = compilePredictor(JSON.parse(JSON.stringify(fit.model)) as typeof fit.model, 2);
    const at = (code: number): number => Math.exp(predictor.logRate(Float64Array.of(0, code), 0));
    expect(at(3)).toBeGreaterThan(4);
    expect(at(6)).toBeLessThan(2);
    expect([at(1_000), at(0.5)]).toEqual([at(set.has(3) ? 0 : 3), at(set.has(3) ? 0 : 3)]);
  });
});

describe("random forest", () => {
  const forest: ForestOptions = { trees: 9, leaf_weight_min: 20, columns_per_split: 3, prior_weight: 5, decreasing_columns: 1, seed: 4 };

  test("shared out it is the forest grown at once", () => {
    const data = simulate(2_000, 6, "forest");
    const whole = fitForest(data, forest);
    const parts = [fitForest(data, forest, 0, 4), fitForest(data, forest, 4, 9)];
    for (const name of ["feature", "threshold", "value"] as const) expect(parts.flatMap(({ model }) => model[name])).toEqual(whole.model[name]);
    expect(parts.flatMap(({ cover }) => cover)).toEqual(whole.cover);
    expect([...parts[0]!.gain].map((gain, column) => (gain + parts[1]!.gain[column]!).toPrecision(9))).toEqual([...whole.gain].map((gain) => gain.toPrecision(9)));
  });

  test("leaves are no lighter than asked, and the best split of all columns is the exhaustive one", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), fc.constantFrom(30, 200), (seed, rows) => {
        const data = { ...simulate(rows, 3, `stump ${seed}`), train_rows: rows };
        const { model } = fitForest(data, { ...forest, trees: 1, columns_per_split: 3, leaf_weight_min: data.exposure.reduce((a, b) => a + b, 0) / 4, prior_weight: 0, decreasing_columns: 0, seed });
        // The bootstrap, drawn again from the same stream of numbers.
        const random = new Prng(`forest ${seed} 0`);
        const draws = new Float64Array(rows);
        for (let i = 0; i < rows; i++) draws[random.integer(rows)]!++;
        const minimum = data.exposure.reduce((a, b) => a + b, 0) / 4;
        let best = { gain: 1e-9, column: -1, at: Number.NaN };
        for (let column = 0; column < 3; column++) {
          for (let k = 0; k < rows; k++) {
            const at = data.values[k * 3 + column]!;
            let [ls, lw, rs, rw] = [0, 0, 0, 0];
            for (let row = 0; row < rows; row++) {
              if (data.values[row * 3 + column]! <= at) {
                ls += draws[row]! * data.y[row]!;
                lw += draws[row]! * data.exposure[row]!;
              } else {
                rs += draws[row]! * data.y[row]!;
                rw += draws[row]! * data.exposure[row]!;
              }
            }
            if (lw < minimum || rw < minimum) continue;
            const gain = ls ** 2 / lw + rs ** 2 / rw - (ls + rs) ** 2 / (lw + rw);
            if (gain > best.gain) best = { gain, column, at };
          }
        }
        const root = model.roots[0]!;
        expect(model.feature[root]).toBe(best.column);
        if (best.column < 0) return;
        // Between the same drawn rows: rows that were not drawn may lie on either side.
        const misplaced = [...draws.keys()].filter((row) => draws[row]! > 0 && data.values[row * 3 + best.column]! <= model.threshold[root]! !== data.values[row * 3 + best.column]! <= best.at);
        expect(misplaced).toEqual([]);
      }),
      { numRuns: 60, seed: 8 },
    );
  });

  test("bins of its own or given, in which the rows of a node lie, make no difference", () => {
    const data = simulate(1_000, 4, "bins");
    expect(fitForest(data, forest, 0, 3, binMatrix(data.values, data.rows, 4, data.train_rows)).model).toEqual(fitForest(data, forest, 0, 3).model);
  });
});
