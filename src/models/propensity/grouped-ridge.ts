import { assert } from "../../lib/assert.ts";
import { choleskyInPlace, choleskySolveInPlace } from "../../lib/linear-algebra.ts";
import type { Moments } from "../econometrics/ridge.ts";

/**
 * Penalties of a group's columns relative to each column's own spread: a column that stands alone keeps 1/(1 + penalty) of its coefficient. Infinite:
 * the group is left out.
 */
const grid: readonly number[] = [Number.POSITIVE_INFINITY, 30, 10, 3, 1, 0.3, 0.1, 0.03];

/** One choice of penalties: coefficients normal around the fit, given that their spread before any data was what the penalties say. */
export interface RidgePosterior {
  /** By group. */
  readonly penalties: readonly number[];
  /** Of all choices; they sum to 1. */
  readonly weight: number;
  /** Of all columns, the unpenalised first one included. */
  readonly coefficients: Float64Array;
  /** Columns that are not left out, and what is added to their squares. */
  readonly columns: Int32Array;
  readonly added: Float64Array;
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

/** The Gram matrix of some columns with what is added to their squares. */
export function penalisedGram({ size, gram }: Moments, { columns, added }: Pick<RidgePosterior, "columns" | "added">): Float64Array {
  const n = columns.length;
  const found = new Float64Array(n * n);
  for (let a = 0; a < n; a++) {
    for (let b = 0; b <= a; b++) found[a * n + b] = found[b * n + a] = gram[columns[a]! * size + columns[b]!]!;
    found[a * n + a]! += added[a]!;
  }
  return found;
}

/** The fit at one choice of penalties, with the logarithm of the likelihood of it: the target's, coefficients integrated out, up to a constant. */
function fitAt(moments: Moments, group: Int32Array, penalties: readonly number[]): Omit<RidgePosterior, "weight"> & { readonly evidence: number } {
  const all = addedBy(moments, group, penalties);
  const columns = Int32Array.from(all, (_, i) => i).filter((i) => Number.isFinite(all[i]!));
  const added = Float64Array.from(columns, (i) => all[i]!);
  const n = columns.length;
  const matrix = penalisedGram(moments, { columns, added });
  assert(choleskyInPlace(matrix, n), "a penalised Gram matrix is positive definite");
  const right = Float64Array.from(columns, (i) => moments.cross[i]!);
  choleskySolveInPlace(matrix, n, right);
  const coefficients = new Float64Array(moments.size);
  let evidence = 0;
  for (let i = 0; i < n; i++) {
    coefficients[columns[i]!] = right[i]!;
    // log|A| and log|G + A|, halved, and the fit's share of the sum of squares.
    evidence += (added[i]! > 0 ? 0.5 * Math.log(added[i]!) : 0) - Math.log(matrix[i * n + i]!) + 0.5 * right[i]! * moments.cross[columns[i]!]!;
  }
  return { penalties, coefficients, columns, added, evidence };
}

/** Every choice of a penalty for each of so many groups. */
function choices(groups: number): number[][] {
  if (groups === 0) return [[]];
  return choices(groups - 1).flatMap((before) => grid.map((penalty) => before.concat(penalty)));
}

/**
 * Ridge regression (Hoerl, Kennard 1970) with a penalty for each group of columns, and the penalties integrated out: read as a normal prior, each choice of
 * them weighs what the likelihood of the target under it is (MacKay 1992), all being as likely before. So a few columns that matter are not shrunk for the sake of
 * many that do not, and what is barely there is barely believed, where a choice by left-out rows would now and then take all of it or nothing. The first column
 * has no penalty and no group. `moments`: sums over rows whose target has variance 1 around the fit.
 */
export function groupedRidge(moments: Moments, group: Int32Array): RidgePosterior[] {
  const groups = group.reduce((most, own) => Math.max(most, own), -1) + 1;
  const fits = choices(groups).map((penalties) => fitAt(moments, group, penalties));
  const most = Math.max(...fits.map(({ evidence }) => evidence));
  const total = fits.reduce((sum, { evidence }) => sum + Math.exp(evidence - most), 0);
  return fits.map(({ penalties, coefficients, columns, added, evidence }) => ({ penalties, coefficients, columns, added, weight: Math.exp(evidence - most) / total }));
}
