import { learnerPosition } from "./learner-vector.ts";

/** A part counts by its weight, or, where `inverted`, by weight·(1 − part). */
interface Part {
  readonly name: string;
  readonly weight: number;
  readonly inverted: boolean;
}

const counts = (name: string, weight: number): Part => ({ name, weight, inverted: false });
const lacks = (name: string, weight: number): Part => ({ name, weight, inverted: true });

/** The product description's hand-weighted scores, of the parts that features/hand-score-features.ts defines. Other dimensions have none. */
const definitions = {
  enrollment: [counts("recency_score", 0.3), counts("engagement_score", 0.25), counts("financial_score", 0.2), counts("success_score", 0.15), counts("satisfaction_score", 0.1)],
  churn: [counts("inactivity_score", 0.35), counts("engagement_decline", 0.25), lacks("success_score", 0.2), lacks("financial_score", 0.1), lacks("satisfaction_score", 0.1)],
} satisfies Record<string, readonly Part[]>;

export type HandScoredDimension = keyof typeof definitions;

export function isHandScored(dimension: string): dimension is HandScoredDimension {
  return dimension in definitions;
}

/** Names of all parts. */
export const handScoreParts: ReadonlySet<string> = new Set(Object.values(definitions).flatMap((parts) => parts.map(({ name }) => name)));

/** A hand score, compiled: score = constant + Σ weight·part, 0 to 1. */
export interface HandScore {
  readonly names: readonly string[];
  /** Of the parts in a learner's vector. */
  readonly positions: Int32Array;
  readonly weights: Float64Array;
  readonly constant: number;
}

function compile(parts: readonly Part[]): HandScore {
  return {
    names: parts.map(({ name }) => name),
    positions: Int32Array.from(parts, ({ name }) => learnerPosition(name)),
    weights: Float64Array.from(parts, ({ weight, inverted }) => (inverted ? -weight : weight)),
    constant: parts.reduce((sum, { weight, inverted }) => sum + (inverted ? weight : 0), 0),
  };
}

export const handScores: Readonly<Record<HandScoredDimension, HandScore>> = { enrollment: compile(definitions.enrollment), churn: compile(definitions.churn) };

/** The hand-weighted score of a learner's vector (learnerFeatureNames order), 0 to 1. No allocation. */
export function handScore(dimension: HandScoredDimension, features: ArrayLike<number>): number {
  const { positions, weights, constant } = handScores[dimension];
  let score = constant;
  for (let i = 0; i < positions.length; i++) score += weights[i]! * features[positions[i]!]!;
  return score < 0 ? 0 : score > 1 ? 1 : score;
}
