import { sumByCluster } from "./cluster-sums.ts";
import { jackknife, type OffPolicyEstimate } from "./jackknife.ts";
import type { LoggedDraw } from "./logged-draw.ts";

/** Below either an interval cannot be trusted: their coverage is tested from here on (evaluate.test.ts). */
export const EFFECTIVE_DRAWS_MIN = 50;
export const EFFECTIVE_CLUSTERS_MIN = 20;
/** Weights average 1 when the candidate's prices could all have been drawn with the probabilities that were logged. */
const WEIGHT_TOLERANCE = 0.02;
const WEIGHT_SES = 4;

export type Refusal = "no_draws" | "few_draws" | "few_clusters" | "weights_off";

export interface OffPolicyEvaluation {
  readonly draws: number;
  readonly views: number;
  readonly clusters: number;
  /** (Σwn)²/Σ(wn)² over draws and over clusters, n being views: how many equally weighed ones say as much. */
  readonly effective_draws: number;
  readonly effective_clusters: number;
  /** Σwn/Σn: 1 but for chance. */
  readonly mean_weight: number;
  /** Why no verdict may rest on it; undefined: it may. */
  readonly refusal: Refusal | undefined;
  /** Reward a view of what was shown, and of the candidate policy, estimated three ways (SCIENCE.md, section 2). Absent when there are not two clusters. */
  readonly estimates?: {
    readonly logged: OffPolicyEstimate;
    /** Without an interval: where overlap is thin the estimate is so skewed that a 95 % one covers 88 %. */
    readonly ips: number;
    readonly snips: OffPolicyEstimate;
    readonly doubly_robust: OffPolicyEstimate;
    /** Candidate less logged, clusters left out of both at once: what they share cancels. */
    readonly uplift_snips: OffPolicyEstimate;
    readonly uplift_doubly_robust: OffPolicyEstimate;
  };
}

/** (Σx)²/Σx² */
function effectiveCount(values: readonly number[]): number {
  let sum = 0;
  let squares = 0;
  for (const value of values) {
    sum += value;
    squares += value * value;
  }
  return squares > 0 ? (sum * sum) / squares : 0;
}

/**
 * What a candidate policy would have earned on logged draws, from the probabilities with which they were drawn: inverse propensity scoring, the same normalised by
 * its weights, and doubly robust (Dudík et al. 2011), with intervals over clusters. A refusal says why none of them is to be believed; the figures stand beside it.
 */
export function evaluateOffPolicy(draws: readonly LoggedDraw[]): OffPolicyEvaluation {
  const used = draws.filter(({ views }) => views > 0);
  const { clusters, total } = sumByCluster(used);
  const by_draw = new Map<string, number>();
  for (const { cluster, draw, weight, views } of used) by_draw.set(`${cluster}|${draw}`, (by_draw.get(`${cluster}|${draw}`) ?? 0) + weight * views);
  const effective_draws = effectiveCount([...by_draw.values()]);
  const effective_clusters = effectiveCount(clusters.map(({ weighted_views }) => weighted_views));
  const counts = { draws: by_draw.size, views: total.views, clusters: clusters.length, effective_draws, effective_clusters };
  if (clusters.length < 2 || !(total.weighted_views > 0)) {
    return { ...counts, mean_weight: total.views > 0 ? total.weighted_views / total.views : 0, refusal: used.length === 0 ? "no_draws" : clusters.length < 2 ? "few_clusters" : "few_draws" };
  }
  // A cluster without weight left alone has no normalised mean: then its reward is taken to be nothing, and the interval is wide.
  const snips = (weighted_reward: number, weighted_views: number): number => (weighted_views > 0 ? weighted_reward / weighted_views : 0);
  const estimates = {
    logged: jackknife(clusters, total, ({ reward, views }) => reward / views),
    ips: total.weighted_reward / total.views,
    snips: jackknife(clusters, total, ({ weighted_reward, weighted_views }) => snips(weighted_reward, weighted_views)),
    doubly_robust: jackknife(clusters, total, ({ robust, views }) => robust / views),
    uplift_snips: jackknife(clusters, total, ({ weighted_reward, weighted_views, reward, views }) => snips(weighted_reward, weighted_views) - reward / views),
    uplift_doubly_robust: jackknife(clusters, total, ({ robust, reward, views }) => (robust - reward) / views),
  };
  const weight = jackknife(clusters, total, ({ weighted_views, views }) => weighted_views / views);
  return { ...counts, mean_weight: weight.value, refusal: refusalOf(effective_draws, effective_clusters, weight), estimates };
}

function refusalOf(effective_draws: number, effective_clusters: number, weight: OffPolicyEstimate): Refusal | undefined {
  if (effective_draws < EFFECTIVE_DRAWS_MIN) return "few_draws";
  if (effective_clusters < EFFECTIVE_CLUSTERS_MIN) return "few_clusters";
  return Math.abs(weight.value - 1) > WEIGHT_TOLERANCE + WEIGHT_SES * weight.se ? "weights_off" : undefined;
}
