import type { BinnedMatrix } from "../contracts/worker-protocol.ts";
import { assert } from "../lib/assert.ts";

/** Bins fit a byte: at most 254 cuts. */
export const BINS_MAX = 255;

export interface BinningOptions {
  readonly bins_max?: number;
  /** Columns whose values are codes: each has a bin of its own, and what the fitted rows did not have one more. */
  readonly categorical_columns?: readonly number[];
}

/** A value between two neighbours, never equal to the upper one. */
function between(lower: number, upper: number): number {
  const middle = lower + (upper - lower) / 2;
  return middle < upper ? middle : lower;
}

/** Cuts at the quantiles of sorted values; between every two distinct ones when there are few. */
function quantileCuts(sorted: Float64Array, bins_max: number): Float64Array {
  const cuts: number[] = [];
  for (let i = 1; i < sorted.length && cuts.length < bins_max; i++) {
    if (sorted[i]! > sorted[i - 1]!) cuts.push(between(sorted[i - 1]!, sorted[i]!));
  }
  if (cuts.length < bins_max) return Float64Array.from(cuts);
  cuts.length = 0;
  let next = 1;
  for (let i = 1; i < sorted.length && cuts.length < bins_max - 1; i++) {
    if (sorted[i]! > sorted[i - 1]! && i * bins_max >= next * sorted.length) {
      cuts.push(between(sorted[i - 1]!, sorted[i]!));
      next = Math.floor((i * bins_max) / sorted.length) + 1;
    }
  }
  return Float64Array.from(cuts);
}

/** Number of cuts below the value: its bin. */
function binOf(cuts: Float64Array, value: number): number {
  let low = 0;
  let high = cuts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cuts[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Bins a row-major matrix; the cuts come from its first `fit_rows` rows, so that later rows leak nothing. */
export function binMatrix(values: Float64Array, rows: number, columns: number, fit_rows: number, { bins_max = BINS_MAX, categorical_columns = [] }: BinningOptions = {}): BinnedMatrix {
  assert(bins_max >= 2 && bins_max <= BINS_MAX, "bins must fit a byte");
  assert(values.length === rows * columns && fit_rows <= rows, "matrix does not have its shape");
  const stride = Math.ceil(columns / 4) * 4;
  const bins = new Uint8Array(new SharedArrayBuffer(rows * stride));
  const sorted = new Float64Array(fit_rows);
  const cuts: Float64Array[] = [];
  const categories = new Array<Float64Array | undefined>(columns).fill(undefined);
  for (let column = 0; column < columns; column++) {
    for (let row = 0; row < fit_rows; row++) sorted[row] = values[row * columns + column]!;
    sorted.sort();
    const columnCuts = quantileCuts(sorted, bins_max);
    if (categorical_columns.includes(column)) {
      const distinct = sorted.filter((value, i) => i === 0 || value > sorted[i - 1]!);
      assert(distinct.length === columnCuts.length + 1, "a categorical column has at most as many values as bins");
      categories[column] = distinct;
    }
    const known = categories[column];
    for (let row = 0; row < rows; row++) {
      const value = values[row * columns + column]!;
      const bin = binOf(columnCuts, value);
      bins[row * stride + column] = known === undefined || known[bin] === value ? bin : known.length;
    }
    cuts.push(columnCuts);
  }
  return { rows, columns, stride, bins, cuts, categories };
}
