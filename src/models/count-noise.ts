import type { DrawEvidence } from "./conditional-poisson.ts";

/** Beyond so many standard deviations a course's scatter is its own, not chance. */
const OUTLIER_SDS = 4;
const ROUNDS = 10;
/** Standard deviation of the prior on ω around 1. */
const OMEGA_PRIOR_SD = 0.1;
/** Conversion is below one half wherever one would sell. */
const OMEGA_MIN = 0.5;

/**
 * How noisy courses' scores are: φ, the variance of a score over what Poisson counts would give (the sandwich). A course's own estimate of it is mostly
 * chance, so all share two parameters: the variance of a count of mean μ is ω·μ + α·μ². α ≥ 0 are shocks to demand that last through a draw; ω ≤ 1 is that a
 * viewer buys once or not at all, so that counts scatter less than Poisson's, a twelfth at 8 % conversion and more the more viewers differ. (Taking ω = 1
 * made the spread of courses 0.06 instead of 0.3 on 200,000 of them.) A course whose score scatters far more (one company buys twenty places on one day)
 * takes its own.
 */
export class CountNoise {
  readonly omega: number = 1;
  readonly alpha: number = 0;

  /** `observations` of a course: its draws, or its sales if they are fewer. */
  constructor(courses: readonly DrawEvidence[], observations: ArrayLike<number>) {
    // From all courses on; each round leaves out those that stand out from the last one's estimate, until it stays the same.
    for (let round = 0; round < ROUNDS; round++) {
      const { omega, alpha } = this.#estimate(courses, (course, c) => round > 0 && this.#standsOut(course, observations[c]!));
      if (omega === this.omega && alpha === this.alpha) break;
      this.omega = omega;
      this.alpha = alpha;
    }
  }

  /** φ of a course. */
  of(course: DrawEvidence, observations: number): number {
    return this.#standsOut(course, observations) ? 1 + course.score_excess : this.#expected(course);
  }

  #expected({ score_excess_per_alpha }: DrawEvidence): number {
    return this.omega + this.alpha * score_excess_per_alpha;
  }

  /** A squared residual times a squared jitter, both of normal variables, has a variance of 8; a course has as many as it has observations. */
  #standsOut(course: DrawEvidence, observations: number): boolean {
    const expected = this.#expected(course);
    return 1 + course.score_excess > expected * (1 + OUTLIER_SDS * Math.sqrt(8 / observations));
  }

  /** Least squares of scatter on its two parts, weighted by the variance that it has at the present estimate. */
  #estimate(courses: readonly DrawEvidence[], leftOut: (course: DrawEvidence, c: number) => boolean): { omega: number; alpha: number } {
    const prior = OMEGA_PRIOR_SD ** -2;
    let oo = prior;
    let oa = 0;
    let aa = 0;
    let yo = prior;
    let ya = 0;
    for (const [c, course] of courses.entries()) {
      const { scatter, scatter_per_omega: o, scatter_per_alpha: a } = course;
      if (!(o > 0) || leftOut(course, c)) continue;
      // Of Poisson counts: Σμ(1 + 2μ), with Σμ² about what stands beside α.
      const weight = 1 / (o + 2 * a * (1 + this.alpha));
      oo += weight * o * o;
      oa += weight * o * a;
      aa += weight * a * a;
      yo += weight * o * scatter;
      ya += weight * a * scatter;
    }
    const determinant = oo * aa - oa * oa;
    let alpha = determinant > 0 ? Math.max(0, (oo * ya - oa * yo) / determinant) : 0;
    let omega = (yo - oa * alpha) / oo;
    if (omega > 1) alpha = aa > 0 ? Math.max(0, (ya - oa) / aa) : 0;
    omega = Math.min(1, Math.max(OMEGA_MIN, omega));
    return { omega, alpha };
  }
}
