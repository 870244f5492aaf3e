import type { ExperimentResults } from "../../contracts/experiment-results.ts";
import type { Guardrail, GuardrailMetric } from "../../contracts/experiment.ts";
import { must } from "../../lib/assert.ts";
import { complete } from "../../lib/steps.ts";
import { DAY_MS } from "../../lib/time.ts";
import { alwaysValidReach } from "./always-valid.ts";
import { businessFigures, type BusinessSeries } from "./business-figures.ts";
import type { ExperimentState } from "./experiment-state.ts";
import { PairedMoments } from "./paired-moments.ts";
import { resultFrame } from "./result-frame.ts";
import { sampleRatio, type SampleRatio } from "./sample-ratio.ts";
import { type Comparison, SequentialComparison, UNITS_MIN } from "./sequential-comparison.ts";
import { tau2Of, verdictOf } from "./verdict.ts";

/** A learner who had a quote of an experiment, and what they did in the `outcome_days` from the first one on. */
export interface LearnerUnit {
  readonly arm: string;
  readonly exposed_ms: number;
  /** Tokens spent in the 90 days before the first quote; undefined: not recorded. */
  readonly covariate: number | undefined;
  /** Of enrollments in scope, less what was refunded in the same days. */
  readonly revenue_tokens: number;
  readonly enrollments: number;
  readonly refunds: number;
  readonly drops: number;
  /** As of the reading, whatever `outcome_days` says; null: not known. */
  readonly churned: boolean | null;
  readonly lifetime_tokens: number | null;
}

/** A millisecond or less. */
const UNITS_PER_STEP = 2_048;

const bought = (unit: LearnerUnit): number => (unit.enrollments > 0 ? 1 : 0);

/** A metric as a mean over units; undefined: the unit is none of those that it is a mean over. */
const metrics: Readonly<Record<GuardrailMetric, (unit: LearnerUnit) => number | undefined>> = {
  revenue: (unit) => unit.revenue_tokens,
  conversion: bought,
  // Over those who bought: the share of their enrollments.
  refund_rate: (unit) => (unit.enrollments > 0 ? unit.refunds / unit.enrollments : undefined),
  drop_rate: (unit) => (unit.enrollments > 0 ? unit.drops / unit.enrollments : undefined),
};

/** Whether more of a metric is better. */
export const moreIsBetter: Readonly<Record<GuardrailMetric, boolean>> = { revenue: true, conversion: true, refund_rate: false, drop_rate: false };

/** An arm's way through an experiment, beside the control arm's. */
interface Race {
  readonly arm: string;
  readonly comparison: SequentialComparison;
  readonly guardrails: readonly { readonly guardrail: Guardrail; readonly arm: PairedMoments; readonly control: PairedMoments }[];
  last: Comparison | undefined;
}

/** Of the difference arm − control, always valid; null before there is enough. */
function worseBy({ metric, worse_by_max }: Guardrail, arm: PairedMoments, control: PairedMoments, alpha: number, minimum_effect: number): { value: number; low: number; high: number } | null {
  if (arm.n < UNITS_MIN || control.n < UNITS_MIN) return null;
  const variance = arm.varianceOfMean(0) + control.varianceOfMean(0);
  if (!(variance > 0)) return null;
  const sign = moreIsBetter[metric] ? -1 : 1;
  const value = sign * (arm.mean_y - control.mean_y);
  // The mixture's width only says where the test is sharpest: around the bound, or where that is 0 around the effect that matters.
  const width = worse_by_max > 0 ? worse_by_max : minimum_effect;
  const reach = alwaysValidReach(variance, width * width, alpha);
  return { value, low: value - reach, high: value + reach };
}

/** Counts of exposures against what the arms' probabilities give, among those that were not stopped yet when each came. */
function ratioOf({ arms, stopped_arms }: ExperimentState, units: readonly LearnerUnit[]): SampleRatio | undefined {
  const place = new Map(arms.map(({ name }, i) => [name, i]));
  const observed = arms.map(() => 0);
  const expected = arms.map(() => 0);
  // Between two stops all expectations are the same.
  const stops_ms = [...new Set(stopped_arms.values()), Number.POSITIVE_INFINITY].toSorted((a, b) => a - b);
  let from_ms = Number.NEGATIVE_INFINITY;
  for (const to_ms of stops_ms) {
    const open = arms.map(({ name, probability }) => ((stopped_arms.get(name) ?? Number.POSITIVE_INFINITY) >= to_ms ? probability : 0));
    const all = open.reduce((sum, own) => sum + own, 0);
    let count = 0;
    for (const { arm, exposed_ms } of units) {
      if (exposed_ms < from_ms || exposed_ms >= to_ms) continue;
      const at = must(place.get(arm), "an exposure is of an arm that there is");
      // One that raced with the stop of its arm says nothing of the assignment.
      if (open[at] === 0) continue;
      observed[at]!++;
      count++;
    }
    for (let i = 0; i < arms.length; i++) if (all > 0) expected[i]! += (count * open[i]!) / all;
    from_ms = to_ms;
  }
  return sampleRatio(observed, expected);
}

/**
 * What a learner-level experiment says as of `now_ms`. Units count from the day on which their outcome is final; the p-values are those of somebody who looked at the end of every
 * such day, so that they do not depend on who looked when. `units` in any order; those of arms that the experiment does not have are not expected. In steps.
 */
export function* learnerResultsInSteps(state: ExperimentState, units: readonly LearnerUnit[], now_ms: number): Generator<void, ExperimentResults> {
  const { experiment, arms } = state;
  const { control_arm, outcome_days, cuped } = experiment;
  const outcome_ms = outcome_days * DAY_MS;
  const final = units.filter(({ exposed_ms }) => exposed_ms + outcome_ms <= now_ms).toSorted((a, b) => a.exposed_ms - b.exposed_ms);
  const others = arms.filter(({ name }) => name !== control_arm);
  const alpha = experiment.alpha / others.length;
  const tau2 = tau2Of(experiment);
  const metric = metrics[experiment.metric];
  const recorded = cuped && final.every(({ covariate }) => covariate !== undefined);
  const races: Race[] = others.map(({ name }) => ({
    arm: name,
    comparison: new SequentialComparison({ tau2, alpha, cuped: recorded }),
    guardrails: experiment.guardrails.map((guardrail) => ({ guardrail, arm: new PairedMoments(), control: new PairedMoments() })),
    last: undefined,
  }));
  const look = (): void => {
    for (const race of races) race.last = race.comparison.look();
  };
  let day = Number.NaN;
  for (const [i, unit] of final.entries()) {
    if (i % UNITS_PER_STEP === 0) yield;
    const own = Math.floor((unit.exposed_ms + outcome_ms) / DAY_MS);
    if (own !== day && !Number.isNaN(day)) look();
    day = own;
    for (const race of races) {
      const to_control = unit.arm === control_arm;
      if (!to_control && unit.arm !== race.arm) continue;
      race.comparison.add(to_control, must(metric(unit), "every learner has the metric"), unit.covariate ?? 0);
      for (const { guardrail, arm, control } of race.guardrails) {
        const value = metrics[guardrail.metric](unit);
        if (value !== undefined) (to_control ? control : arm).add(value, 0);
      }
    }
  }
  look();
  yield;
  const ratio = ratioOf(state, units);
  yield;
  const counted = new Map(arms.map(({ name }): [string, LearnerUnit[]] => [name, []]));
  for (const unit of final) counted.get(unit.arm)?.push(unit);
  const mean = (arm: string): number | null => {
    const own = counted.get(arm)!;
    return own.length === 0 ? null : own.reduce((sum, unit) => sum + (metric(unit) ?? 0), 0) / own.length;
  };
  const control_mean = mean(control_arm);
  const comparisons = races.map(({ arm, last }) => ({
    arm,
    against: control_arm,
    effect: last?.value ?? null,
    relative_effect: last !== undefined && control_mean !== null && control_mean !== 0 ? last.value / control_mean : null,
    p_value: Math.min(1, (last?.p_value ?? 1) * others.length),
    interval: last === undefined ? null : { low: last.low, high: last.high },
    cuped: last !== undefined && recorded ? { coefficient: last.coefficient, variance_reduction: last.variance_reduction } : null,
  }));
  const guardrails = races.flatMap((race) =>
    race.guardrails.map(({ guardrail, arm, control }) => {
      const worse_by = worseBy(guardrail, arm, control, alpha, experiment.minimum_effect);
      return { metric: guardrail.metric, arm: race.arm, worse_by, worse_by_max: guardrail.worse_by_max, breached: worse_by !== null && worse_by.low > guardrail.worse_by_max };
    }),
  );
  yield;
  const frame = resultFrame(state, now_ms, (arm) => ({ units: units.filter((unit) => unit.arm === arm).length, counted: counted.get(arm)!.length, mean: mean(arm) }));
  return {
    ...frame,
    comparisons,
    sample_ratio: ratio ?? null,
    guardrails,
    verdict: verdictOf(state, { days: frame.days, comparisons, sample_ratio: ratio }, now_ms),
    business: businessFigures(arms, counted, learnerSeries),
  };
}

/** The same at once. */
export function learnerResults(state: ExperimentState, units: readonly LearnerUnit[], now_ms: number): ExperimentResults {
  return complete(learnerResultsInSteps(state, units, now_ms));
}

/** null: the learner is none of those that the figure is a mean over. */
const learnerSeries: BusinessSeries<LearnerUnit> = {
  revenue_tokens: (unit) => unit.revenue_tokens,
  conversion: bought,
  churn_rate: ({ churned }) => (churned === null ? null : churned ? 1 : 0),
  lifetime_value_tokens: ({ lifetime_tokens }) => lifetime_tokens,
};
