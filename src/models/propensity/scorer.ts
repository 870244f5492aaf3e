import type { BinaryDimension, Dimension } from "../../contracts/propensity.ts";

/** One input's part of a score. */
export interface Contribution {
  /** The learner feature that it is made of, and that feature's value. */
  readonly input: string;
  readonly value: number;
  /** Log-odds, before calibration (of price sensitivity: −effect), by which it moves the score from that of the average learner. */
  readonly contribution: number;
}

/** What serving scores learners with: a promoted artifact compiled to typed arrays, or the hand-weighted scores where there is none. */
export interface PropensityScorer {
  /** `none` of the hand-weighted scores. */
  readonly version: string;
  readonly digest: string;
  /** Days of the windows that its probabilities are of. Hand-weighted scores are no probabilities of anything. */
  readonly windows?: Readonly<Record<BinaryDimension, number>>;
  /** The five scores, 0 to 1, in the order of `dimensions`. `features` are in learnerFeatureNames order. No allocation. */
  score(features: ArrayLike<number>, into: Float64Array): void;
  /** 95 % intervals of scores that `score` gave for the same features. */
  intervals(features: ArrayLike<number>, scores: Float64Array, low: Float64Array, high: Float64Array): void;
  /** What moves a score, the strongest first. Their sum is the margin less the average learner's. */
  explain(features: ArrayLike<number>, dimension: Dimension): readonly Contribution[];
  /** d log-odds of enrolling / d log price of this learner, and its standard error; null where nothing is known of it. */
  priceEffect(features: ArrayLike<number>): { readonly value: number; readonly se: number } | null;
  /** The same of the average learner, where it is known. */
  readonly average_price_effect?: number | undefined;
  /** Which model scores a dimension, such as `boosting` or `hand_score`. */
  model(dimension: Dimension): string;
}
