import { dimensions } from "../../contracts/propensity.ts";
import { learnerPosition } from "./learner-vector.ts";
import type { PropensityScorer } from "./scorer.ts";

/** What lifetime value looks ahead. */
export const LIFETIME_DAYS = 365;
const PROBABILITY_MAX = 1 - 1e-9;

const PRICE_PAID = learnerPosition("price_paid_mean_tokens");
const PRICE_VIEWED = learnerPosition("price_viewed_mean_tokens");

/** What a learner is expected to pay for a course: mean of the prices paid, else of those viewed; 0 where neither is known. */
export function expectedPrice(features: ArrayLike<number>): number {
  return features[PRICE_PAID]! || features[PRICE_VIEWED]!;
}

/** Scores, and the windows that they are of. */
export interface LifetimeScores {
  /** Probability of an enrollment at least within `enrollment_days`. */
  readonly enrollment: number;
  readonly enrollment_days: number;
  /** Probability of not being seen within `churn_days`. */
  readonly churn: number;
  readonly churn_days: number;
  readonly price_tokens: number;
}

/**
 * Lifetime value: tokens that a learner is expected to spend within `horizon_days`, Σ_t margin·r^t with a constant retention r (Gupta, Lehmann, Stuart 2004, undiscounted:
 * a token is worth a token). Margin of the first period = price × the mean −ln(1 − P) of a Poisson count that is not 0 with probability P; retention of a period
 * = (1 − churn)^(period/churn window), the constant daily hazard that gives the churn score. A last period that is cut short counts by its part. It is a careful figure: learners whom
 * a model cannot tell apart differ, and of those who enroll for certain a probability does not say how often; on the synthetic platform three quarters of what was spent in 60 days.
 */
export function lifetimeTokens({ enrollment, enrollment_days, churn, churn_days, price_tokens }: LifetimeScores, horizon_days = LIFETIME_DAYS): number {
  const enrollments = -Math.log1p(-Math.min(PROBABILITY_MAX, enrollment));
  const periods = horizon_days / enrollment_days;
  const log_retention = (Math.log1p(-Math.min(PROBABILITY_MAX, churn)) * enrollment_days) / churn_days;
  // (1 − r^n)/(1 − r), which is n where nobody leaves.
  const counted = log_retention > -1e-9 ? periods : Math.expm1(log_retention * periods) / Math.expm1(log_retention);
  return price_tokens * enrollments * counted;
}

const ENROLLMENT = dimensions.indexOf("enrollment");
const CHURN = dimensions.indexOf("churn");

/** Of a learner whom a scorer gave these scores; null where they are no probabilities. */
export function lifetimeOf(features: ArrayLike<number>, scores: ArrayLike<number>, { windows }: Pick<PropensityScorer, "windows">, horizon_days = LIFETIME_DAYS): number | null {
  if (windows === undefined) return null;
  const [enrollment, churn] = [scores[ENROLLMENT]!, scores[CHURN]!];
  return lifetimeTokens({ enrollment, enrollment_days: windows.enrollment, churn, churn_days: windows.churn, price_tokens: expectedPrice(features) }, horizon_days);
}
