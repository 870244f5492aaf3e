import { type Effect, alwaysValidP, alwaysValidReach } from "./always-valid.ts";
import { cupedCoefficient, PairedMoments } from "./paired-moments.ts";

/** Fewer units a arm than this, and the variance itself is known too badly for the test to hold its level. */
export const UNITS_MIN = 100;

export interface Comparison {
  readonly value: number;
  readonly p_value: number;
  readonly low: number;
  readonly high: number;
  /** Of the variance, taken off by CUPED. */
  readonly variance_reduction: number;
  readonly coefficient: number;
}

export interface ComparisonOptions {
  readonly tau2: number;
  /** Of one comparison: the experiment's α over the number of them. */
  readonly alpha: number;
  readonly cuped: boolean;
}

/**
 * One arm against the control arm, as units' outcomes become final. `look` may be called at any time and as often as anybody likes: the p-value only falls. Units are independent,
 * and each outcome is final when it is added, which is what makes the looks valid.
 */
export class SequentialComparison {
  readonly #options: ComparisonOptions;
  readonly #arm = new PairedMoments();
  readonly #control = new PairedMoments();
  #p_value = 1;

  constructor(options: ComparisonOptions) {
    this.#options = options;
  }

  add(to_control: boolean, outcome: number, covariate: number): void {
    (to_control ? this.#control : this.#arm).add(outcome, covariate);
  }

  /** What can be said now; undefined before there is enough, or while no outcome differs from another. */
  look(): Comparison | undefined {
    const [arm, control] = [this.#arm, this.#control];
    if (arm.n < UNITS_MIN || control.n < UNITS_MIN) return undefined;
    const { tau2, alpha, cuped } = this.#options;
    const coefficient = cuped ? cupedCoefficient([arm, control]) : 0;
    const effect: Effect = {
      value: arm.mean_y - control.mean_y - coefficient * (arm.mean_x - control.mean_x),
      variance: arm.varianceOfMean(coefficient) + control.varianceOfMean(coefficient),
    };
    if (!(effect.variance > 0)) return undefined;
    this.#p_value = alwaysValidP(effect, tau2, this.#p_value);
    const reach = alwaysValidReach(effect.variance, tau2, alpha);
    const raw = arm.varianceOfMean(0) + control.varianceOfMean(0);
    return { value: effect.value, p_value: this.#p_value, low: effect.value - reach, high: effect.value + reach, variance_reduction: raw > 0 ? 1 - effect.variance / raw : 0, coefficient };
  }
}
