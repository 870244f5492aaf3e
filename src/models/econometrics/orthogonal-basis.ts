import { assert } from "../../lib/assert.ts";

/** A column that the columns before it explain. */
export interface Dropped {
  readonly index: number;
  /** The columns that it is a combination of; none where it is zero by itself. */
  readonly of: readonly number[];
}

/** X = QR of the columns that are not combinations of those before them. */
export interface OrthogonalBasis {
  /** Orthonormal columns, one a kept column. */
  readonly q: readonly Float64Array[];
  /** Upper triangular, row-major, kept × kept. */
  readonly r: Float64Array;
  readonly kept: readonly number[];
  readonly dropped: readonly Dropped[];
}

/** A remainder this small, next to what the column was, is rounding. */
const RELATIVE_MIN = 1e-8;
/** Coefficients this small, in units of the columns' own norms, do not name a cause. */
const CAUSE_MIN = 1e-6;

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** a += factor·b, in place. */
export function addScaled(a: Float64Array, factor: number, b: Float64Array): void {
  for (let i = 0; i < a.length; i++) a[i]! += factor * b[i]!;
}

export function norm(a: Float64Array): number {
  return Math.sqrt(dot(a, a));
}

/** Takes the part in the span of q out of `column`, in place, twice, since once leaves rounding behind. Adds the coefficients up in `out`. */
export function removeSpan(q: readonly Float64Array[], column: Float64Array, out?: Float64Array): void {
  for (let pass = 0; pass < 2; pass++) {
    for (const [i, own] of q.entries()) {
      const coefficient = dot(own, column);
      addScaled(column, -coefficient, own);
      if (out !== undefined) out[i]! += coefficient;
    }
  }
}

/**
 * Gram–Schmidt with reorthogonalisation (Giraud, Langou 2005: twice is enough), as stable as Householder's QR. Consumes the columns, whose arrays become
 * q. `references[j]` is the norm that column j had before anything was taken out of it: what is left below 1e-8 of it is nothing.
 */
export function orthogonalBasis(columns: readonly Float64Array[], references: readonly number[]): OrthogonalBasis {
  assert(columns.length === references.length, "a reference a column");
  const q: Float64Array[] = [];
  const kept: number[] = [];
  const dropped: Dropped[] = [];
  const coefficients: Float64Array[] = [];
  const scales: number[] = [];
  for (const [index, column] of columns.entries()) {
    const own = new Float64Array(q.length + 1);
    removeSpan(q, column, own);
    const left = norm(column);
    if (!(left > RELATIVE_MIN * references[index]!)) {
      const on = solveUpper(triangle(coefficients), q.length, own.subarray(0, q.length));
      dropped.push({ index, of: kept.filter((_, i) => Math.abs(on[i]!) * scales[i]! > CAUSE_MIN * references[index]!) });
      continue;
    }
    own[q.length] = left;
    for (let i = 0; i < column.length; i++) column[i]! /= left;
    q.push(column);
    kept.push(index);
    coefficients.push(own);
    scales.push(references[index]!);
  }
  return { q, r: triangle(coefficients), kept, dropped };
}

/** The upper triangle whose columns are given, column j with j + 1 entries. */
function triangle(columns: readonly Float64Array[]): Float64Array {
  const k = columns.length;
  const r = new Float64Array(k * k);
  for (const [j, column] of columns.entries()) for (let i = 0; i <= j; i++) r[i * k + j] = column[i]!;
  return r;
}

/** x with R·x = b; R is k × k, upper triangular, row-major. */
export function solveUpper(r: Float64Array, k: number, b: ArrayLike<number>): Float64Array {
  const x = new Float64Array(k);
  for (let i = k - 1; i >= 0; i--) {
    let sum = b[i]!;
    for (let j = i + 1; j < k; j++) sum -= r[i * k + j]! * x[j]!;
    x[i] = sum / r[i * k + i]!;
  }
  return x;
}

/** R⁻¹·M·R⁻ᵀ for a symmetric M: a covariance in terms of Q's columns as one in terms of X's. */
export function toColumns(r: Float64Array, k: number, m: Float64Array): Float64Array {
  const half = new Float64Array(k * k);
  for (let j = 0; j < k; j++) {
    const column = solveUpper(r, k, Float64Array.from({ length: k }, (_, i) => m[i * k + j]!));
    for (let i = 0; i < k; i++) half[i * k + j] = column[i]!;
  }
  const out = new Float64Array(k * k);
  for (let i = 0; i < k; i++) out.set(solveUpper(r, k, half.subarray(i * k, (i + 1) * k)), i * k);
  return out;
}
