import { DAY_MS } from "../../lib/time.ts";
import { Prng } from "../../lib/prng.ts";
import { armOf, switchbackUnit } from "./assignment.ts";
import type { ClusterPeriod } from "./course-results.ts";
import type { ExperimentState } from "./experiment-state.ts";
import type { LearnerUnit } from "./learner-results.ts";

/** How drawn learners buy: not a model of anybody, but outcomes with the shape that revenue has: mostly nothing, sometimes a price, some learners far above the rest. */
export interface DrawnLearners {
  readonly seed: string;
  readonly per_day: number;
  readonly days: number;
  /** Share that buys at all, among those at the control arm. */
  readonly conversion: number;
  readonly price_tokens: number;
  /** sd of the log of what a buyer spends. */
  readonly price_log_sd: number;
  /** Factor of the conversion in arms other than the control arm. */
  readonly lift: number;
  /** Weight of the learner's own level, which the covariate tells, in the log-odds of buying. */
  readonly covariate_weight: number;
}

/** Learners who come day by day and are assigned as the engine assigns them. */
export function drawnUnits(state: ExperimentState, { seed, per_day, days, conversion, price_tokens, price_log_sd, lift, covariate_weight }: DrawnLearners): LearnerUnit[] {
  const random = new Prng(seed);
  const { arms, experiment, from_ms = 0 } = state;
  const base = Math.log(conversion / (1 - conversion));
  const units: LearnerUnit[] = [];
  for (let i = 0; i < per_day * days; i++) {
    const arm = armOf(arms, experiment.salt, `${seed}-${i}`).name;
    const level = random.normal();
    const odds = Math.exp(base + covariate_weight * level);
    const probability = Math.min(1, (odds / (1 + odds)) * (arm === experiment.control_arm ? 1 : lift));
    const buys = random.uniform() < probability;
    const spent = Math.round(price_tokens * Math.exp(price_log_sd * random.normal() + 0.3 * covariate_weight * level));
    units.push({
      arm,
      exposed_ms: from_ms + Math.floor((i / per_day) * DAY_MS),
      covariate: Math.round(100 * Math.exp(level)),
      revenue_tokens: buys ? spent : 0,
      enrollments: buys ? 1 : 0,
      refunds: buys && random.uniform() < 0.05 ? 1 : 0,
      drops: buys && random.uniform() < 0.2 ? 1 : 0,
      churned: random.uniform() < 0.3,
      lifetime_tokens: Math.round(300 * random.exponential(1)),
    });
  }
  return units;
}

export interface DrawnClusters {
  readonly seed: string;
  readonly clusters: number;
  readonly periods: number;
  /** Effect of the arms other than the control arm on the revenue of a course's day. */
  readonly effect: number;
}

/** Clusters that differ, periods that move all of them, and a cluster's own luck, which lasts: AR(1), 0.7 from period to period. */
export function drawnCells(state: ExperimentState, { seed, clusters, periods, effect }: DrawnClusters): ClusterPeriod[] {
  const random = new Prng(seed);
  const { arms, experiment, from_ms = 0 } = state;
  const days = experiment.unit.kind === "course_cluster" ? experiment.unit.period_days : 1;
  const first = Math.ceil(from_ms / (days * DAY_MS));
  const shocks = Array.from({ length: periods }, () => 8 * random.normal());
  const cells: ClusterPeriod[] = [];
  for (let c = 0; c < clusters; c++) {
    const cluster = `${seed}-${c}`;
    const level = 60 * Math.exp(0.6 * random.normal());
    let luck = 10 * random.normal();
    for (let k = 0; k < periods; k++) {
      luck = 0.7 * luck + 10 * Math.sqrt(1 - 0.49) * random.normal();
      const arm = armOf(arms, experiment.salt, switchbackUnit(cluster, first + k)).name;
      const views = 20 + random.poisson(level);
      const daily = level + shocks[k]! + luck + (arm === experiment.control_arm ? 0 : effect) + 5 * random.normal();
      cells.push({ cluster, period: first + k, arm, course_days: days, revenue_tokens: daily * days, enrollments: random.binomial(views, 0.08), views, refunds: 0 });
    }
  }
  return cells;
}
