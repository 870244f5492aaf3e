import type { LoggedDraw } from "./logged-draw.ts";

/** Sums over draws; every estimator is a function of them, so leaving a cluster out is a subtraction. */
export interface DrawSums {
  views: number;
  reward: number;
  /** Σ w·views, Σ w·reward. */
  weighted_views: number;
  weighted_reward: number;
  /** Σ views·Σπr̂: what the model alone expects. */
  modelled: number;
  /** Σ [views·Σπr̂ + w·(reward − views·r̂)], the doubly robust score. */
  robust: number;
}

export const emptySums = (): DrawSums => ({ views: 0, reward: 0, weighted_views: 0, weighted_reward: 0, modelled: 0, robust: 0 });

function add(sums: DrawSums, { views, reward, weight, expected_candidate, expected_logged }: LoggedDraw): void {
  sums.views += views;
  sums.reward += reward;
  sums.weighted_views += weight * views;
  sums.weighted_reward += weight * reward;
  sums.modelled += views * expected_candidate;
  sums.robust += views * expected_candidate + weight * (reward - views * expected_logged);
}

const names = Object.keys(emptySums()) as (keyof DrawSums)[];

export function sumsWithout(total: DrawSums, part: DrawSums): DrawSums {
  const left = emptySums();
  for (const name of names) left[name] = total[name] - part[name];
  return left;
}

/** Draws by cluster, in order of first appearance, and all of them together. */
export function sumByCluster(draws: Iterable<LoggedDraw>): { readonly clusters: readonly DrawSums[]; readonly total: DrawSums } {
  const by_cluster = new Map<string, DrawSums>();
  const total = emptySums();
  for (const draw of draws) {
    let sums = by_cluster.get(draw.cluster);
    if (sums === undefined) by_cluster.set(draw.cluster, (sums = emptySums()));
    add(sums, draw);
    add(total, draw);
  }
  return { clusters: [...by_cluster.values()], total };
}
