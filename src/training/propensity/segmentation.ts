import type { Analysis } from "../../contracts/training-analysis.ts";
import { type Dimension, dimensions } from "../../contracts/propensity.ts";
import { riskLevels, type Segment, segments } from "../../contracts/segments.ts";
import { lifetimeTokens } from "../../models/propensity/lifetime-value.ts";
import { riskLevelOf, segmentOf } from "../../pricing/learners/segments.ts";

/** Scores of learners at one cut-off, and what is known of them. */
export interface ScoredLearners {
  /** Learners × dimensions, in the order of `dimensions`. */
  readonly scores: Float64Array;
  readonly price_tokens: Float64Array;
  /** Tokens spent before the cut-off. */
  readonly spent_tokens: Float64Array;
  /** Whether the learner enrolled, and was not seen again, in the windows after the cut-off; empty where those have not passed. */
  readonly enrolled: Uint8Array;
  readonly churned: Uint8Array;
  readonly enrollment_days: number;
  readonly churn_days: number;
}

const ENROLLMENT = dimensions.indexOf("enrollment");
const CHURN = dimensions.indexOf("churn");

/** The population by segment, hottest first: sizes, mean scores and what came of them, what it paid and is expected to pay. */
export function segmentation(learners: ScoredLearners): Analysis["segments"] {
  const { scores, price_tokens, spent_tokens, enrolled, churned, enrollment_days, churn_days } = learners;
  const rows = price_tokens.length;
  const bySegment = new Map<Segment, number[]>(segments.map((segment) => [segment, []]));
  for (let row = 0; row < rows; row++) bySegment.get(segmentOf(scores[row * dimensions.length + ENROLLMENT]!))!.push(row);
  const lifetime = Float64Array.from({ length: rows }, (_, row) => {
    const [enrollment, churn] = [scores[row * dimensions.length + ENROLLMENT]!, scores[row * dimensions.length + CHURN]!];
    return lifetimeTokens({ enrollment, enrollment_days, churn, churn_days, price_tokens: price_tokens[row]! });
  });
  return segments.toReversed().map((segment) => {
    const own = bySegment.get(segment)!;
    const mean = (value: (row: number) => number): number => (own.length === 0 ? 0 : own.reduce((sum, row) => sum + value(row), 0) / own.length);
    const share = (of: Uint8Array): number | null => (of.length === 0 || own.length === 0 ? null : mean((row) => of[row]!));
    const score = (dimension: Dimension): number => mean((row) => scores[row * dimensions.length + dimensions.indexOf(dimension)]!);
    return {
      segment,
      learners: own.length,
      scores: { enrollment: score("enrollment"), churn: score("churn"), completion: score("completion"), upsell: score("upsell"), price_sensitivity: score("price_sensitivity") },
      risk: riskLevels.map((level) => ({ level, learners: own.filter((row) => riskLevelOf(scores[row * dimensions.length + CHURN]!) === level).length })),
      enrolled_share: share(enrolled),
      churned_share: share(churned),
      spent_tokens: own.reduce((sum, row) => sum + spent_tokens[row]!, 0),
      lifetime_tokens: own.reduce((sum, row) => sum + lifetime[row]!, 0),
    };
  });
}
