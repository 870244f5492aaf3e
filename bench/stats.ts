import { must } from "../src/lib/assert.ts";

/** The q-quantile of a sample by the nearest-rank method. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return must(sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))], "quantile of an empty sample");
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
