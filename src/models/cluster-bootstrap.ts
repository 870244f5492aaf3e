import { assert } from "../lib/assert.ts";
import { Prng } from "../lib/prng.ts";

export interface BootstrapMean {
  readonly mean: number;
  readonly ci95: [low: number, high: number];
}

const DRAWS = 1_000;

/** Positions from 0 on for clusters by name, in order of appearance. */
export function clusterIndices(names: readonly string[]): Int32Array {
  const positions = new Map<string, number>();
  return Int32Array.from(names, (name) => {
    const known = positions.get(name) ?? positions.size;
    positions.set(name, known);
    return known;
  });
}

/**
 * Mean of the rows' values with a 95 % percentile interval over resampled clusters (Cameron, Gelbach, Miller 2008): rows of one cluster are not independent.
 * Differences of two models' losses on the same rows make it a paired comparison. Seeded; with one cluster the interval is the whole line.
 */
export function bootstrapMean(values: Float64Array, clusters: Int32Array, seed: number | string, draws = DRAWS): BootstrapMean {
  assert(values.length === clusters.length && values.length > 0, "every row has its cluster, and there is one");
  const count = clusters.reduce((most, cluster) => Math.max(most, cluster), 0) + 1;
  const sums = new Float64Array(count);
  const rows = new Float64Array(count);
  let total = 0;
  for (let i = 0; i < values.length; i++) {
    sums[clusters[i]!]! += values[i]!;
    rows[clusters[i]!]!++;
    total += values[i]!;
  }
  const mean = total / values.length;
  if (count < 2) return { mean, ci95: [-Number.MAX_VALUE, Number.MAX_VALUE] };
  const random = new Prng(`bootstrap ${seed}`);
  const means = new Float64Array(draws);
  for (let draw = 0; draw < draws; draw++) {
    let sum = 0;
    let weight = 0;
    for (let i = 0; i < count; i++) {
      const drawn = random.integer(count);
      sum += sums[drawn]!;
      weight += rows[drawn]!;
    }
    means[draw] = sum / weight;
  }
  means.sort();
  const at = (share: number): number => means[Math.round(share * (draws - 1))]!;
  return { mean, ci95: [at(0.025), at(0.975)] };
}
