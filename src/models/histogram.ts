import { assert } from "../lib/assert.ts";

/**
 * Edges of at most `bins_max` bins of equal width over the middle of the values: the 0.5th to the 99.5th percentile, so that one outlier does not flatten the rest;
 * what lies outside counts in the outer bins. Few distinct values get a bin each. Ascending, at least two.
 */
export function histogramEdges(values: Float64Array, bins_max: number): number[] {
  assert(bins_max >= 2, "a histogram has bins");
  const sorted = values.filter(Number.isFinite).sort();
  if (sorted.length === 0) return [0, 1];
  const distinct = sorted.filter((value, i) => i === 0 || value > sorted[i - 1]!);
  if (distinct.length === 1) return [distinct[0]! - 0.5, distinct[0]! + 0.5];
  if (distinct.length <= bins_max) return ascending(edgesBetween(distinct));
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))]!;
  const [low, high] = at(0.995) > at(0.005) ? [at(0.005), at(0.995)] : [sorted[0]!, sorted[sorted.length - 1]!];
  return ascending(Array.from({ length: bins_max + 1 }, (_, i) => low + ((high - low) * i) / bins_max));
}

/** Without edges that rounding made equal. */
function ascending(edges: readonly number[]): number[] {
  return edges.filter((edge, i) => i === 0 || edge > edges[i - 1]!);
}

/** A bin around each of the values, split half-way. */
function edgesBetween(distinct: Float64Array): number[] {
  const first = distinct[0]!;
  const last = distinct[distinct.length - 1]!;
  const inner = Array.from(distinct.subarray(1), (value, i) => (value + distinct[i]!) / 2);
  return [2 * first - inner[0]!, ...inner, 2 * last - inner[inner.length - 1]!];
}

/** Edges of at most `bins` bins that hold equal shares of the values; fewer where values repeat. */
export function quantileEdges(values: Float64Array, bins: number): number[] {
  const sorted = values.filter(Number.isFinite).sort();
  const edges: number[] = [];
  for (let i = 1; i < bins; i++) {
    const value = sorted[Math.floor((i * sorted.length) / bins)];
    if (value !== undefined && value > (edges[edges.length - 1] ?? sorted[0]!)) edges.push(value);
  }
  return [Number.NEGATIVE_INFINITY, ...edges, Number.POSITIVE_INFINITY];
}

/** Values by bin; a value on an inner edge counts above it, what lies beyond the outer edges in the outer bins. Values that are not finite count as missing. */
export function countByBin(values: ArrayLike<number>, edges: readonly number[]): { counts: number[]; missing: number } {
  const counts = new Array<number>(edges.length - 1).fill(0);
  let missing = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Number.isFinite(value)) counts[binAt(edges, value)]!++;
    else missing++;
  }
  return { counts, missing };
}

/** The bin of a finite value. */
export function binAt(edges: readonly number[], value: number): number {
  let low = 1;
  let high = edges.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (edges[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Added to every bin's share, so that an empty bin does not make the index infinite. */
const SHARE_MIN = 1e-4;

/** Population stability index, Σ (b − a)·ln(b/a) over the shares of the bins: 0 for equal distributions, above 0.25 as a rule a shift worth a look. */
export function stabilityIndex(before: readonly number[], after: readonly number[]): number {
  assert(before.length === after.length, "both distributions have the same bins");
  const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
  const [a, b] = [total(before), total(after)];
  if (a === 0 || b === 0) return 0;
  let index = 0;
  for (let i = 0; i < before.length; i++) {
    const p = before[i]! / a + SHARE_MIN;
    const q = after[i]! / b + SHARE_MIN;
    index += (q - p) * Math.log(q / p);
  }
  return index;
}
