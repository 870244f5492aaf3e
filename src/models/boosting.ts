import type { BoostingModel } from "../contracts/artifact.ts";
import type { BinnedMatrix } from "../contracts/worker-protocol.ts";
import { assert, must } from "../lib/assert.ts";
import { Prng } from "../lib/prng.ts";
import { binMatrix } from "./binning.ts";
import { poissonDeviance } from "./metrics.ts";
import { emptyForest, type GrowingForest, type Link, LocalTeam, TreeGrower, type TreeTeam } from "./trees/tree-grower.ts";
import type { GrowOptions } from "./trees/tree-memory.ts";

/** Counts with exposures: rows [0, train_rows) train, [train_rows, rows) validate. */
export interface CountRows {
  /** Row-major, rows × columns. */
  readonly values: Float64Array;
  readonly columns: number;
  readonly y: Float64Array;
  /** What counts are proportional to; under squared loss the weights. */
  readonly exposure: Float64Array;
  readonly train_rows: number;
  readonly rows: number;
}

export interface BoostingOptions extends GrowOptions {
  /**
   * `poisson`: log mean = log exposure + score; with a finite `step_max` the Hessian is that of the largest step, as XGBoost has it. `squared`: mean = score, rows weighted by exposure.
   */
  readonly loss: "poisson" | "squared";
  readonly trees_max: number;
  /** Stop after this many trees without a better validation loss. */
  readonly patience: number;
  /** Share of the training rows that each tree sees. */
  readonly subsample: number;
  /** Share of the columns that each tree may split. */
  readonly column_sample: number;
  readonly seed: number;
}

export const boostingDefaults: Omit<BoostingOptions, "decreasing_columns" | "seed"> = {
  loss: "poisson",
  trees_max: 400,
  depth: 5,
  learning_rate: 0.08,
  lambda: 1,
  leaf_hessian_min: 10,
  gain_min: 1e-9,
  step_max: Number.POSITIVE_INFINITY,
  patience: 25,
  subsample: 0.8,
  column_sample: 1,
};

export interface BoostingFit {
  readonly model: BoostingModel;
  /** Total gain of each column's splits. */
  readonly gain: Float64Array;
  readonly trees: number;
  /** Summed deviance (squared loss: weighted square errors) of the validation rows under the model; infinite without any. */
  readonly validation_deviance: number;
}

/**
 * A loss of the training rows' predictions. Those are means of the counts, which a tree multiplies, or plain values, which it adds to: either way no row
 * needs an exponential of its own, since the rows of a leaf change alike.
 */
interface Loss {
  readonly link: Link;
  /** Score without any tree. */
  readonly base: (counted: number, exposed: number) => number;
  readonly start: (base: number, exposure: number) => number;
  /** Writes the training rows' gradients and Hessians. */
  readonly derive: (data: CountRows, prediction: Float64Array, gradient: Float64Array, hessian: Float64Array, step_max: number) => void;
  readonly deviance: (y: number, exposure: number, prediction: number) => number;
}

const losses: Record<BoostingOptions["loss"], Loss> = {
  poisson: {
    link: "log",
    // Half an enrollment when there is none: the logarithm must be finite.
    base: (counted, exposed) => Math.log(Math.max(counted, 0.5) / exposed),
    start: (base, exposure) => exposure * Math.exp(base),
    derive: ({ y, train_rows }, mean, gradient, hessian, step_max) => {
      const lift = Number.isFinite(step_max) ? Math.exp(step_max) : 1;
      for (let i = 0; i < train_rows; i++) {
        gradient[i] = mean[i]! - y[i]!;
        hessian[i] = lift * mean[i]!;
      }
    },
    deviance: (y, _exposure, mean) => poissonDeviance(y, mean),
  },
  squared: {
    link: "identity",
    base: (counted, exposed) => counted / exposed,
    start: (base) => base,
    derive: ({ y, exposure, train_rows }, value, gradient, hessian) => {
      for (let i = 0; i < train_rows; i++) {
        gradient[i] = exposure[i]! * (value[i]! - y[i]!);
        hessian[i] = exposure[i]!;
      }
    },
    deviance: (y, exposure, value) => exposure * (y - value) ** 2,
  },
};

/** Applies the last tree to the predictions of `count` of `rows`. */
export function applyLastTree(forest: GrowingForest, { bins, stride }: BinnedMatrix, rows: Int32Array, count: number, prediction: Float64Array, link: Link): void {
  const root = forest.roots[forest.roots.length - 1]!;
  // Typed copies: plain arrays of doubles are slower to index.
  const feature = Int32Array.from(forest.feature.slice(root));
  const bin = Int32Array.from(forest.bin.slice(root));
  const left = Int32Array.from(forest.left.slice(root));
  const right = Int32Array.from(forest.right.slice(root));
  const value = Float64Array.from(forest.value.slice(root), (own) => (link === "log" ? Math.exp(own) : own));
  const sets = Array.from(feature, (_, i) => forest.sets.get(root + i));
  for (let i = 0; i < count; i++) {
    const first = rows[i]! * stride;
    let node = 0;
    for (let column = feature[0]!; column >= 0; column = feature[node]!) {
      const own = bins[first + column]!;
      const set = sets[node];
      const goesLeft = set === undefined ? own <= bin[node]! : ((set[own >>> 5]! >>> (own & 31)) & 1) === 1;
      node = (goesLeft ? left[node]! : right[node]!) - root;
    }
    if (link === "log") prediction[rows[i]!]! *= value[node]!;
    else prediction[rows[i]!]! += value[node]!;
  }
}

/** Draws a tree's columns. */
export function drawColumns(random: Prng, share: number, active: Uint8Array): void {
  if (share >= 1) return;
  const columns = Array.from(active, (_, column) => column);
  const kept = Math.max(1, Math.round(share * columns.length));
  active.fill(0);
  for (let i = 0; i < kept; i++) {
    const j = i + random.integer(columns.length - i);
    active[columns[j]!] = 1;
    columns[j] = columns[i]!;
  }
}

/**
 * Second-order histogram gradient boosting, score = base + Σ trees; monotone non-increasing in the first `decreasing_columns` columns; stopped by the
 * validation rows. Deterministic, whatever the team: the seed alone draws each tree's rows and columns. `binned` may be given when it is there already.
 */
export function fitBoosting(data: CountRows, options: BoostingOptions, team: TreeTeam = new LocalTeam(), binned?: BinnedMatrix): BoostingFit {
  const { columns, y, exposure, train_rows, rows } = data;
  const { subsample, column_sample, categorical_columns = [] } = options;
  assert(train_rows > 0 && rows >= train_rows, "boosting needs training rows");
  assert(options.depth > 0, "a tree needs a level");
  assert(categorical_columns.every((column) => column >= options.decreasing_columns), "categories have no direction");
  const matrix = binned ?? binMatrix(data.values, rows, columns, train_rows, { categorical_columns });
  const loss = losses[options.loss];
  const gradient = new Float64Array(train_rows);
  const hessian = new Float64Array(train_rows);
  const grower = new TreeGrower(matrix, gradient, hessian, options, team);
  const random = new Prng(`boosting ${options.seed}`);
  const forest = emptyForest();

  let counted = 0;
  let exposed = 0;
  for (let i = 0; i < train_rows; i++) {
    counted += options.loss === "poisson" ? y[i]! : y[i]! * exposure[i]!;
    exposed += exposure[i]!;
  }
  const base = loss.base(counted, exposed);
  const prediction = exposure.slice(0, rows).map((own) => loss.start(base, own));
  // Rows that the tree at hand does not see, the validation rows last.
  const unseen = new Int32Array(rows);

  let best = Number.POSITIVE_INFINITY;
  let bestTrees = 0;
  while (forest.roots.length < options.trees_max) {
    loss.derive(data, prediction, gradient, hessian, options.step_max);
    const { order } = grower;
    let count = 0;
    let others = 0;
    for (let i = 0; i < train_rows; i++) {
      if (subsample >= 1 || random.uniform() < subsample) order[count++] = i;
      else unseen[others++] = i;
    }
    for (let i = train_rows; i < rows; i++) unseen[others++] = i;
    drawColumns(random, column_sample, grower.active);
    grower.grow(count, forest, prediction, loss.link);
    applyLastTree(forest, matrix, unseen, others, prediction, loss.link);
    if (rows === train_rows) {
      bestTrees = forest.roots.length;
      continue;
    }
    let deviance = 0;
    for (let i = train_rows; i < rows; i++) deviance += loss.deviance(y[i]!, exposure[i]!, prediction[i]!);
    if (deviance < best) {
      best = deviance;
      bestTrees = forest.roots.length;
    } else if (forest.roots.length - bestTrees >= options.patience) break;
  }
  return { model: cut(forest, matrix, base, bestTrees), gain: totalGain(forest, bestTrees, columns), trees: bestTrees, validation_deviance: best };
}

/** Nodes of the first `trees` trees: each tree's nodes follow the one before. */
export function nodesOf(forest: GrowingForest, trees: number): number {
  return forest.roots[trees] ?? forest.feature.length;
}

/** The categories of a column that a set of bins stands for. */
function categoriesIn(set: Uint32Array, cuts: Float64Array, categories: Float64Array): number[] {
  assert(categories.length === cuts.length + 1, "every category has its bin");
  return [...categories].filter((_, bin) => ((set[bin >>> 5]! >>> (bin & 31)) & 1) === 1);
}

/** The first `trees` trees, as artifacts have them. */
export function firstTrees(forest: GrowingForest, trees: number): Pick<BoostingModel, "roots" | "feature" | "threshold" | "left" | "right" | "value"> {
  const nodes = nodesOf(forest, trees);
  const kept = (values: readonly number[]): number[] => values.slice(0, nodes);
  return { roots: forest.roots.slice(0, trees), feature: kept(forest.feature), threshold: kept(forest.threshold), left: kept(forest.left), right: kept(forest.right), value: kept(forest.value) };
}

function cut(forest: GrowingForest, data: BinnedMatrix, base: number, trees: number): BoostingModel {
  const nodes = nodesOf(forest, trees);
  const sets = [...forest.sets].filter(([node]) => node < nodes).map(([node, set]) => [node, categoriesIn(set, data.cuts[forest.feature[node]!]!, must(data.categories[forest.feature[node]!], "the column's categories"))]);
  return { kind: "boosting", base, ...firstTrees(forest, trees), ...(forest.sets.size > 0 && { category_sets: Object.fromEntries(sets) }) };
}

function totalGain(forest: GrowingForest, trees: number, columns: number): Float64Array {
  const gain = new Float64Array(columns);
  for (let i = 0; i < nodesOf(forest, trees); i++) if (forest.feature[i]! >= 0) gain[forest.feature[i]!]! += forest.gain[i]!;
  return gain;
}
