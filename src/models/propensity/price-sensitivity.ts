import type { SensitivityPropensity } from "../../contracts/propensity.ts";
import { assert } from "../../lib/assert.ts";
import { choleskyInPlace, choleskySolveInPlace } from "../../lib/linear-algebra.ts";
import { Prng } from "../../lib/prng.ts";
import { dealClusters } from "../econometrics/folds.ts";
import { Moments } from "../econometrics/ridge.ts";
import { groupedRidge, penalisedGram, type RidgePosterior } from "./grouped-ridge.ts";
import { logistic, logOdds } from "./hazard.ts";
import { fitLogistic } from "./logistic-regression.ts";
import { compileMargin, type Margin } from "./margin.ts";
import { quantilesOf } from "./quantile-rank.ts";

/** Views of prices with a random part. */
export interface SensitivityRows {
  /** rows × columns of learners' inputs, and the learner of each row, from 0 on. */
  readonly inputs: Float64Array;
  readonly columns: number;
  /** By input: which of the groups that are penalised alike it is in, from 0 on. */
  readonly group: Int32Array;
  readonly learner: Int32Array;
  /** By view: the row of inputs, log price − log price before its random part, and what came of it. */
  readonly row: Int32Array;
  readonly jitter: Float64Array;
  readonly enrolled: Uint8Array;
  readonly affordable: Uint8Array;
  /** The course's trailing conversion as of the view. */
  readonly expected: Float64Array;
}

export type Sensitivity = Omit<SensitivityPropensity, "definition">;

const FOLDS = 5;
/** Views that the nuisance model of a fold is fitted to: its errors cost precision, not truth, since the treatment does not depend on anything. */
const NUISANCE_VIEWS_MAX = 30_000;
/** Penalty of the nuisance model. */
const PENALTY = 30;
const QUANTILES = 20;
/** Standard error of the average effect from which on there is no price variation to speak of: effects are about −1 to −3. */
const SE_MAX = 1;
const JITTER_SD_MIN = 1e-3;
const CONVERSION_MIN = 1e-4;
const CONVERSION_MAX = 0.5;

/**
 * Views that count: those at prices that the balance covered. Whoever cannot pay does not enroll at any sensitivity: such a view is censored, and
 * would pass for a refusal.
 */
function usedViews({ affordable, jitter }: SensitivityRows): Int32Array {
  return Int32Array.from(affordable, (_, view) => view).filter((view) => affordable[view] === 1 && Number.isFinite(jitter[view]!));
}

const expectedLogOdds = (expected: number): number => logOdds(Math.min(CONVERSION_MAX, Math.max(CONVERSION_MIN, expected)));

/** What the nuisance model sees of a view: the course's trailing conversion, then the learner's inputs. */
function fillNuisance({ inputs, columns, row, expected }: SensitivityRows, view: number, into: Float64Array, at: number): void {
  const first = row[view]! * columns;
  into[at] = expectedLogOdds(expected[view]!);
  for (let i = 0; i < columns; i++) into[at + 1 + i] = inputs[first + i]!;
}

/** A logistic model of conversion from views outside a fold, a random share of them where there are many. */
function nuisance(data: SensitivityRows, views: Int32Array, random: Prng): Margin {
  const share = NUISANCE_VIEWS_MAX / views.length;
  const chosen = share >= 1 ? views : views.filter(() => random.uniform() < share);
  const columns = data.columns + 1;
  const values = new Float64Array(chosen.length * columns);
  const y = new Uint8Array(chosen.length);
  chosen.forEach((view, i) => {
    fillNuisance(data, view, values, i * columns);
    y[i] = data.enrolled[view]!;
  });
  const rows = chosen.length;
  const { model } = fitLogistic({ values, columns, y, steps: new Uint8Array(rows).fill(1), steps_max: 1, train_rows: rows, rows }, [PENALTY]);
  return compileMargin(model, columns);
}

/** Means and standard deviations of the learners' inputs. */
function scaling(inputs: Float64Array, columns: number): { mean: Float64Array; scale: Float64Array } {
  const rows = inputs.length / columns;
  const mean = new Float64Array(columns);
  const scale = new Float64Array(columns);
  for (let at = 0; at < inputs.length; at++) mean[at % columns]! += inputs[at]! / rows;
  for (let at = 0; at < inputs.length; at++) scale[at % columns]! += (inputs[at]! - mean[at % columns]!) ** 2 / rows;
  return { mean, scale: scale.map((own) => (own > 1e-18 ? Math.sqrt(own) : 1)) };
}

/** Inverse of a symmetric positive definite matrix, from its Cholesky factor. */
function inverse(matrix: Float64Array, n: number): Float64Array {
  assert(choleskyInPlace(matrix, n), "a penalised Gram matrix is positive definite");
  const found = new Float64Array(n * n);
  const column = new Float64Array(n);
  for (let j = 0; j < n; j++) {
    column.fill(0);
    column[j] = 1;
    choleskySolveInPlace(matrix, n, column);
    for (let i = 0; i < n; i++) found[i * n + j] = column[i]!;
  }
  return found;
}

/** A · B · A of symmetric n × n matrices. */
function sandwich(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const left = new Float64Array(n * n);
  const found = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let k = 0; k < n; k++) for (let j = 0; j < n; j++) left[i * n + j]! += a[i * n + k]! * b[k * n + j]!;
  for (let i = 0; i < n; i++) for (let k = 0; k < n; k++) for (let j = 0; j < n; j++) found[i * n + j]! += left[i * n + k]! * a[k * n + j]!;
  return found;
}

/** One view as the R-learner regresses it: target = Ỹ/√v on √v·D̃·(1, z), v = m̂(1 − m̂). */
class Regression {
  readonly data: SensitivityRows;
  readonly row: Float64Array;
  readonly #mean: Float64Array;
  readonly #scale: Float64Array;
  readonly #conversion: Float64Array;

  constructor(data: SensitivityRows, mean: Float64Array, scale: Float64Array, conversion: Float64Array) {
    this.data = data;
    this.row = new Float64Array(data.columns + 1);
    this.#mean = mean;
    this.#scale = scale;
    this.#conversion = conversion;
  }

  /** Writes `row`; the target. */
  fill(view: number): number {
    const { inputs, columns, row, jitter, enrolled } = this.data;
    const p = this.#conversion[view]!;
    const root = Math.sqrt(p * (1 - p));
    const weight = root * jitter[view]!;
    const first = row[view]! * columns;
    this.row[0] = weight;
    for (let i = 0; i < columns; i++) this.row[i + 1] = (weight * (inputs[first + i]! - this.#mean[i]!)) / this.#scale[i]!;
    return (enrolled[view]! - p) / root;
  }
}

function notIdentified(columns: number, views: number): Sensitivity {
  const zeros = new Array<number>(columns).fill(0);
  return {
    identified: false,
    mean: zeros,
    scale: new Array<number>(columns).fill(1),
    coefficients: zeros,
    intercept: 0,
    covariance: new Array<number>((columns + 1) ** 2).fill(0),
    quantiles: [0, 0],
    candidates: [{ name: "r_learner", metrics: { views }, barred: "not identified: prices never varied at random by enough to tell" }],
  };
}

/**
 * How a learner's conversion answers price: d log-odds of enrolling / d log price as a linear function of the learner's inputs, by the R-learner
 * (Nie, Wager 2021) on the log-odds scale. To first order Y − m(x) = m(1 − m)·τ(x)·D, so that Ỹ/(m̂(1 − m̂)D) is regressed on x with weights m̂(1 −
 * m̂)·D², penalised, with the penalties, one a group of inputs, integrated out.
 *
 * The conversion m̂ is a logistic model of the course's trailing conversion and the learner's inputs, out of fold by learner. The treatment needs no
 * model: the random part of a price is drawn with mean 0 whatever the learner, so that D̃ = D. Views at prices that the balance did not cover are
 * left out.
 *
 * The covariance is that within each choice of penalties and that between them. Within: the penalised estimate's with errors clustered by learner,
 * H⁻¹(M + P)H⁻¹, with M the clusters' outer products in place of the Gram matrix of the usual posterior, and P the penalty, read as what slopes were
 * taken to be before.
 */
export function estimateSensitivity(data: SensitivityRows, seed: number): Sensitivity {
  const { columns, inputs, jitter, row, enrolled } = data;
  const views = usedViews(data);
  const learners = data.learner.reduce((most, own) => Math.max(most, own), -1) + 1;
  const spread = Math.sqrt(views.reduce((sum, view) => sum + jitter[view]! ** 2, 0) / Math.max(1, views.length));
  const sold = views.reduce((sum, view) => sum + enrolled[view]!, 0);
  if (spread < JITTER_SD_MIN || sold === 0 || learners < 2 * FOLDS) return notIdentified(columns, views.length);
  const random = new Prng(`sensitivity ${seed}`);
  const fold = dealClusters(learners, FOLDS, random);
  const foldOf = (view: number): number => fold[data.learner[row[view]!]!]!;
  const conversion = new Float64Array(row.length);
  const own = new Float64Array(columns + 1);
  for (let k = 0; k < FOLDS; k++) {
    const margin = nuisance(data, views.filter((view) => foldOf(view) !== k), random);
    for (const view of views) {
      if (foldOf(view) !== k) continue;
      fillNuisance(data, view, own, 0);
      conversion[view] = Math.min(1 - CONVERSION_MIN, Math.max(CONVERSION_MIN, logistic(margin.margin(own, 0))));
    }
  }
  const { mean, scale } = scaling(inputs, columns);
  const regression = new Regression(data, mean, scale, conversion);
  const moments = new Moments(columns + 1);
  for (const view of views) {
    const target = regression.fill(view);
    moments.add(regression.row, target, 1);
  }
  if (1 / Math.sqrt(moments.gram[0]!) > SE_MAX) return notIdentified(columns, views.length);
  const fits = groupedRidge(moments, Int32Array.of(-1, ...data.group));
  const coefficients = new Float64Array(columns + 1);
  for (const fit of fits) for (let i = 0; i <= columns; i++) coefficients[i]! += fit.weight * fit.coefficients[i]!;
  const covariance = covarianceOf(fits, coefficients, moments, clusteredProducts(regression, views, learners, coefficients));
  const effects = new Float64Array(inputs.length / columns);
  for (let i = 0; i < effects.length; i++) {
    let effect = coefficients[0]!;
    for (let j = 0; j < columns; j++) effect += (coefficients[j + 1]! * (inputs[i * columns + j]! - mean[j]!)) / scale[j]!;
    effects[i] = -effect;
  }
  const quantiles = quantilesOf(effects, QUANTILES);
  return {
    identified: true,
    mean: [...mean],
    scale: [...scale],
    coefficients: [...coefficients.subarray(1)],
    intercept: coefficients[0]!,
    covariance: [...covariance],
    quantiles,
    candidates: [
      {
        name: "r_learner",
        metrics: {
          views: views.length,
          censored: row.length - views.length,
          effect: coefficients[0]!,
          effect_se: Math.sqrt(covariance[0]!),
          spread: quantiles[Math.round(0.75 * QUANTILES)]! - quantiles[Math.round(0.25 * QUANTILES)]!,
          // How likely it is that effects differ between learners at all, one choice of penalties being as likely as another before.
          differing: 1 - fits.reduce((sum, { penalties, weight }) => sum + (penalties.every((own) => own === Number.POSITIVE_INFINITY) ? weight : 0), 0),
        },
        barred: null,
      },
    ],
  };
}

/** Outer products of the learners' sums of residual times row, added up. */
function clusteredProducts(regression: Regression, views: Int32Array, learners: number, coefficients: Float64Array): Float64Array {
  const width = coefficients.length;
  const scores = new Float64Array(learners * width);
  const { row, learner } = regression.data;
  for (const view of views) {
    let residual = regression.fill(view);
    for (let i = 0; i < width; i++) residual -= coefficients[i]! * regression.row[i]!;
    const first = learner[row[view]!]! * width;
    for (let i = 0; i < width; i++) scores[first + i]! += residual * regression.row[i]!;
  }
  const products = new Float64Array(width * width);
  for (let g = 0; g < learners; g++) for (let i = 0; i < width; i++) for (let j = 0; j < width; j++) products[i * width + j]! += scores[g * width + i]! * scores[g * width + j]!;
  return products;
}

/** Below it a choice of penalties adds nothing to a covariance. */
const WEIGHT_MIN = 1e-6;

function covarianceOf(fits: readonly RidgePosterior[], mean: Float64Array, moments: Moments, products: Float64Array): Float64Array {
  const width = mean.length;
  const covariance = new Float64Array(width * width);
  for (const { weight, coefficients, columns, added } of fits) {
    if (weight < WEIGHT_MIN) continue;
    const n = columns.length;
    const meat = new Float64Array(n * n);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) meat[i * n + j] = products[columns[i]! * width + columns[j]!]! + (i === j ? added[i]! : 0);
    const within = sandwich(inverse(penalisedGram(moments, { columns, added }), n), meat, n);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) covariance[columns[i]! * width + columns[j]!]! += weight * within[i * n + j]!;
    for (let i = 0; i < width; i++) for (let j = 0; j < width; j++) covariance[i * width + j]! += weight * (coefficients[i]! - mean[i]!) * (coefficients[j]! - mean[j]!);
  }
  return covariance;
}
