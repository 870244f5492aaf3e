/** Share of a population, given by its quantiles 0, 1/n … 1, that lies below a value; linear between them, the middle of a tie. No allocation. */
export function quantileRank(quantiles: Float64Array, value: number): number {
  const last = quantiles.length - 1;
  const below = before(quantiles, value, false);
  const upTo = before(quantiles, value, true);
  // Some quantiles are the value itself.
  if (upTo > below) return (below + upTo - 1) / 2 / last;
  if (below === 0) return 0;
  if (below > last) return 1;
  const left = quantiles[below - 1]!;
  return (below - 1 + (value - left) / (quantiles[below]! - left)) / last;
}

/** How many of the quantiles lie below a value, or, `including` it, do not lie above. */
function before(quantiles: Float64Array, value: number, including: boolean): number {
  let low = 0;
  let high = quantiles.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const own = quantiles[middle]!;
    if (own < value || (including && own === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Quantiles 0, 1/n … 1 of values, by linear interpolation; ascending. */
export function quantilesOf(values: Float64Array, n: number): number[] {
  const sorted = values.slice().sort();
  return Array.from({ length: n + 1 }, (_, k) => {
    const at = (k / n) * (sorted.length - 1);
    const below = Math.floor(at);
    const low = sorted[below]!;
    const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
    return low + (at - below) * (high - low);
  });
}
