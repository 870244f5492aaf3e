import type { Prng } from "../../lib/prng.ts";
import { boostingDefaults, type CountRows, fitBoosting } from "../boosting.ts";
import { fitLogLinear, logLinearDefaults, plainGram } from "../log-linear.ts";
import { compilePredictor } from "../predictor.ts";
import type { ElasticityModel } from "../../contracts/artifact.ts";
import { dealClusters } from "./folds.ts";
import { Moments, ridge } from "./ridge.ts";
import type { Factor } from "./sample.ts";

/** What nuisance functions are functions of: row-major, rows × columns. */
export interface Features {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
}

/** Learn a target on some rows, predict it on others. */
export interface NuisanceTask {
  readonly features: Features;
  readonly target: Float64Array;
  /** Positive; of counts this stands for the exposure too: target and exposure are both per unit of weight. */
  readonly weights: Float64Array;
  /** Rows of one cluster stay on one side of every split inside. */
  readonly clusters: Factor;
  readonly fit: Int32Array;
  readonly predict: Int32Array;
  readonly random: Prng;
}

/** Learns E[target | features]. Equal tasks and random numbers give equal predictions. */
export interface NuisanceLearner {
  readonly name: string;
  /** Writes predictions of a mean for the rows to predict. */
  mean(task: NuisanceTask, out: Float64Array): void;
  /** The same of a count per exposure, positive: `target` is the rate, `weights` the exposure. */
  rate(task: NuisanceTask, out: Float64Array): void;
}

const INNER_FOLDS = 5;
const VALIDATION_FOLDS = 5;

function weightedMean(values: Float64Array, weights: Float64Array, rows: Int32Array): number {
  let sum = 0;
  let total = 0;
  for (const row of rows) {
    sum += weights[row]! * values[row]!;
    total += weights[row]!;
  }
  return sum / total;
}

/** Clusters of some rows, by fold, and how many folds there are that have any. */
function innerFolds({ clusters, fit, random }: NuisanceTask, wanted: number): { readonly fold: Int32Array; readonly folds: number } {
  const present = new Int32Array(clusters.levels).fill(-1);
  let count = 0;
  for (const row of fit) if (present[clusters.codes[row]!]! < 0) present[clusters.codes[row]!] = count++;
  const folds = Math.min(wanted, count);
  const dealt = dealClusters(count, folds, random);
  return { fold: present.map((place) => (place < 0 ? -1 : dealt[place]!)), folds };
}

/** Rows to fit, then rows that say when to stop; counts and weights as boosting and the log-linear model take them. */
function countRows(task: NuisanceTask, rows: readonly Int32Array[], scaled: (row: number) => number): CountRows {
  const { features: { columns, values }, weights } = task;
  const all = rows.reduce((sum, own) => sum + own.length, 0);
  const data = { values: new Float64Array(all * columns), y: new Float64Array(all), exposure: new Float64Array(all) };
  let at = 0;
  for (const own of rows) {
    for (const row of own) {
      for (let j = 0; j < columns; j++) data.values[at * columns + j] = values[row * columns + j]!;
      data.y[at] = scaled(row);
      data.exposure[at++] = weights[row]!;
    }
  }
  return { ...data, columns, rows: all, train_rows: rows[0]!.length };
}

function predictWith(model: ElasticityModel, { features: { columns, values }, predict }: NuisanceTask, out: Float64Array, of: (score: number) => number): void {
  const predictor = compilePredictor(model, columns);
  for (const row of predict) out[row] = of(predictor.logRate(values, row * columns));
}

/** Linear in the features, the penalty cross-validated by cluster. */
export const ridgeLearner: NuisanceLearner = {
  name: "ridge",
  mean(task, out) {
    const { features: { columns, values }, target, weights, clusters, fit, predict } = task;
    const { fold, folds } = innerFolds(task, INNER_FOLDS);
    // Around the means, so that sums of products do not cancel.
    const centre = weightedMean(target, weights, fit);
    const means = Float64Array.from({ length: columns }, (_, j) => {
      let sum = 0;
      for (const row of fit) sum += values[row * columns + j]!;
      return sum / fit.length;
    });
    if (folds < 2) {
      for (const row of predict) out[row] = centre;
      return;
    }
    const moments = Array.from({ length: folds }, () => new Moments(columns + 1));
    const own = new Float64Array(columns + 1);
    own[0] = 1;
    for (const row of fit) {
      for (let j = 0; j < columns; j++) own[j + 1] = values[row * columns + j]! - means[j]!;
      moments[fold[clusters.codes[row]!]!]!.add(own, target[row]! - centre, weights[row]!);
    }
    const { coefficients } = ridge(moments);
    for (const row of predict) {
      let sum = centre + coefficients[0]!;
      for (let j = 0; j < columns; j++) sum += coefficients[j + 1]! * (values[row * columns + j]! - means[j]!);
      out[row] = sum;
    }
  },
  rate(task, out) {
    const { target, weights, fit } = task;
    const data = countRows(task, [fit], (row) => target[row]! * weights[row]!);
    predictWith(fitLogLinear(data, { ...logLinearDefaults, decreasing_columns: 0 }, plainGram), task, out, Math.exp);
  },
};

/** Shallower and slower than the demand models': what nuisances miss biases the effect by the product of what both miss. */
const boosting = { ...boostingDefaults, trees_max: 600, depth: 3, learning_rate: 0.05, decreasing_columns: 0 };
/** A shallow tree learns no more from more rows than this, and takes longer. */
const TREE_ROWS_MAX = 100_000;
/** e to more than this is no rate. */
const SCORE_MAX = 50;

function boosted(task: NuisanceTask, loss: "poisson" | "squared", out: Float64Array): void {
  const { target, weights, clusters, fit, random } = task;
  const { fold } = innerFolds(task, VALIDATION_FOLDS);
  const trained = fit.filter((row) => fold[clusters.codes[row]!] !== 0);
  const validation = fit.filter((row) => fold[clusters.codes[row]!] === 0);
  const seed = random.uint32();
  const options = { ...boosting, loss, seed, subsample: Math.min(boosting.subsample, TREE_ROWS_MAX / trained.length) };
  const parts = trained.length > 0 ? [trained, validation] : [fit];
  if (loss === "poisson") {
    const data = countRows(task, parts, (row) => target[row]! * weights[row]!);
    predictWith(fitBoosting(data, options).model, task, out, (score) => Math.exp(Math.min(SCORE_MAX, score)));
    return;
  }
  // Standardised, so that penalties mean the same for every target.
  const centre = weightedMean(target, weights, fit);
  const scale = Math.sqrt(weightedMean(target.map((own) => (own - centre) ** 2), weights, fit)) || 1;
  const data = countRows(task, parts, (row) => (target[row]! - centre) / scale);
  predictWith(fitBoosting(data, options).model, task, out, (score) => centre + scale * score);
}

/** Gradient boosting, stopped by clusters that it does not fit. */
export const boostingLearner: NuisanceLearner = {
  name: "boosting",
  mean: (task, out) => boosted(task, "squared", out),
  rate: (task, out) => boosted(task, "poisson", out),
};
