import type { PropensityTrees } from "../../contracts/propensity.ts";
import type { BinnedMatrix } from "../../contracts/worker-protocol.ts";
import { assert } from "../../lib/assert.ts";
import { Prng } from "../../lib/prng.ts";
import { applyLastTree, drawColumns, firstTrees, nodesOf } from "../boosting.ts";
import { emptyForest, TreeGrower } from "../trees/tree-grower.ts";
import type { GrowOptions } from "../trees/tree-memory.ts";
import { centreOffsets, type HazardFit, type HazardRows, improveOffsets, lifeTable, windowDerivatives, windowLoss } from "./hazard.ts";

export interface HazardBoostingOptions extends GrowOptions {
  readonly trees_max: number;
  /** Stop after this many trees without a better validation loss. */
  readonly patience: number;
  /** Shares of the training rows that each tree sees, and of the columns that it may split. */
  readonly subsample: number;
  readonly column_sample: number;
  readonly seed: number;
}

/** Small trees, and not many: five scores of a learner have microseconds. */
export const hazardBoostingDefaults: Omit<HazardBoostingOptions, "seed"> = {
  trees_max: 200,
  depth: 4,
  learning_rate: 0.1,
  lambda: 5,
  leaf_hessian_min: 5,
  gain_min: 1e-9,
  step_max: Number.POSITIVE_INFINITY,
  decreasing_columns: 0,
  patience: 15,
  subsample: 0.8,
  column_sample: 0.6,
};

/** Windows in steps: offsets follow the margins, which take over what looked like a hazard that changes with time. */
const OFFSETS_EVERY = 5;

/**
 * Second-order gradient boosting of a margin on the windows' likelihood (Friedman 2001; Chen, Guestrin 2016), on the histogram grower, stopped by the
 * validation rows. A single step is logistic loss. Deterministic: the seed draws each tree's rows and columns.
 */
export function fitHazardBoosting(data: HazardRows, binned: BinnedMatrix, options: HazardBoostingOptions): HazardFit<PropensityTrees> {
  const { columns, steps, steps_max, y, train_rows, rows } = data;
  assert(train_rows > 0 && rows > train_rows, "boosting needs training and validation rows");
  assert(binned.rows === rows && binned.columns === columns, "the bins are of other rows");
  const gradient = new Float64Array(train_rows);
  const hessian = new Float64Array(train_rows);
  const derivatives = new Float64Array(2);
  const grower = new TreeGrower(binned, gradient, hessian, options);
  const random = new Prng(`hazard boosting ${options.seed}`);
  const forest = emptyForest();
  const margins = new Float64Array(rows);
  const unseen = new Int32Array(rows);
  const offsets = lifeTable(data);
  let best = { trees: 0, loss: Number.POSITIVE_INFINITY, offsets: offsets.slice() };
  while (forest.roots.length < options.trees_max && forest.roots.length - best.trees < options.patience) {
    for (let i = 0; i < train_rows; i++) {
      windowDerivatives(margins[i]!, offsets, steps[i]!, y[i]!, derivatives);
      gradient[i] = derivatives[0]!;
      hessian[i] = derivatives[1]!;
    }
    let count = 0;
    let others = 0;
    for (let i = 0; i < train_rows; i++) {
      if (options.subsample >= 1 || random.uniform() < options.subsample) grower.order[count++] = i;
      else unseen[others++] = i;
    }
    for (let i = train_rows; i < rows; i++) unseen[others++] = i;
    drawColumns(random, options.column_sample, grower.active);
    grower.grow(count, forest, margins, "identity");
    applyLastTree(forest, binned, unseen, others, margins, "identity");
    if (steps_max > 1 && forest.roots.length % OFFSETS_EVERY === 0) improveOffsets(data, margins, offsets);
    let loss = 0;
    for (let i = train_rows; i < rows; i++) loss += windowLoss(margins[i]!, offsets, steps[i]!, y[i]!);
    if (loss < best.loss) best = { trees: forest.roots.length, loss, offsets: offsets.slice() };
  }
  const base = centreOffsets(best.offsets);
  const model: PropensityTrees = { kind: "boosting", base, ...firstTrees(forest, best.trees), cover: forest.cover.slice(0, nodesOf(forest, best.trees)) };
  return { model, offsets: best.offsets };
}
