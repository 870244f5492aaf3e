import { tQuantileTwoSided } from "../../models/econometrics/distributions.ts";
import { type DrawSums, sumsWithout } from "./cluster-sums.ts";

/** A figure a view, with its standard error and 95 % interval over clusters. */
export interface OffPolicyEstimate {
  readonly value: number;
  readonly se: number;
  readonly ci95: readonly [number, number];
}

/**
 * A statistic of sums with its delete-one-cluster jackknife error: V = (G−1)/G·Σ(θ₍₋g₎ − θ̄)² (Efron, Stein 1981), which errs on the wide side where one cluster weighs
 * much. Student's t with Satterthwaite's degrees of freedom, 2(Σd²)²/(Σd⁴ − (Σd²)²/G): few clusters that carry the variance are few, however many there are. At least two clusters.
 */
export function jackknife(clusters: readonly DrawSums[], total: DrawSums, statistic: (sums: DrawSums) => number): OffPolicyEstimate {
  const value = statistic(total);
  const count = clusters.length;
  const left_out = clusters.map((part) => statistic(sumsWithout(total, part)));
  const mean = left_out.reduce((sum, theta) => sum + theta, 0) / count;
  let squares = 0;
  let fourths = 0;
  for (const theta of left_out) {
    const square = (theta - mean) ** 2;
    squares += square;
    fourths += square * square;
  }
  const se = Math.sqrt(((count - 1) / count) * squares);
  const excess = fourths - (squares * squares) / count;
  const df = Math.max(1, Math.min(count - 1, excess > 0 ? (2 * squares * squares) / excess : count - 1));
  const reach = se === 0 ? 0 : tQuantileTwoSided(0.05, df) * se;
  return { value, se, ci95: [value - reach, value + reach] };
}
