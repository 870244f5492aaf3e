import type { ForestModel } from "../contracts/artifact.ts";
import type { BinnedMatrix } from "../contracts/worker-protocol.ts";
import { assert } from "../lib/assert.ts";
import { Prng } from "../lib/prng.ts";
import { binMatrix } from "./binning.ts";
import type { CountRows } from "./boosting.ts";
import { ForestTree } from "./trees/forest-tree.ts";

export interface ForestOptions {
  readonly trees: number;
  /** Least weight of a leaf: exposures, or rows where each weighs one. */
  readonly leaf_weight_min: number;
  /** Columns looked at for each split; those that are constant in the node do not count. */
  readonly columns_per_split: number;
  /** Weight with which a leaf's rate is drawn to the overall rate, so that none is 0. */
  readonly prior_weight: number;
  readonly decreasing_columns: number;
  readonly seed: number;
}

export const forestDefaults: Omit<ForestOptions, "decreasing_columns" | "seed"> = { trees: 60, leaf_weight_min: 800, columns_per_split: 5, prior_weight: 20 };

export interface ForestFit {
  readonly model: ForestModel;
  readonly gain: Float64Array;
  /** Weight of the training rows that passed each node, as often as each was drawn. */
  readonly cover: readonly number[];
}

/**
 * Random forest (Breiman 2001) of y per exposure, weighted by exposure: bootstrapped trees, each split the best of a few random columns over their bins.
 * Trees [from, to) only, where several threads share the work: a tree depends on the seed and its number alone.
 */
export function fitForest(data: CountRows, options: ForestOptions, from = 0, to: number = options.trees, binned?: BinnedMatrix): ForestFit {
  const { columns, y, exposure, train_rows: rows } = data;
  assert(rows > 0, "a forest needs training rows");
  assert(options.columns_per_split >= 1 && options.columns_per_split <= columns, "columns per split");
  const matrix = binned ?? binMatrix(data.values, data.rows, columns, rows);
  let counted = 0;
  let exposed = 0;
  for (let i = 0; i < rows; i++) {
    counted += y[i]!;
    exposed += exposure[i]!;
  }
  const tree = new ForestTree(matrix, y, exposure, rows, Math.max(counted, 0.5) / exposed, options);
  const model: ForestModel = { kind: "forest", roots: [], feature: [], threshold: [], left: [], right: [], value: [] };
  for (let i = from; i < to; i++) tree.grow(new Prng(`forest ${options.seed} ${i}`), model);
  return { model, gain: tree.gain, cover: tree.cover };
}
