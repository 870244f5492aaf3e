import type { Driver, LearnerScoresAnswer, ScoreDegradedReason } from "../../contracts/learner-scores.ts";
import { dimensions } from "../../contracts/propensity.ts";
import { formatTime } from "../../lib/time.ts";
import type { CompiledRules } from "../../pricing/learners/action-rules.ts";
import { driversOf } from "../../pricing/learners/drivers.ts";
import type { Terciles } from "../../pricing/learners/segments.ts";
import { actionsOf, ENROLLMENT } from "../../pricing/learners/standing.ts";
import { roundRate, roundTokens } from "../../pricing/money.ts";
import type { ScoredLearner } from "./learner-scores.ts";

export interface AnswerContext {
  readonly terciles: Terciles;
  readonly rules: CompiledRules;
  readonly reasons: readonly ScoreDegradedReason[];
}

/** Drivers of each score, in the order of `dimensions`. */
export type Drivers = readonly Driver[][];

/** What moves a learner's scores, a step for each: of some hundred deep trees one takes milliseconds. */
export function* explainScores({ scorer, features }: ScoredLearner): Generator<void, Drivers> {
  const drivers: Driver[][] = [];
  for (const dimension of dimensions) {
    yield;
    drivers.push(driversOf(scorer.explain(features, dimension)));
  }
  return drivers;
}

/** What GET /learner/{id}/propensity says, all but the age of the record. */
export function learnerAnswer(scored: ScoredLearner, { terciles, rules, reasons }: AnswerContext, drivers?: Drivers): Omit<LearnerScoresAnswer, "freshness_ms"> {
  const { learner_id, scorer, features, scores, effect, standing } = scored;
  const low = new Float64Array(dimensions.length);
  const high = new Float64Array(dimensions.length);
  scorer.intervals(features, scores, low, high);
  const entries = dimensions.map((dimension, i) => {
    const score = { score: roundRate(scores[i]!), interval: { low: roundRate(low[i]!), high: roundRate(high[i]!) }, model: scorer.model(dimension) };
    return [dimension, drivers === undefined ? score : { ...score, drivers: drivers[i]! }] as const;
  });
  return {
    learner_id,
    scores: Object.fromEntries(entries) as LearnerScoresAnswer["scores"],
    segment: standing.segment,
    risk_level: standing.risk_level,
    ...actionsOf(standing, scores[ENROLLMENT]!, effect, terciles, rules),
    expected_tokens: roundTokens(standing.expected_tokens),
    value_at_risk_tokens: roundTokens(standing.value_at_risk_tokens),
    cold_start: scored.cold_start,
    model: scorer.version,
    rules: rules.version,
    sequence: scored.sequence,
    updated_at: formatTime(scored.updated_at_ms),
    scored_at: formatTime(scored.at_ms),
    ...(reasons.length === 0 ? {} : { degraded: [...reasons] }),
  };
}
