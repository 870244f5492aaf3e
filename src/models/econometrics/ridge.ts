import { assert } from "../../lib/assert.ts";
import { type Eigen, symmetricEigen } from "./symmetric-eigen.ts";

/**
 * Sums over rows that a linear fit needs: products of the columns, of columns and target, squares of the target. Those of disjoint rows add up, so that the
 * rows without a fold are the total less the fold's, and cross-validation reads the rows once.
 */
export class Moments {
  readonly size: number;
  /** size × size, row-major, symmetric. */
  readonly gram: Float64Array;
  readonly cross: Float64Array;
  square = 0;

  constructor(size: number) {
    this.size = size;
    this.gram = new Float64Array(size * size);
    this.cross = new Float64Array(size);
  }

  add(row: Float64Array, target: number, weight: number): void {
    const { size, gram, cross } = this;
    for (let i = 0; i < size; i++) {
      const scaled = weight * row[i]!;
      cross[i]! += scaled * target;
      for (let j = 0; j <= i; j++) gram[i * size + j]! += scaled * row[j]!;
    }
    this.square += weight * target * target;
  }

  /** Takes in another's sums, in place; `sign` −1 takes them out. */
  addAll(other: Moments, sign: 1 | -1 = 1): this {
    for (let i = 0; i < this.gram.length; i++) this.gram[i]! += sign * other.gram[i]!;
    for (let i = 0; i < this.size; i++) this.cross[i]! += sign * other.cross[i]!;
    this.square += sign * other.square;
    return this;
  }

  /** Sum of squares that coefficients leave of the target. */
  loss(coefficients: Float64Array): number {
    let sum = this.square;
    for (let i = 0; i < this.size; i++) {
      sum -= 2 * coefficients[i]! * this.cross[i]!;
      for (let j = 0; j <= i; j++) sum += (i === j ? 1 : 2) * coefficients[i]! * coefficients[j]! * this.gram[i * this.size + j]!;
    }
    return sum;
  }
}

/** Coefficients at any penalty: the first column has none, the others are penalised in units of their own spread around it. */
class RidgePath {
  readonly #size: number;
  readonly #eigen: Eigen;
  readonly #rotated: Float64Array;
  readonly #scale: Float64Array;
  readonly #moments: Moments;

  constructor(moments: Moments) {
    const { size, gram, cross } = moments;
    const first = gram[0]!;
    const rest = size - 1;
    const centred = new Float64Array(rest * rest);
    for (let i = 0; i < rest; i++) {
      for (let j = 0; j <= i; j++) centred[i * rest + j] = centred[j * rest + i] = gram[(i + 1) * size + j + 1]! - (gram[(i + 1) * size]! * gram[(j + 1) * size]!) / first;
    }
    // A column that does not vary has no coefficient.
    this.#scale = Float64Array.from({ length: rest }, (_, i) => (centred[i * rest + i]! > 1e-12 * gram[(i + 1) * size + i + 1]! ? 1 / Math.sqrt(centred[i * rest + i]!) : 0));
    for (let i = 0; i < rest; i++) for (let j = 0; j < rest; j++) centred[i * rest + j]! *= this.#scale[i]! * this.#scale[j]!;
    this.#eigen = symmetricEigen(centred, rest);
    this.#rotated = new Float64Array(rest);
    for (let k = 0; k < rest; k++) {
      for (let i = 0; i < rest; i++) this.#rotated[k]! += this.#eigen.vectors[i * rest + k]! * this.#scale[i]! * (cross[i + 1]! - (gram[(i + 1) * size]! * cross[0]!) / first);
    }
    this.#size = size;
    this.#moments = moments;
  }

  at(penalty: number): Float64Array {
    const rest = this.#size - 1;
    const { gram, cross } = this.#moments;
    const { values, vectors } = this.#eigen;
    const coefficients = new Float64Array(this.#size);
    coefficients[0] = cross[0]! / gram[0]!;
    for (let i = 0; i < rest; i++) {
      let sum = 0;
      for (let k = 0; k < rest; k++) sum += (vectors[i * rest + k]! * this.#rotated[k]!) / (Math.max(0, values[k]!) + penalty);
      coefficients[i + 1] = this.#scale[i]! * sum;
      coefficients[0]! -= (coefficients[i + 1]! * gram[(i + 1) * this.#size]!) / gram[0]!;
    }
    return coefficients;
  }
}

/** Relative to a column's own spread: from next to nothing to nothing left, half a power of ten apart; infinite: the first column alone. */
const penalties = [...Array.from({ length: 19 }, (_, i) => 10 ** (-6 + i / 2)), Number.POSITIVE_INFINITY];

export interface RidgeFit {
  /** Of the columns as they are, the unpenalised first one included. */
  readonly coefficients: Float64Array;
  readonly penalty: number;
  /** Each fold's sum of squares under what was fitted without it, at the penalty chosen and with the first column alone. */
  readonly losses: readonly number[];
  readonly losses_first: readonly number[];
}

/** Ridge regression with the penalty whose summed loss on left-out folds is least (Hoerl, Kennard 1970; cross-validated). */
export function ridge(folds: readonly Moments[]): RidgeFit {
  assert(folds.length > 1, "cross-validation needs folds");
  const size = folds[0]!.size;
  const total = folds.reduce((sum, own) => sum.addAll(own), new Moments(size));
  const losses = penalties.map((): number[] => []);
  for (const fold of folds) {
    const path = new RidgePath(new Moments(size).addAll(total).addAll(fold, -1));
    for (const [i, penalty] of penalties.entries()) losses[i]!.push(fold.loss(path.at(penalty)));
  }
  const sums = losses.map((own) => own.reduce((sum, loss) => sum + loss, 0));
  // Of equals the largest penalty: the first column alone where nothing else helps.
  const best = sums.reduce((least, own, i) => (own <= sums[least]! ? i : least), 0);
  return { coefficients: new RidgePath(total).at(penalties[best]!), penalty: penalties[best]!, losses: losses[best]!, losses_first: losses.at(-1)! };
}
