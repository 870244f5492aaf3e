import { type Dimension, dimensions } from "../../contracts/propensity.ts";
import type { PropensityScorer } from "../../models/propensity/scorer.ts";
import { riskLevelOf, segmentOf } from "../../pricing/learners/segments.ts";
import { isColdStart } from "../../pricing/learners/standing.ts";
import type { Cell, Column } from "./table.ts";

/** A learner's scores with what follows from them alone. */
export interface LearnerScores {
  readonly as_of_ms: number;
  /** In the order of `dimensions`, with their 95 % intervals. */
  readonly scores: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
  readonly effect: { readonly value: number; readonly se: number } | null;
  readonly cold_start: boolean;
  /** null: hand-weighted scores. */
  readonly model: string | null;
}

export function scoreLearner(features: Float64Array, scorer: PropensityScorer, as_of_ms: number): LearnerScores {
  const [scores, low, high] = [new Float64Array(dimensions.length), new Float64Array(dimensions.length), new Float64Array(dimensions.length)];
  scorer.score(features, scores);
  scorer.intervals(features, scores, low, high);
  return { as_of_ms, scores, low, high, effect: scorer.priceEffect(features), cold_start: isColdStart(features), model: scorer.digest === "" ? null : scorer.version };
}

export interface ScoreColumn extends Column {
  readonly of: (scored: LearnerScores) => Cell;
}

/** Names of the description, where it has any. */
const names: Readonly<Record<Dimension, string>> = {
  enrollment: "enrollment_propensity",
  churn: "churn_risk_score",
  completion: "completion_propensity",
  upsell: "upsell_propensity",
  price_sensitivity: "price_sensitivity",
};

const of = (dimension: Dimension): number => dimensions.indexOf(dimension);
const score = (dimension: Dimension): ScoreColumn => ({ name: names[dimension], type: "double", of: ({ scores }) => scores[of(dimension)]! });
const bound = (dimension: Dimension, which: "low" | "high"): ScoreColumn => ({ name: `${names[dimension]}_${which}`, type: "double", of: (scored) => scored[which][of(dimension)]! });
const segment: ScoreColumn = { name: "propensity_segment", type: "string", of: ({ scores }) => segmentOf(scores[of("enrollment")]!) };
const risk: ScoreColumn = { name: "churn_risk_level", type: "string", of: ({ scores }) => riskLevelOf(scores[of("churn")]!) };
const model: ScoreColumn = { name: "propensity_model", type: "string", nullable: true, of: (scored) => scored.model };

/** What the learners' own table has of them. */
export const summaryColumns: readonly ScoreColumn[] = [...dimensions.map(score), segment, risk, model];

/** The effect is that of log price on the log-odds of enrolling; none of hand-weighted scores, or where prices never varied at random. */
export const scoreColumns: readonly ScoreColumn[] = [
  { name: "as_of", type: "timestamp", of: ({ as_of_ms }) => as_of_ms },
  ...dimensions.flatMap((dimension) => [score(dimension), bound(dimension, "low"), bound(dimension, "high")]),
  { name: "price_effect", type: "double", nullable: true, of: ({ effect }) => effect?.value ?? null },
  { name: "price_effect_se", type: "double", nullable: true, of: ({ effect }) => effect?.se ?? null },
  segment,
  risk,
  { name: "cold_start", type: "boolean", of: ({ cold_start }) => cold_start },
  model,
];
