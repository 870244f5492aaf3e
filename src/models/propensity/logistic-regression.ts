import type { LogisticModel } from "../../contracts/propensity.ts";
import { assert } from "../../lib/assert.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { choleskyInPlace, choleskySolveInPlace } from "../../lib/linear-algebra.ts";
import { plainGram } from "../log-linear.ts";
import { centreOffsets, type HazardFit, type HazardRows, lifeTable, logistic, windowLoss } from "./hazard.ts";
import { standardise, type Standardised } from "./standardise.ts";

/** Penalties ½λΣβ² on standardised coefficients that compete on the validation rows, from nearly nothing left to nearly none. */
const penalties: readonly number[] = [3_000, 300, 30, 3];
/** Without validation rows. */
const PENALTY = 30;
const STEPS_MAX = 30;
const HALVINGS_MAX = 20;
/** Change of every coefficient below which Newton's method has arrived: the step after it would be the square of that. */
const TOLERANCE = 1e-5;

/** Offsets first, then a coefficient a column: the offsets are the intercepts of their steps and have no penalty. */
function marginOf(beta: Float64Array, x: Float64Array, row: number, columns: number, first: number): number {
  let margin = 0;
  for (let i = 0; i < columns; i++) margin += beta[first + i]! * x[row * columns + i]!;
  return margin;
}

class Newton {
  readonly #data: HazardRows;
  readonly #x: Float64Array;
  readonly #margins: Float64Array;
  readonly #weights: Float64Array;

  constructor(data: HazardRows, { x }: Standardised) {
    this.#data = data;
    this.#x = x;
    this.#margins = new Float64Array(data.train_rows);
    this.#weights = new Float64Array(data.train_rows);
  }

  /** The penalised minimum from a start, which stays as it is. Throws TidemarkError `singular_design`. */
  minimise(start: Float64Array, penalty: number): Float64Array {
    let beta = start;
    let current = this.#objective(beta, penalty);
    for (let step = 0; step < STEPS_MAX; step++) {
      const delta = this.#direction(beta, penalty);
      let scale = 1;
      let next = beta;
      let value = Number.POSITIVE_INFINITY;
      for (let halving = 0; halving < HALVINGS_MAX && !(value <= current); halving++, scale /= 2) {
        const taken = scale;
        next = beta.map((own, i) => own + taken * delta[i]!);
        value = this.#objective(next, penalty);
      }
      if (!(value <= current)) break;
      beta = next;
      current = value;
      if (delta.every((own) => Math.abs(own) < TOLERANCE)) break;
    }
    return beta;
  }

  /** Writes the rows' margins. */
  #objective(beta: Float64Array, penalty: number): number {
    const { columns, steps, steps_max, y, train_rows } = this.#data;
    const offsets = beta.subarray(0, steps_max);
    let sum = 0;
    for (let i = steps_max; i < beta.length; i++) sum += (penalty / 2) * beta[i]! * beta[i]!;
    for (let row = 0; row < train_rows; row++) {
      const margin = marginOf(beta, this.#x, row, columns, steps_max);
      this.#margins[row] = margin;
      sum += windowLoss(margin, offsets, steps[row]!, y[row]!);
    }
    return sum;
  }

  /** Newton's direction at the margins that were written last. */
  #direction(beta: Float64Array, penalty: number): Float64Array {
    const { columns, steps, steps_max, y, train_rows } = this.#data;
    const x = this.#x;
    const width = beta.length;
    const score = new Float64Array(width);
    const hessian = new Float64Array(width * width);
    for (let row = 0; row < train_rows; row++) {
      let residual = y[row]!;
      let weight = 0;
      for (let k = 0; k < steps[row]!; k++) {
        const p = logistic(this.#margins[row]! + beta[k]!);
        const own = p * (1 - p);
        residual -= p;
        weight += own;
        score[k]! -= p;
        hessian[k * width + k]! += own;
        // Below the diagonal: the steps' columns of the inputs' rows.
        for (let i = 0; i < columns; i++) hessian[(steps_max + i) * width + k]! += own * x[row * columns + i]!;
      }
      if (y[row] === 1) score[steps[row]! - 1]!++;
      this.#weights[row] = weight;
      for (let i = 0; i < columns; i++) score[steps_max + i]! += residual * x[row * columns + i]!;
    }
    const gram = plainGram(x, train_rows, columns, this.#weights);
    for (let i = 0; i < columns; i++) {
      const at = steps_max + i;
      score[at]! -= penalty * beta[at]!;
      for (let j = 0; j <= i; j++) hessian[at * width + steps_max + j] = gram[i * columns + j]!;
      hessian[at * width + at]! += penalty;
    }
    // A step that nobody was observed in keeps its offset.
    for (let k = 0; k < steps_max; k++) if (hessian[k * width + k] === 0) hessian[k * width + k] = 1;
    for (let i = 0; i < width; i++) for (let j = i + 1; j < width; j++) hessian[i * width + j] = hessian[j * width + i]!;
    if (!choleskyInPlace(hessian, width)) throw new TidemarkError("singular_design", "the logistic model's design matrix is singular");
    choleskySolveInPlace(hessian, width, score);
    return score;
  }
}

export interface LogisticFit extends HazardFit<LogisticModel> {
  readonly penalty: number;
}

/**
 * Logistic regression with a ridge (le Cessie, van Houwelingen 1992) by Newton's method; for windows in steps, the discrete-time hazard model with an
 * intercept a step. The penalty is the one whose loss on the validation rows is least, each fit started from the one before.
 */
export function fitLogistic(data: HazardRows, given: readonly number[] = data.rows > data.train_rows ? penalties : [PENALTY]): LogisticFit {
  const { columns, rows, train_rows, steps, steps_max, y } = data;
  assert(train_rows > 0 && rows >= train_rows && given.length > 0, "logistic regression needs training rows and a penalty");
  const standard = standardise(data.values, columns, rows, train_rows);
  const newton = new Newton(data, standard);
  let beta: Float64Array = new Float64Array(steps_max + columns);
  beta.set(lifeTable(data));
  let best = beta;
  let penalty = given[0]!;
  let least = Number.POSITIVE_INFINITY;
  for (const own of given) {
    beta = newton.minimise(beta, own);
    let loss = 0;
    for (let row = train_rows; row < rows; row++) loss += windowLoss(marginOf(beta, standard.x, row, columns, steps_max), beta, steps[row]!, y[row]!);
    // Along the path the loss falls, then rises.
    if (!(loss < least)) break;
    [best, penalty, least] = [beta, own, loss];
  }
  const offsets = best.slice(0, steps_max);
  const intercept = centreOffsets(offsets);
  return { model: { kind: "logistic", mean: [...standard.mean], scale: [...standard.scale], coefficients: [...best.subarray(steps_max)], intercept }, offsets, penalty };
}
