import { assert } from "../../lib/assert.ts";

/** Running moments of an outcome y and a covariate x over the units of one arm (Welford 1962, both at once): exact enough for tokens in the millions. */
export class PairedMoments {
  n = 0;
  mean_y = 0;
  mean_x = 0;
  /** Sums of squares and of products about the means. */
  yy = 0;
  xx = 0;
  xy = 0;

  add(y: number, x: number): void {
    this.n++;
    const dy = y - this.mean_y;
    const dx = x - this.mean_x;
    this.mean_y += dy / this.n;
    this.mean_x += dx / this.n;
    this.yy += dy * (y - this.mean_y);
    this.xx += dx * (x - this.mean_x);
    this.xy += dx * (y - this.mean_y);
  }

  /** Variance of the mean of y − coefficient·x. */
  varianceOfMean(coefficient: number): number {
    assert(this.n > 1, "one unit has no variance");
    return Math.max(0, this.yy - 2 * coefficient * this.xy + coefficient * coefficient * this.xx) / (this.n - 1) / this.n;
  }
}

/**
 * The coefficient of CUPED (Deng et al. 2013): cov(y, x)/var(x), pooled within the arms, so that no effect of an arm gets into it. 0 where x does not vary. The adjusted outcome
 * y − coefficient·(x − x̄) has the same expectation, since x was known before the arm, and 1 − ρ² of the variance.
 */
export function cupedCoefficient(arms: readonly PairedMoments[]): number {
  let xy = 0;
  let xx = 0;
  for (const arm of arms) {
    xy += arm.xy;
    xx += arm.xx;
  }
  return xx > 0 ? xy / xx : 0;
}
