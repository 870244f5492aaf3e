import type { Prng } from "../../lib/prng.ts";
import type { Factor } from "./sample.ts";

/** A fold for every cluster: shuffled, then dealt, so that folds differ by one cluster at most. */
export function dealClusters(clusters: number, folds: number, random: Prng): Int32Array {
  const order = Int32Array.from({ length: clusters }, (_, i) => i);
  for (let i = clusters - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  const fold = new Int32Array(clusters);
  for (let i = 0; i < clusters; i++) fold[order[i]!] = i % folds;
  return fold;
}

/** What keeps together rows that must not stand on both sides of a split: the clusters, or each row by itself. */
export function clustersOrRows(clusters: readonly Factor[], rows: number): Factor {
  return clusters[0] ?? { name: "row", codes: Int32Array.from({ length: rows }, (_, i) => i), levels: rows };
}

/** Rows by whether their cluster's fold is the one. */
export function splitRows({ codes }: Factor, folds: Int32Array, fold: number): { readonly inside: Int32Array; readonly outside: Int32Array } {
  let count = 0;
  for (let i = 0; i < codes.length; i++) if (folds[codes[i]!] === fold) count++;
  const inside = new Int32Array(count);
  const outside = new Int32Array(codes.length - count);
  let a = 0;
  let b = 0;
  for (let i = 0; i < codes.length; i++) {
    if (folds[codes[i]!] === fold) inside[a++] = i;
    else outside[b++] = i;
  }
  return { inside, outside };
}
