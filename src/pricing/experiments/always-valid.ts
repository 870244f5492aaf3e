import { assert } from "../../lib/assert.ts";

/** A difference of means and the variance of that difference. */
export interface Effect {
  readonly value: number;
  readonly variance: number;
}

/**
 * The mixture sequential probability ratio test of a normal effect with variance V against 0, the mixture being N(0, τ²) (Johari, Pekelis, Walsh 2017, eq. 6):
 * log Λ = ½·log(V/(V + τ²)) + τ²θ̂²/(2V(V + τ²)). The logarithm, since Λ itself overflows for clear effects.
 */
export function logMixtureRatio({ value, variance }: Effect, tau2: number): number {
  assert(variance > 0 && tau2 > 0, "variances are above 0");
  return 0.5 * Math.log(variance / (variance + tau2)) + (tau2 * value * value) / (2 * variance * (variance + tau2));
}

/** min(p, 1/Λ): `p_before` is the p-value of the look before (1 before any). Under no effect it is below α at any look with probability α at most. */
export function alwaysValidP(effect: Effect, tau2: number, p_before: number): number {
  return Math.min(p_before, Math.exp(-Math.max(0, logMixtureRatio(effect, tau2))));
}

/** Half the width of the always-valid interval: √[(V(V + τ²)/τ²)·log((V + τ²)/(V·α²))]. It holds the effect at all looks together with probability 1 − α. */
export function alwaysValidReach(variance: number, tau2: number, alpha: number): number {
  assert(variance > 0 && tau2 > 0 && alpha > 0 && alpha < 1, "variances are above 0, and α is a probability");
  return Math.sqrt(((variance * (variance + tau2)) / tau2) * (Math.log((variance + tau2) / variance) - 2 * Math.log(alpha)));
}
