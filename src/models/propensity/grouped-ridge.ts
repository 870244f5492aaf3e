import { assert } from "../../lib/assert.ts";
import { choleskyInPlace, choleskySolveInPlace } from "../../lib/linear-algebra.ts";
import { Moments } from "../econometrics/ridge.ts";

/**
 * Penalties of a group's columns relative to each column's own spread: a column that stands alone keeps 1/(1 + penalty) of its coefficient. Infinite:
 * the group is left out.
 */
const grid: readonly number[] = [Number.POSITIVE_INFINITY, 30, 10, 3, 1, 0.3, 0.1, 0.03];

export interface GroupedRidge {
  /** Of all columns, the unpenalised first one included. */
  readonly coefficients: Float64Array;
  /** By group. */
  readonly penalties: readonly number[];
  /** By column, as it is added to the Gram matrix's diagonal; infinite of a column that is left out. */
  readonly added: Float64Array;
  /** Sum of squares of rows in left-out folds, at the penalties chosen and with the first column alone. */
  readonly loss: number;
  readonly loss_first: number;
}

/** By column: what a group's penalty adds to its square. 0 of the first column; a column that does not vary has no coefficient. */
function addedBy({ size, gram }: Moments, group: Int32Array, penalties: readonly number[]): Float64Array {
  const added = new Float64Array(size);
  for (let i = 1; i < size; i++) {
    const square = gram[i * size + i]!;
    const centred = square - gram[i * size]! ** 2 / gram[0]!;
    added[i] = centred > 1e-12 * square ? penalties[group[i]!]! * centred : Number.POSITIVE_INFINITY;
  }
  return added;
}

/** Positions of the columns that are not left out. */
export function columnsIn(added: Float64Array): Int32Array {
  return Int32Array.from(added, (_, i) => i).filter((i) => Number.isFinite(added[i]!));
}

/** The penalised Gram matrix of the columns that are not left out. */
export function penalisedGram({ size, gram }: Moments, added: Float64Array, columns: Int32Array): Float64Array {
  const n = columns.length;
  const found = new Float64Array(n * n);
  for (let a = 0; a < n; a++) {
    for (let b = 0; b <= a; b++) found[a * n + b] = found[b * n + a] = gram[columns[a]! * size + columns[b]!]!;
    found[a * n + a]! += added[columns[a]!]!;
  }
  return found;
}

function solve(moments: Moments, added: Float64Array): Float64Array {
  const columns = columnsIn(added);
  const matrix = penalisedGram(moments, added, columns);
  const right = Float64Array.from(columns, (i) => moments.cross[i]!);
  assert(choleskyInPlace(matrix, columns.length), "a penalised Gram matrix is positive definite");
  choleskySolveInPlace(matrix, columns.length, right);
  const coefficients = new Float64Array(moments.size);
  columns.forEach((column, i) => (coefficients[column] = right[i]!));
  return coefficients;
}

/** Every choice of a penalty for each of so many groups, those with more left out first. */
function choices(groups: number): number[][] {
  if (groups === 0) return [[]];
  return choices(groups - 1).flatMap((before) => grid.map((penalty) => before.concat(penalty)));
}

/**
 * Ridge regression (Hoerl, Kennard 1970) with a penalty for each group of columns, chosen together by the loss on left-out folds: a few columns that
 * matter are not shrunk for the sake of many that do not. The first column has no penalty and no group. `folds`: sums over the rows of each fold.
 */
export function groupedRidge(folds: readonly Moments[], group: Int32Array): GroupedRidge {
  assert(folds.length > 1, "cross-validation needs folds");
  const { size } = folds[0]!;
  const total = folds.reduce((sum, own) => sum.addAll(own), new Moments(size));
  const others = folds.map((fold) => new Moments(size).addAll(total).addAll(fold, -1));
  const groups = group.reduce((most, own) => Math.max(most, own), -1) + 1;
  const lossAt = (penalties: readonly number[]): number => folds.reduce((sum, fold, k) => sum + fold.loss(solve(others[k]!, addedBy(others[k]!, group, penalties))), 0);
  const loss_first = lossAt(new Array<number>(groups).fill(Number.POSITIVE_INFINITY));
  let best = { penalties: new Array<number>(groups).fill(Number.POSITIVE_INFINITY), loss: loss_first };
  for (const penalties of choices(groups)) {
    const loss = lossAt(penalties);
    if (loss < best.loss) best = { penalties, loss };
  }
  const added = addedBy(total, group, best.penalties);
  return { coefficients: solve(total, added), penalties: best.penalties, added, loss: best.loss, loss_first };
}
