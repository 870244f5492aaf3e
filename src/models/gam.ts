import type { GamModel } from "../contracts/artifact.ts";
import { TidemarkError } from "../lib/errors.ts";
import { choleskyInPlace, choleskySolveInPlace } from "../lib/linear-algebra.ts";
import type { CountRows } from "./boosting.ts";
import type { Gram } from "./log-linear.ts";
import { poissonDeviance } from "./metrics.ts";
import { SPLINE_COEFFICIENTS, splineWeights } from "./spline.ts";

/** A column with fewer distinct values than this enters linearly. */
const DISTINCT_MIN = 12;
/** The interval of a spline leaves this share of the rows out on either side. */
const TAIL = 0.002;
const PENALTIES = [0.1, 1, 10, 100, 1_000, 10_000];
/** On every coefficient: splines of one term sum to one, as the intercept does, and only this keeps them apart. */
const RIDGE = 1e-2;
/** Weight against the wrong direction of a decreasing column's coefficients (Bollaerts, Eilers, van Mechelen 2006). */
const DIRECTION_PENALTY = 1e7;
/** Shares of the largest diagonal entry. */
const LIFT_MIN = 1e-7;
const LIFT_MAX = 1e-2;
const STEPS_MAX = 25;
const TOLERANCE = 1e-6;
const PENALTY_ROUNDS = 2;

interface Term {
  readonly column: number;
  /** First of its columns in the design. */
  readonly at: number;
  readonly low: number;
  readonly high: number;
  readonly decreasing: boolean;
}

interface Design {
  readonly terms: readonly Term[];
  readonly linear: readonly { readonly column: number; readonly at: number; readonly mean: number; readonly scale: number }[];
  readonly width: number;
  /** Row-major; a leading column of ones. */
  readonly x: Float64Array;
}

function columnOf({ values, columns, train_rows }: CountRows, column: number): Float64Array {
  return Float64Array.from({ length: train_rows }, (_, row) => values[row * columns + column]!);
}

function buildDesign(data: CountRows, decreasing_columns: number): Design {
  const { columns, train_rows: rows } = data;
  const terms: Term[] = [];
  const linear: Design["linear"][number][] = [];
  let width = 1;
  for (let column = 0; column < columns; column++) {
    const own = columnOf(data, column);
    const sorted = own.toSorted();
    const low = sorted[Math.floor(TAIL * (rows - 1))]!;
    const high = sorted[Math.ceil((1 - TAIL) * (rows - 1))]!;
    let distinct = 1;
    for (let i = 1; i < rows && distinct < DISTINCT_MIN; i++) if (sorted[i]! > sorted[i - 1]!) distinct++;
    if (distinct >= DISTINCT_MIN && high > low) {
      terms.push({ column, at: width, low, high, decreasing: column < decreasing_columns });
      width += SPLINE_COEFFICIENTS;
    } else if (column >= decreasing_columns) {
      const mean = own.reduce((sum, value) => sum + value / rows, 0);
      const scale = Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2 / rows, 0));
      if (scale > 1e-9) linear.push({ column, at: width++, mean, scale });
    }
  }
  const x = new Float64Array(rows * width);
  const weights = new Float64Array(4);
  for (let row = 0; row < rows; row++) {
    const first = row * width;
    x[first] = 1;
    for (const { column, at, low, high } of terms) {
      const segment = splineWeights(data.values[row * columns + column]!, low, high, weights);
      for (let i = 0; i < 4; i++) x[first + at + segment + i] = weights[i]!;
    }
    for (const { column, at, mean, scale } of linear) x[first + at] = (data.values[row * columns + column]! - mean) / scale;
  }
  return { terms, linear, width, x };
}

/** Penalty matrix at the present coefficients: curvature of every term, its wrong direction, and a little of everything. */
function penaltyMatrix({ terms, width }: Design, penalties: readonly number[], beta: Float64Array): Float64Array {
  const s = new Float64Array(width * width);
  for (let i = 1; i < width; i++) s[i * width + i] = RIDGE;
  for (const [t, { at, decreasing }] of terms.entries()) {
    const difference = (first: number, steps: readonly number[], weight: number): void => {
      for (const [i, a] of steps.entries()) for (const [j, b] of steps.entries()) s[(first + i) * width + first + j]! += weight * a * b;
    };
    for (let k = 0; k + 2 < SPLINE_COEFFICIENTS; k++) difference(at + k, [1, -2, 1], penalties[t]!);
    if (!decreasing) continue;
    for (let k = 0; k + 1 < SPLINE_COEFFICIENTS; k++) if (beta[at + k + 1]! > beta[at + k]! + 1e-12) difference(at + k, [-1, 1], DIRECTION_PENALTY);
  }
  return s;
}

class PenalisedPoisson {
  readonly #data: CountRows;
  readonly #design: Design;
  readonly #gram: Gram;
  readonly mean: Float64Array;

  constructor(data: CountRows, design: Design, gram: Gram) {
    this.#data = data;
    this.#design = design;
    this.#gram = gram;
    this.mean = new Float64Array(data.train_rows);
  }

  /** Expected counts at the coefficients; half the penalised deviance. */
  #objective(beta: Float64Array, s: Float64Array): number {
    const { y, exposure, train_rows } = this.#data;
    const { x, width } = this.#design;
    let sum = 0;
    for (let row = 0; row < train_rows; row++) {
      let eta = 0;
      for (let i = 0; i < width; i++) eta += beta[i]! * x[row * width + i]!;
      const expected = exposure[row]! * Math.exp(eta);
      this.mean[row] = expected;
      sum += poissonDeviance(y[row]!, expected) / 2;
    }
    return sum + quadratic(s, beta) / 2;
  }

  information(): Float64Array {
    return this.#gram(this.#design.x, this.#data.train_rows, this.#design.width, this.mean);
  }

  /** Xᵀ(y − μ). */
  score(): Float64Array {
    const { y, train_rows } = this.#data;
    const { x, width } = this.#design;
    const score = new Float64Array(width);
    for (let row = 0; row < train_rows; row++) {
      const residual = y[row]! - this.mean[row]!;
      for (let i = 0; i < width; i++) score[i]! += residual * x[row * width + i]!;
    }
    return score;
  }

  deviance(beta: Float64Array): number {
    return 2 * this.#objective(beta, new Float64Array(beta.length ** 2));
  }

  /** Newton with halved steps; the score is exact, so that a Gram matrix in single precision costs steps, not accuracy. */
  fit(start: Float64Array, penalties: readonly number[], steps_max = STEPS_MAX): Float64Array {
    let beta = start;
    for (let step = 0; step < steps_max; step++) {
      const s = penaltyMatrix(this.#design, penalties, beta);
      const current = this.#objective(beta, s);
      const direction = this.score();
      const pull = product(s, beta);
      for (let i = 0; i < direction.length; i++) direction[i]! -= pull[i]!;
      solve(this.information(), s, direction);
      let next = beta;
      let value = Number.POSITIVE_INFINITY;
      for (let halving = 0, scale = 1; halving < 20 && !(value <= current); halving++, scale /= 2) {
        next = beta.map((coefficient, i) => coefficient + scale * direction[i]!);
        value = this.#objective(next, s);
      }
      if (!(value <= current)) break;
      const fell = current - value;
      beta = next;
      if (fell < TOLERANCE * (Math.abs(value) + 1)) break;
    }
    this.#objective(beta, penaltyMatrix(this.#design, penalties, beta));
    return beta;
  }
}

function product(matrix: Float64Array, vector: Float64Array): Float64Array {
  const n = vector.length;
  return Float64Array.from(vector, (_, i) => {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += matrix[i * n + j]! * vector[j]!;
    return sum;
  });
}

function quadratic(matrix: Float64Array, vector: Float64Array): number {
  return product(matrix, vector).reduce((sum, value, i) => sum + value * vector[i]!, 0);
}

/**
 * Solves (information + s)·x = b in place; returns the factor. Single precision can lose what tells the splines of a term from the intercept: then a little
 * is added to the diagonal, which slows Newton down and moves its end not at all, since the score is exact.
 */
function solve(information: Float64Array, s: Float64Array, b: Float64Array): Float64Array {
  const n = b.length;
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, information[i * n + i]!);
  for (let lift = 0; lift <= LIFT_MAX; lift = Math.max(LIFT_MIN, lift * 10)) {
    const factor = information.map((value, i) => value + s[i]! + (i % (n + 1) === 0 ? lift * largest : 0));
    if (!choleskyInPlace(factor, n)) continue;
    choleskySolveInPlace(factor, n, b);
    return factor;
  }
  throw new TidemarkError("singular_design", "the additive model's design matrix is singular");
}

/** tr((I + S)⁻¹ I): effective degrees of freedom. */
function freedom(information: Float64Array, s: Float64Array, n: number): number {
  const factor = solve(information, s, new Float64Array(n));
  const column = new Float64Array(n);
  let trace = 0;
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < n; i++) column[i] = information[i * n + j]!;
    choleskySolveInPlace(factor, n, column);
    trace += column[j]!;
  }
  return trace;
}

/**
 * Penalties by generalised cross-validation (Craven, Wahba 1978; Wood 2017, §6.2) on the working model at the present coefficients: one term after the
 * other, each at the value that lowers n·D/(n − edf)² most, D to second order. The information matrix serves all of them.
 */
function choosePenalties(model: PenalisedPoisson, design: Design, data: CountRows, beta: Float64Array, penalties: readonly number[]): number[] {
  const information = model.information();
  const score = model.score();
  const deviance = model.deviance(beta);
  const chosen = [...penalties];
  const n = data.train_rows;
  const width = design.width;
  // Xᵀ W z of the working response.
  const target = product(information, beta).map((value, i) => value + score[i]!);
  const criterion = (candidate: readonly number[]): number => {
    const s = penaltyMatrix(design, candidate, beta);
    const solution = Float64Array.from(target);
    solve(information, s, solution);
    const step = solution.map((value, i) => value - beta[i]!);
    const reached = deviance - 2 * step.reduce((sum, value, i) => sum + value * score[i]!, 0) + quadratic(information, step);
    return (n * Math.max(reached, 0)) / (n - freedom(information, s, width)) ** 2;
  };
  for (let round = 0; round < PENALTY_ROUNDS; round++) {
    for (let t = 0; t < chosen.length; t++) {
      let best = { penalty: chosen[t]!, value: Number.POSITIVE_INFINITY };
      for (const penalty of PENALTIES) {
        const value = criterion(chosen.with(t, penalty));
        if (value < best.value) best = { penalty, value };
      }
      chosen[t] = best.penalty;
    }
  }
  return chosen;
}

/**
 * Generalised additive model of counts with log link and offset log exposure: a P-spline of every column with enough distinct values (Eilers, Marx 1996),
 * the others linearly; penalties by GCV; never rising in the first `decreasing_columns` columns. Throws TidemarkError("singular_design").
 */
export function fitGam(data: CountRows, decreasing_columns: number, gram: Gram): GamModel {
  const design = buildDesign(data, decreasing_columns);
  const model = new PenalisedPoisson(data, design, gram);
  let counted = 0;
  let exposed = 0;
  for (let row = 0; row < data.train_rows; row++) {
    counted += data.y[row]!;
    exposed += data.exposure[row]!;
  }
  const start = new Float64Array(design.width);
  start[0] = Math.log(Math.max(counted, 0.5) / exposed);
  const even = design.terms.map(() => 10);
  // Two steps come near enough to choose penalties by.
  const near = model.fit(start, even, 2);
  const penalties = choosePenalties(model, design, data, near, even);
  const beta = model.fit(near, penalties);
  return {
    kind: "gam",
    intercept: beta[0]!,
    splines: design.terms.map(({ column, at, low, high, decreasing }, t) => {
      const coefficients = [...beta.subarray(at, at + SPLINE_COEFFICIENTS)];
      // What is left of the wrong direction is rounding.
      if (decreasing) for (let i = 1; i < coefficients.length; i++) coefficients[i] = Math.min(coefficients[i]!, coefficients[i - 1]!);
      return { column, low, high, penalty: penalties[t]!, beyond: decreasing ? ("line" as const) : ("end" as const), coefficients };
    }),
    linear: design.linear.map(({ column, at, mean, scale }) => ({ column, mean, scale, coefficient: beta[at]! })),
  };
}
