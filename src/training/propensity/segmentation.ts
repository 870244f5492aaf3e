import type { Analysis } from "../../contracts/training-analysis.ts";
import { type BinaryDimension, type Dimension, dimensions } from "../../contracts/propensity.ts";
import { riskLevels, type Segment, segments } from "../../contracts/segments.ts";
import { learnerPosition } from "../../models/propensity/learner-vector.ts";
import { expectedPrice, lifetimeTokens } from "../../models/propensity/lifetime-value.ts";
import type { PropensityScorer } from "../../models/propensity/scorer.ts";
import { riskLevelOf, segmentOf } from "../../pricing/learners/segments.ts";
import type { PropensityDataset } from "./dataset.ts";
import { propensityDefinitions, windowMs } from "./definitions.ts";

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

const SPENT = learnerPosition("spent_tokens");

/** Labels of a period's rows, in their order, which start at `from`; of churn, whether nothing happened. */
function labelsOf({ labels }: PropensityDataset, dimension: BinaryDimension, from: number, rows: number): Uint8Array {
  const { row, y } = labels[dimension];
  const found = new Uint8Array(rows);
  for (let i = 0; i < row.length; i++) {
    const at = row[i]! - from;
    if (at >= 0 && at < rows) found[at] = dimension === "churn" ? 1 - y[i]! : y[i]!;
  }
  return found;
}

/** The segments of everybody at the last cut-off whose windows have passed, as a model scores them; none where the history has no such cut-off. */
export function segmentsOf(dataset: PropensityDataset, model: Pick<PropensityScorer, "score">): Analysis["segments"] {
  const { at_ms, period, range, features: { values, columns } } = dataset;
  const { enrollment, churn } = propensityDefinitions;
  const whole = at_ms.findLastIndex((at) => at + Math.max(windowMs(enrollment), windowMs(churn)) <= range.to_ms);
  const from = period.indexOf(whole);
  if (from < 0) return [];
  const rows = period.lastIndexOf(whole) + 1 - from;
  const learners = { scores: new Float64Array(rows * dimensions.length), price_tokens: new Float64Array(rows), spent_tokens: new Float64Array(rows) };
  for (let i = 0; i < rows; i++) {
    const features = values.subarray((from + i) * columns, (from + i + 1) * columns);
    model.score(features, learners.scores.subarray(i * dimensions.length, (i + 1) * dimensions.length));
    learners.price_tokens[i] = expectedPrice(features);
    learners.spent_tokens[i] = features[SPENT]!;
  }
  return segmentation({
    ...learners,
    enrolled: labelsOf(dataset, "enrollment", from, rows),
    churned: labelsOf(dataset, "churn", from, rows),
    enrollment_days: enrollment.horizon_days,
    churn_days: churn.horizon_days,
  });
}
