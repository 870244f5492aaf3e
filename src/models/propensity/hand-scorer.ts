import { type Dimension, dimensions } from "../../contracts/propensity.ts";
import { logOdds } from "./hazard.ts";
import { handScore, type HandScoredDimension, handScores, isHandScored } from "./hand-scores.ts";
import type { Contribution, PropensityScorer } from "./scorer.ts";

/** Of what nobody has counted yet: neither likely nor unlikely, and in the middle of everybody. */
const UNKNOWN = 0.5;

/**
 * Contributions to the log-odds of a hand score, from a learner with half of every part, whose score is one half. The score is linear in its parts;
 * the log-odds are shared out as the score is (Aumann–Shapley along the straight way from one half), so that they sum to the whole.
 */
export function explainHandScore(dimension: HandScoredDimension, features: ArrayLike<number>): Contribution[] {
  const { names, positions, weights } = handScores[dimension];
  const score = handScore(dimension, features);
  const moved = score - UNKNOWN;
  const scale = Math.abs(moved) > 1e-12 ? logOdds(score) / moved : 0;
  const found = names.map((input, i) => {
    const value = features[positions[i]!]!;
    return { input, value, contribution: scale * weights[i]! * (value - UNKNOWN) };
  });
  return found.sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
}

/**
 * Scores from the product description's hand weights alone, where no model has been promoted. Dimensions that have none are at one half, and no
 * interval is narrower than everything: hand weights are no probabilities.
 */
export const handScorer: PropensityScorer = {
  version: "none",
  digest: "",
  score(features, into) {
    for (let i = 0; i < dimensions.length; i++) {
      const dimension = dimensions[i]!;
      into[i] = isHandScored(dimension) ? handScore(dimension, features) : UNKNOWN;
    }
  },
  intervals(_features, _scores, low, high) {
    low.fill(0);
    high.fill(1);
  },
  explain: (features, dimension) => (isHandScored(dimension) ? explainHandScore(dimension, features) : []),
  priceEffect: () => null,
  model: (dimension: Dimension) => (isHandScored(dimension) ? "hand_score" : "base_rate"),
};
