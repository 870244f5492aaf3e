import type { LinearModel } from "../contracts/artifact.ts";
import { assert } from "../lib/assert.ts";
import { TidemarkError } from "../lib/errors.ts";
import { choleskyInPlace, choleskySolveInPlace } from "../lib/linear-algebra.ts";
import type { CountRows } from "./boosting.ts";
import { poissonDeviance } from "./metrics.ts";

/** XᵀWX (columns × columns, row-major) of a row-major matrix and weights: a tensor library's, or plain loops. */
export type Gram = (x: Float64Array, rows: number, columns: number, w: Float64Array) => Float64Array;

/** The port's oracle. */
export function plainGram(x: Float64Array, rows: number, columns: number, w: Float64Array): Float64Array {
  const gram = new Float64Array(columns * columns);
  for (let row = 0; row < rows; row++) {
    const first = row * columns;
    for (let i = 0; i < columns; i++) {
      const scaled = w[row]! * x[first + i]!;
      for (let j = 0; j <= i; j++) gram[i * columns + j]! += scaled * x[first + j]!;
    }
  }
  for (let i = 0; i < columns; i++) for (let j = i + 1; j < columns; j++) gram[i * columns + j] = gram[j * columns + i]!;
  return gram;
}

export interface LogLinearOptions {
  /** Ridge penalty on standardised coefficients, in units of expected counts; the intercept has none. */
  readonly ridge: number;
  readonly steps_max: number;
  readonly tolerance: number;
  /** Coefficients of columns below this index may not be positive. */
  readonly decreasing_columns: number;
}

export const logLinearDefaults: Omit<LogLinearOptions, "decreasing_columns"> = { ridge: 1, steps_max: 50, tolerance: 1e-9 };

interface Standardised {
  /** Row-major, with a leading column of ones. */
  readonly x: Float64Array;
  readonly mean: Float64Array;
  readonly scale: Float64Array;
}

function standardise(data: CountRows): Standardised {
  const { values, columns, train_rows: rows } = data;
  const mean = new Float64Array(columns);
  const scale = new Float64Array(columns);
  for (let row = 0; row < rows; row++) for (let i = 0; i < columns; i++) mean[i]! += values[row * columns + i]! / rows;
  for (let row = 0; row < rows; row++) for (let i = 0; i < columns; i++) scale[i]! += (values[row * columns + i]! - mean[i]!) ** 2 / rows;
  // A constant column carries nothing; scale 1 keeps it at zero instead of dividing by it.
  for (let i = 0; i < columns; i++) scale[i] = scale[i]! > 1e-18 ? Math.sqrt(scale[i]!) : 1;
  const width = columns + 1;
  const x = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) {
    x[row * width] = 1;
    for (let i = 0; i < columns; i++) x[row * width + 1 + i] = (values[row * columns + i]! - mean[i]!) / scale[i]!;
  }
  return { x, mean, scale };
}

/** Writes expected counts; returns half the penalised deviance, which Newton's steps must lower. */
function objective(data: CountRows, x: Float64Array, beta: Float64Array, ridge: number, mean: Float64Array): number {
  const width = beta.length;
  let sum = 0;
  for (let row = 0; row < data.train_rows; row++) {
    let eta = 0;
    for (let i = 0; i < width; i++) eta += beta[i]! * x[row * width + i]!;
    const expected = data.exposure[row]! * Math.exp(eta);
    mean[row] = expected;
    sum += poissonDeviance(data.y[row]!, expected) / 2;
  }
  for (let i = 1; i < width; i++) sum += (ridge / 2) * beta[i]! * beta[i]!;
  return sum;
}

/** Newton's direction over the free coefficients; the others stay. */
function direction(data: CountRows, x: Float64Array, beta: Float64Array, free: readonly boolean[], ridge: number, mean: Float64Array, gram: Gram): Float64Array {
  const width = beta.length;
  const score = new Float64Array(width);
  for (let row = 0; row < data.train_rows; row++) {
    const residual = data.y[row]! - mean[row]!;
    for (let i = 0; i < width; i++) score[i]! += residual * x[row * width + i]!;
  }
  const hessian = gram(x, data.train_rows, width, mean);
  assert(hessian.length === width * width, "the Gram matrix has the wrong shape");
  for (let i = 0; i < width; i++) {
    if (i > 0) {
      score[i]! -= ridge * beta[i]!;
      hessian[i * width + i]! += ridge;
    }
    if (free[i]) continue;
    score[i] = 0;
    for (let j = 0; j < width; j++) {
      hessian[i * width + j] = 0;
      hessian[j * width + i] = 0;
    }
    hessian[i * width + i] = 1;
  }
  if (!choleskyInPlace(hessian, width)) throw new TidemarkError("singular_design", "the linear model's design matrix is singular");
  choleskySolveInPlace(hessian, width, score);
  return score;
}

/**
 * Iteratively reweighted least squares in Newton's form: the score is exact, so a Gram matrix in single precision costs
 * steps, not accuracy. Steps are halved until the penalised deviance falls.
 */
function fitFree(data: CountRows, x: Float64Array, free: readonly boolean[], start: number, options: LogLinearOptions, gram: Gram): Float64Array {
  let beta = new Float64Array(free.length);
  beta[0] = start;
  const mean = new Float64Array(data.train_rows);
  let current = objective(data, x, beta, options.ridge, mean);
  for (let step = 0; step < options.steps_max; step++) {
    const delta = direction(data, x, beta, free, options.ridge, mean, gram);
    let scale = 1;
    let next = beta;
    let value = Number.POSITIVE_INFINITY;
    for (let halving = 0; halving < 30; halving++, scale /= 2) {
      next = beta.map((coefficient, i) => coefficient + scale * delta[i]!);
      value = objective(data, x, next, options.ridge, mean);
      if (value <= current) break;
    }
    if (!(value <= current)) {
      objective(data, x, beta, options.ridge, mean);
      return beta;
    }
    const change = delta.reduce((most, d) => Math.max(most, Math.abs(d) * scale), 0);
    beta = next;
    current = value;
    if (change < options.tolerance) return beta;
  }
  return beta;
}

/**
 * Poisson regression with log link and offset log exposure on standardised columns, with a ridge. Where a coefficient
 * that must not be positive would be, it is set to zero, the most positive first, and the rest are fitted again.
 */
export function fitLogLinear(data: CountRows, options: LogLinearOptions, gram: Gram): LinearModel {
  assert(data.train_rows > 0, "the linear model needs training rows");
  const { x, mean, scale } = standardise(data);
  let counted = 0;
  let exposed = 0;
  for (let row = 0; row < data.train_rows; row++) {
    counted += data.y[row]!;
    exposed += data.exposure[row]!;
  }
  const start = Math.log(Math.max(counted, 0.5) / exposed);
  const free = new Array<boolean>(data.columns + 1).fill(true);
  for (;;) {
    const beta = fitFree(data, x, free, start, options, gram);
    let worst = 0;
    for (let i = 1; i <= options.decreasing_columns; i++) if (beta[i]! > 0 && (worst === 0 || beta[i]! > beta[worst]!)) worst = i;
    if (worst === 0) {
      return { kind: "log_linear", mean: [...mean], scale: [...scale], coefficients: [...beta.subarray(1)], intercept: beta[0]! };
    }
    free[worst] = false;
  }
}
