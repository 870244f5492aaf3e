import { assert } from "../lib/assert.ts";

export interface Estimate {
  readonly value: number;
  readonly variance: number;
}

export interface Shrunk {
  readonly mean: Estimate;
  readonly tau: number;
  /** In the order given. `share` is the weight B = V/(V + τ²) on the common mean. */
  readonly groups: readonly (Estimate & { readonly share: number })[];
}

/** Precision-weighted mean of estimates whose true values spread by τ². */
function pooledMean(estimates: readonly Estimate[], tau2: number): Estimate {
  let weight = 0;
  let sum = 0;
  for (const { value, variance } of estimates) {
    weight += 1 / (variance + tau2);
    sum += value / (variance + tau2);
  }
  return { value: sum / weight, variance: 1 / weight };
}

/** τ² by DerSimonian and Laird (1986), not below zero. */
function derSimonianLaird(estimates: readonly Estimate[]): number {
  const fixed = pooledMean(estimates, 0);
  let q = 0;
  let weight = 0;
  let squares = 0;
  for (const { value, variance } of estimates) {
    q += (value - fixed.value) ** 2 / variance;
    weight += 1 / variance;
    squares += 1 / variance ** 2;
  }
  return Math.max(0, (q - (estimates.length - 1)) / (weight - squares / weight));
}

/** τ² by restricted maximum likelihood, from DerSimonian–Laird's by the fixed point of Viechtbauer (2005), eq. 9. */
export function remlVariance(estimates: readonly Estimate[]): number {
  if (estimates.length < 2) return 0;
  let tau2 = derSimonianLaird(estimates);
  for (let step = 0; step < 200; step++) {
    const mean = pooledMean(estimates, tau2);
    let numerator = 0;
    let squares = 0;
    for (const { value, variance } of estimates) {
      const weight = 1 / (variance + tau2);
      numerator += weight * weight * ((value - mean.value) ** 2 - variance);
      squares += weight * weight;
    }
    const next = Math.max(0, numerator / squares + mean.variance);
    if (Math.abs(next - tau2) < 1e-10) return next;
    tau2 = next;
  }
  return tau2;
}

/** Shrinks group estimates to their common mean: ẽ = Bμ̂ + (1 − B)ê, variance (1 − B)V + B²·Var(μ̂). */
export function shrink(estimates: readonly Estimate[]): Shrunk {
  assert(estimates.length > 0, "nothing to shrink");
  const tau2 = remlVariance(estimates);
  const mean = pooledMean(estimates, tau2);
  const groups = estimates.map(({ value, variance }) => {
    const share = variance / (variance + tau2);
    return { value: share * mean.value + (1 - share) * value, variance: (1 - share) * variance + share * share * mean.variance, share };
  });
  return { mean, tau: Math.sqrt(tau2), groups };
}
