import { choleskyInPlace } from "../../lib/linear-algebra.ts";
import { symmetricEigen } from "../../models/econometrics/symmetric-eigen.ts";
import { bothAbove } from "./bivariate-normal.ts";
import { normalQuantile } from "./normal-quantile.ts";

/** What is known of two courses that learners may take together. */
export interface CoEnrollmentCounts {
  /** Learners who enrolled in anything. */
  readonly learners: number;
  readonly first: number;
  readonly second: number;
  readonly both: number;
  /** How many times as often as by chance learners take two courses of this kind (of one category, or of two). */
  readonly pooled_lift: number;
}

/** Co-enrollments by chance that the pooled lift weighs as much as: two courses of 25 learners in 5,000 expect an eighth of one. */
const POOLED_WEIGHT = 2;
/** Beyond them counts say nothing that demand curves could bear. */
const CORRELATION_MIN = -0.5;
const CORRELATION_MAX = 0.95;
/** Of tastes, where nobody has enrolled in enough to tell. */
export const UNKNOWN_CORRELATION = 0.2;
const STEPS = 40;
const EIGENVALUE_MIN = 1e-6;

/**
 * Correlation of the willingness to pay for two courses: tetrachoric, that is of two normals whose thresholds give the courses' shares of learners and whose quadrant gives the
 * share of those who took both. That share is shrunk towards what courses of this kind have in common: (both + w·lift)/(chance + w) times chance, the mean of a gamma posterior of
 * a Poisson count.
 */
export function tasteCorrelation({ learners, first, second, both, pooled_lift }: CoEnrollmentCounts): number {
  if (!(learners > 0) || first >= learners || second >= learners) return UNKNOWN_CORRELATION;
  // Half an enrollment each: a course without any is like one that is rarely taken.
  const [p, q] = [Math.max(first, 0.5) / learners, Math.max(second, 0.5) / learners];
  const chance = p * q * learners;
  const share = (p * q * (both + POOLED_WEIGHT * pooled_lift)) / (chance + POOLED_WEIGHT);
  const [h, k] = [-normalQuantile(p), -normalQuantile(q)];
  if (share >= bothAbove(h, k, CORRELATION_MAX)) return CORRELATION_MAX;
  if (share <= bothAbove(h, k, CORRELATION_MIN)) return CORRELATION_MIN;
  let [low, high] = [CORRELATION_MIN, CORRELATION_MAX];
  for (let i = 0; i < STEPS; i++) {
    const middle = (low + high) / 2;
    if (bothAbove(h, k, middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * Lower Cholesky factor of a correlation matrix (row-major, n × n). Pairs that were estimated one by one may contradict each other: then all are drawn towards 0 by the same share,
 * the least that makes a correlation matrix of them.
 */
export function correlationFactor(matrix: Float64Array, n: number): Float64Array {
  const least = Math.min(...symmetricEigen(matrix, n).values);
  const shrink = least >= EIGENVALUE_MIN ? 0 : Math.min(1, (EIGENVALUE_MIN - least) / (1 - least));
  for (;;) {
    const factor = matrix.map((own, i) => (i % (n + 1) === 0 ? 1 : own * (1 - shrink)));
    // Rounding may leave an eigenvalue at 0 that should be just above it: independence always factors.
    if (choleskyInPlace(factor, n)) return factor;
    matrix = matrix.map((own, i) => (i % (n + 1) === 0 ? 1 : own * 0.999));
  }
}
