import type { BoostingModel } from "../contracts/artifact.ts";
import { assert } from "../lib/assert.ts";
import { Prng } from "../lib/prng.ts";
import { binMatrix, type BinnedMatrix } from "./binning.ts";
import { poissonDeviance } from "./metrics.ts";
import { emptyForest, TreeGrower, type GrowingForest, type GrowOptions } from "./tree-grower.ts";

/** Counts with exposures: rows [0, train_rows) train, [train_rows, rows) validate. */
export interface CountRows {
  /** Row-major, rows × columns. */
  readonly values: Float64Array;
  readonly columns: number;
  readonly y: Float64Array;
  readonly exposure: Float64Array;
  readonly train_rows: number;
  readonly rows: number;
}

export interface BoostingOptions extends GrowOptions {
  readonly trees_max: number;
  /** Stop after this many trees without a better validation deviance. */
  readonly patience: number;
  /** Share of the training rows that each tree sees. */
  readonly subsample: number;
  readonly seed: number;
}

export const boostingDefaults: Omit<BoostingOptions, "decreasing_columns" | "seed"> = {
  trees_max: 400,
  depth: 5,
  learning_rate: 0.08,
  lambda: 1,
  leaf_hessian_min: 10,
  gain_min: 1e-9,
  patience: 25,
  subsample: 0.8,
};

export interface BoostingFit {
  readonly model: BoostingModel;
  /** Total gain of each column's splits. */
  readonly gain: Float64Array;
  readonly trees: number;
  /** Summed deviance of the validation rows under the model; infinite without any. */
  readonly validation_deviance: number;
}

/** Adds the last tree's values to every row's score. */
function addLastTree(forest: GrowingForest, data: BinnedMatrix, rows: number, score: Float64Array): void {
  const root = forest.roots[forest.roots.length - 1]!;
  const { bins, columns } = data;
  // Typed copies: the walk is a third of the training time, and plain arrays of doubles are slower to index.
  const feature = Int32Array.from(forest.feature.slice(root));
  const bin = Int32Array.from(forest.bin.slice(root));
  const left = Int32Array.from(forest.left.slice(root));
  const right = Int32Array.from(forest.right.slice(root));
  const value = Float64Array.from(forest.value.slice(root));
  for (let row = 0; row < rows; row++) {
    const first = row * columns;
    let node = 0;
    for (let column = feature[0]!; column >= 0; column = feature[node]!) {
      node = (bins[first + column]! <= bin[node]! ? left[node]! : right[node]!) - root;
    }
    score[row]! += value[node]!;
  }
}

/**
 * Second-order histogram gradient boosting of Poisson counts, log rate = base + Σ trees, offset log exposure; monotone
 * non-increasing in the first `decreasing_columns` columns; stopped by the validation rows. Deterministic: the seed
 * alone draws each tree's rows.
 */
export function fitBoosting(data: CountRows, options: BoostingOptions): BoostingFit {
  const { columns, y, exposure, train_rows, rows } = data;
  assert(train_rows > 0 && rows >= train_rows, "boosting needs training rows");
  const binned = binMatrix(data.values, rows, columns, train_rows);
  const gradient = new Float64Array(train_rows);
  const hessian = new Float64Array(train_rows);
  const grower = new TreeGrower(binned, gradient, hessian, options);
  const random = new Prng(`boosting ${options.seed}`);
  const sample = new Int32Array(train_rows);
  const forest = emptyForest();

  let counted = 0;
  let exposed = 0;
  for (let i = 0; i < train_rows; i++) {
    counted += y[i]!;
    exposed += exposure[i]!;
  }
  // Half an enrollment when there is none: the logarithm must be finite.
  const base = Math.log(Math.max(counted, 0.5) / exposed);
  const score = new Float64Array(rows).fill(base);

  let best = Number.POSITIVE_INFINITY;
  let bestTrees = 0;
  while (forest.roots.length < options.trees_max) {
    for (let i = 0; i < train_rows; i++) {
      const mean = exposure[i]! * Math.exp(score[i]!);
      gradient[i] = mean - y[i]!;
      hessian[i] = mean;
    }
    let count = 0;
    for (let i = 0; i < train_rows; i++) if (options.subsample >= 1 || random.uniform() < options.subsample) sample[count++] = i;
    grower.grow(sample, count, forest);
    addLastTree(forest, binned, rows, score);
    if (rows === train_rows) {
      bestTrees = forest.roots.length;
      continue;
    }
    let deviance = 0;
    for (let i = train_rows; i < rows; i++) deviance += poissonDeviance(y[i]!, exposure[i]! * Math.exp(score[i]!));
    if (deviance < best) {
      best = deviance;
      bestTrees = forest.roots.length;
    } else if (forest.roots.length - bestTrees >= options.patience) break;
  }
  return { model: cut(forest, base, bestTrees), gain: totalGain(forest, bestTrees, columns), trees: bestTrees, validation_deviance: best };
}

/** Nodes of the first `trees` trees: each tree's nodes follow the one before. */
function nodesOf(forest: GrowingForest, trees: number): number {
  return forest.roots[trees] ?? forest.feature.length;
}

function cut(forest: GrowingForest, base: number, trees: number): BoostingModel {
  const nodes = nodesOf(forest, trees);
  const kept = (values: readonly number[]): number[] => values.slice(0, nodes);
  return {
    kind: "boosting",
    base,
    roots: forest.roots.slice(0, trees),
    feature: kept(forest.feature),
    threshold: kept(forest.threshold),
    left: kept(forest.left),
    right: kept(forest.right),
    value: kept(forest.value),
  };
}

function totalGain(forest: GrowingForest, trees: number, columns: number): Float64Array {
  const gain = new Float64Array(columns);
  for (let i = 0; i < nodesOf(forest, trees); i++) if (forest.feature[i]! >= 0) gain[forest.feature[i]!]! += forest.gain[i]!;
  return gain;
}
