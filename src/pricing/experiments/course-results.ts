import type { ExperimentResults, Figure } from "../../contracts/experiment-results.ts";
import type { GuardrailMetric } from "../../contracts/experiment.ts";
import { DAY_MS } from "../../lib/time.ts";
import { leastSquares } from "../../models/econometrics/least-squares.ts";
import { factorOf } from "../../models/econometrics/sample.ts";
import { alwaysValidP, alwaysValidReach, type Effect } from "./always-valid.ts";
import { around, holdoutOf } from "./business-figures.ts";
import type { ExperimentState } from "./experiment-state.ts";
import { moreIsBetter } from "./learner-results.ts";
import { resultFrame } from "./result-frame.ts";
import { sampleRatio, type SampleRatio } from "./sample-ratio.ts";
import { tau2Of, verdictOf } from "./verdict.ts";

/** What the courses of a cluster sold in the counted days of one period: those after its washout, whole ones. */
export interface ClusterPeriod {
  readonly cluster: string;
  readonly period: number;
  readonly arm: string;
  /** Days times courses. */
  readonly course_days: number;
  readonly revenue_tokens: number;
  readonly enrollments: number;
  readonly views: number;
  readonly refunds: number;
}

/** With fewer clusters in both arms the errors clustered by them are too small. */
export const CLUSTERS_MIN = 20;

type CourseMetric = Exclude<GuardrailMetric, "drop_rate">;

/** A metric as a ratio, and so what each cell weighs. */
const metrics: Readonly<Record<CourseMetric, (cell: ClusterPeriod) => readonly [over: number, under: number]>> = {
  revenue: (cell) => [cell.revenue_tokens, cell.course_days],
  conversion: (cell) => [cell.enrollments, cell.views],
  refund_rate: (cell) => [cell.refunds, cell.enrollments],
};

/**
 * Effect of one arm against the control arm: least squares of the metric on the arm, cells weighted by what they are a ratio over, with an effect of each cluster and each period
 * absorbed (what a course sells anyhow, and what a week does to all), errors clustered by cluster. undefined where the cells do not hold it.
 */
function effectOf(cells: readonly ClusterPeriod[], metric: CourseMetric, arm: string, control_arm: string): Effect | undefined {
  const own = cells.filter((cell) => (cell.arm === arm || cell.arm === control_arm) && metrics[metric](cell)[1] > 0);
  const clusters = (of: string): number => new Set(own.filter((cell) => cell.arm === of).map(({ cluster }) => cluster)).size;
  if (clusters(arm) < CLUSTERS_MIN || clusters(control_arm) < CLUSTERS_MIN) return undefined;
  const cluster = factorOf("cluster", own.map((cell) => cell.cluster));
  const fit = leastSquares({
    rows: own.length,
    outcome: { name: metric, values: Float64Array.from(own, (cell) => metrics[metric](cell)[0] / metrics[metric](cell)[1]) },
    treatment: { name: "arm", values: Float64Array.from(own, (cell) => (cell.arm === arm ? 1 : 0)) },
    controls: [],
    instruments: [],
    fixed_effects: [cluster, factorOf("period", own.map((cell) => cell.period))],
    clusters: [cluster],
    weights: Float64Array.from(own, (cell) => metrics[metric](cell)[1]),
  });
  if (!fit.identified) return undefined;
  const { estimate, se } = fit.treatment;
  return se > 0 ? { value: estimate, variance: se * se } : undefined;
}

/** Mean of the metric over an arm's cells. */
function meanOf(cells: readonly ClusterPeriod[], metric: CourseMetric, arm: string): number | null {
  let [over, under] = [0, 0];
  for (const cell of cells) {
    if (cell.arm !== arm) continue;
    const [own, of] = metrics[metric](cell);
    over += own;
    under += of;
  }
  return under > 0 ? over / under : null;
}

/** The mean with a 95 % interval, the ratio's error by what whole clusters add to it (Cochran 1977, section 6.3). */
function figureOf(cells: readonly ClusterPeriod[], metric: CourseMetric, arm: string): Figure {
  const mean = meanOf(cells, metric, arm);
  if (mean === null) return null;
  const deviations = new Map<string, number>();
  let all = 0;
  for (const cell of cells) {
    if (cell.arm !== arm) continue;
    const [over, under] = metrics[metric](cell);
    deviations.set(cell.cluster, (deviations.get(cell.cluster) ?? 0) + over - mean * under);
    all += under;
  }
  const squares = [...deviations.values()].reduce((sum, own) => sum + own * own, 0);
  return deviations.size < CLUSTERS_MIN ? null : around(mean, squares / (all * all));
}

const businessMetrics: readonly (readonly [name: string, metric: CourseMetric])[] = [
  ["revenue_per_course_day_tokens", "revenue"],
  ["conversion", "conversion"],
];

/** Courses are no persons: there is no churn rate or lifetime value of anybody here. */
function businessOf({ arms }: ExperimentState, cells: readonly ClusterPeriod[]): ExperimentResults["business"] {
  const holdout = holdoutOf(arms);
  if (holdout === null) return { holdout, arms: [] };
  const figures = (arm: string): ExperimentResults["business"]["arms"][number]["figures"] =>
    Object.fromEntries(
      businessMetrics.map(([name, metric]) => {
        const effect = effectOf(cells, metric, arm, holdout);
        return [name, { arm: figureOf(cells, metric, arm), holdout: figureOf(cells, metric, holdout), difference: effect === undefined ? null : around(effect.value, effect.variance) }] as const;
      }),
    );
  return { holdout, arms: arms.filter(({ name }) => name !== holdout).map(({ name }) => ({ arm: name, figures: figures(name) })) };
}

/** Counts of cells against the arms' probabilities, up to the first stop of one: what it finds is an error of the data or of the hash, since who is drawn follows from both. */
function ratioOf({ arms, stopped_arms, experiment: { unit } }: ExperimentState, cells: readonly ClusterPeriod[]): SampleRatio | undefined {
  const period_ms = unit.kind === "course_cluster" ? unit.period_days * DAY_MS : Number.NaN;
  const until_ms = Math.min(...stopped_arms.values());
  const drawn = cells.filter(({ period }) => (period + 1) * period_ms <= until_ms);
  return sampleRatio(arms.map(({ name }) => drawn.filter(({ arm }) => arm === name).length), arms.map(({ probability }) => probability * drawn.length));
}

/**
 * What a course-level experiment says of the periods that are over by `now_ms`. The p-value is 1/Λ of this look, which is valid at any time that one may choose to look;
 * earlier looks are not computed again.
 */
export function courseResults(state: ExperimentState, cells: readonly ClusterPeriod[], now_ms: number): ExperimentResults {
  const { experiment, arms } = state;
  const { control_arm } = experiment;
  const metric = experiment.metric;
  const others = arms.filter(({ name }) => name !== control_arm);
  const alpha = experiment.alpha / others.length;
  const tau2 = tau2Of(experiment);
  const control_mean = meanOf(cells, metric, control_arm);
  const comparisons = others.map(({ name }) => {
    const effect = effectOf(cells, metric, name, control_arm);
    const reach = effect === undefined ? 0 : alwaysValidReach(effect.variance, tau2, alpha);
    return {
      arm: name,
      against: control_arm,
      effect: effect?.value ?? null,
      relative_effect: effect !== undefined && control_mean !== null && control_mean !== 0 ? effect.value / control_mean : null,
      p_value: Math.min(1, (effect === undefined ? 1 : alwaysValidP(effect, tau2, 1)) * others.length),
      interval: effect === undefined ? null : { low: effect.value - reach, high: effect.value + reach },
      cuped: null,
    };
  });
  const guardrails = others.flatMap(({ name }) =>
    experiment.guardrails.map(({ metric: own, worse_by_max }) => {
      const effect = own === "drop_rate" ? undefined : effectOf(cells, own, name, control_arm);
      const width = worse_by_max > 0 ? worse_by_max : experiment.minimum_effect;
      const value = effect === undefined ? 0 : (moreIsBetter[own] ? -1 : 1) * effect.value;
      const reach = effect === undefined ? 0 : alwaysValidReach(effect.variance, width * width, alpha);
      return { metric: own, arm: name, worse_by: effect === undefined ? null : { value, low: value - reach, high: value + reach }, worse_by_max, breached: effect !== undefined && value - reach > worse_by_max };
    }),
  );
  const counted = new Map(arms.map(({ name }) => [name, cells.filter(({ arm }) => arm === name).length]));
  const ratio = ratioOf(state, cells);
  const frame = resultFrame(state, now_ms, (arm) => ({ units: counted.get(arm)!, counted: counted.get(arm)!, mean: meanOf(cells, metric, arm) }));
  return {
    ...frame,
    comparisons,
    sample_ratio: ratio ?? null,
    guardrails,
    verdict: verdictOf(state, { days: frame.days, comparisons, sample_ratio: ratio }, now_ms),
    business: businessOf(state, cells),
  };
}
