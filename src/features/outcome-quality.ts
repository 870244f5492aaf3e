import type { Definer } from "./define.ts";
import type { FeatureDefinition, StateDefinition } from "./definition.ts";
import type { Reading } from "./aggregator.ts";
import { shrunkShare } from "./ratio.ts";

/** What outcomes look like where nothing is known, and how many enrollments or ratings that knowledge is worth. */
const COMPLETION_PRIOR = 0.5;
const REFUND_PRIOR = 0.05;
const RATING_PRIOR = 3.5;
const ENROLLMENTS_WEIGHT = 10;
const RATINGS_WEIGHT = 5;

const COMPLETION_SHARE = 0.4;
const RATING_SHARE = 0.4;
const REFUND_SHARE = 0.2;

/** Mean rating from 0 (one star) to 1 (five), shrunk. */
const shrunkRating: Reading = (record, offset) => {
  const n = record[offset]!;
  return ((n * record[offset + 1]! + RATINGS_WEIGHT * RATING_PRIOR) / (n + RATINGS_WEIGHT) - 1) / 4;
};

function score(completion: number, rating: number, refund: number): number {
  return COMPLETION_SHARE * completion + RATING_SHARE * rating + REFUND_SHARE * (1 - refund);
}

/**
 * Quality from outcomes, 0 to 1: 0.4 · completion rate + 0.4 · (rating − 1)/4 + 0.2 · (1 − refund rate), each shrunk towards
 * what is usual (0.5 and 0.05 with the weight of 10 enrollments, 3.5 stars with that of 5 ratings). The score, and the
 * internal features that it is computed from.
 */
export function outcomeQuality({ stored, derived }: Definer, name: string, completions: StateDefinition, ratings: StateDefinition, refunds: StateDefinition): { score: FeatureDefinition; parts: readonly FeatureDefinition[] } {
  const part = (what: string, state: StateDefinition, reading: Reading, at_default: number): FeatureDefinition =>
    stored({ name: `shrunk_${what}`, unit: "ratio", description: `${what} shrunk towards what is usual`, default: at_default, internal: true }, state, reading);
  const parts = [
    part("completion_rate", completions, shrunkShare(COMPLETION_PRIOR, ENROLLMENTS_WEIGHT), COMPLETION_PRIOR),
    part("rating", ratings, shrunkRating, (RATING_PRIOR - 1) / 4),
    part("refund_rate", refunds, shrunkShare(REFUND_PRIOR, ENROLLMENTS_WEIGHT), REFUND_PRIOR),
  ];
  const description = "quality from outcomes, 0 to 1: 0.4 completion rate + 0.4 (mean rating - 1)/4 + 0.2 (1 - refund rate), each shrunk towards 0.5, 3.5 stars and 0.05 by 10 enrollments' or 5 ratings' worth";
  const at_default = score(COMPLETION_PRIOR, (RATING_PRIOR - 1) / 4, REFUND_PRIOR);
  return {
    score: derived({ name, unit: "score", description, default: at_default }, parts.map((definition) => definition.name), (completion, rating, refund) => score(completion, rating, refund)),
    parts,
  };
}
