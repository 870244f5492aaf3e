import type { PriceTrial } from "../features/price-trial.ts";
import { type DrawEvidence, drawsBeyondCells, evidenceAt, noEvidence, type UsableDraws, usableDraws } from "./conditional-poisson.ts";
import { CountNoise } from "./count-noise.ts";
import type { GaussianEvidence } from "./shrinkage.ts";

/** Less jitter within a course than this is rounding: a standard deviation of log price. */
const JITTER_SD_MIN = 0.005;
/** After so many expansions the noise is left as it is: a course that hardly stands out would else go to and fro. */
const NOISE_EXPANSIONS = 4;

/**
 * What the courses' sales say of their elasticities, as quadratics: each log likelihood is expanded to second order where the course's elasticity is
 * believed to be. With jitter of a tenth it hardly differs from that within any distance that matters, while around a course's own maximum, several
 * units away with a few dozen sales, it does.
 */
export class CourseEvidence {
  /** Sales in usable draws, by course. */
  readonly sales: Float64Array;
  readonly gaussian: GaussianEvidence;
  /** Where each course's log likelihood is expanded, and how noisy its score is there. */
  readonly #at: Float64Array;
  readonly #noise: Float64Array;
  readonly #trials: readonly PriceTrial[];
  readonly #draws: readonly UsableDraws[];
  readonly #observations: Float64Array;
  readonly #details: readonly DrawEvidence[];
  #expansions = 0;

  constructor(trials: readonly PriceTrial[], start: number) {
    const n = trials.length;
    this.#trials = trials;
    this.#draws = trials.map(usableDraws);
    this.#details = trials.map(noEvidence);
    this.#at = new Float64Array(n).fill(start);
    this.#noise = new Float64Array(n).fill(1);
    this.#observations = Float64Array.from(this.#draws, ({ total, jitter }) => Math.min(total, jitter.length));
    this.sales = Float64Array.from(this.#draws, ({ total }) => total);
    this.gaussian = { precision: new Float64Array(n), linear: new Float64Array(n) };
    this.#expand();
  }

  /** Some course has something to say. */
  get any(): boolean {
    return this.gaussian.precision.some((precision) => precision > 0);
  }

  /** Expands anew around `to`, no farther than `step_max` from before; false, and nothing happens, when all are within `tolerance` of it already. */
  moveTo(to: Float64Array, step_max: number, tolerance: number): boolean {
    if (this.#at.every((from, c) => Math.abs(to[c]! - from) < tolerance)) return false;
    for (const [c, from] of this.#at.entries()) this.#at[c] = from + Math.min(step_max, Math.max(-step_max, to[c]! - from));
    this.#expand();
    return true;
  }

  /** The evidence of what the courses' demand cells do not hold any more, expanded at the same points and as noisy. */
  beyondCells(): GaussianEvidence {
    const evidence = { precision: new Float64Array(this.sales.length), linear: new Float64Array(this.sales.length) };
    const details = noEvidence();
    for (const [c, trial] of this.#trials.entries()) {
      if (this.gaussian.precision[c] === 0) continue;
      evidenceAt(drawsBeyondCells(trial), this.#at[c]!, details);
      this.#write(evidence, c, details);
    }
    return evidence;
  }

  #expand(): void {
    for (const [c, draws] of this.#draws.entries()) evidenceAt(draws, this.#at[c]!, this.#details[c]!);
    if (this.#expansions++ < NOISE_EXPANSIONS) this.#estimateNoise();
    for (const [c, details] of this.#details.entries()) this.#write(this.gaussian, c, details);
  }

  #estimateNoise(): void {
    const noise = new CountNoise(this.#details, this.#observations);
    for (const [c, details] of this.#details.entries()) {
      const usable = details.information > this.sales[c]! * JITTER_SD_MIN ** 2;
      this.#noise[c] = usable ? noise.of(details, this.#observations[c]!) : Number.POSITIVE_INFINITY;
    }
  }

  #write({ precision, linear }: GaussianEvidence, c: number, { score, information }: DrawEvidence): void {
    precision[c] = information / this.#noise[c]!;
    linear[c] = score / this.#noise[c]! + precision[c]! * this.#at[c]!;
  }
}
