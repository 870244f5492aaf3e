import { assert } from "../lib/assert.ts";

export interface Estimate {
  readonly value: number;
  readonly variance: number;
}

export interface Shrunk {
  readonly mean: Estimate;
  /** Root of the posterior mean of τ². */
  readonly tau: number;
  /** In the order given. `share` is the posterior mean of the weight B = V/(V + τ²) on the common mean. */
  readonly groups: readonly (Estimate & { readonly share: number })[];
}

/** Half-normal prior on τ: groups of elasticities differ by a few tenths, hardly ever by more than one. */
const TAU_SCALE = 0.5;
const TAU_MAX = 2.5;
const TAU_STEP = 0.01;

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

/** Log restricted likelihood of τ² (the common mean integrated out) plus log prior, up to a constant. */
function logPosterior(estimates: readonly Estimate[], tau: number, mean: Estimate): number {
  let sum = 0.5 * Math.log(mean.variance) - 0.5 * (tau / TAU_SCALE) ** 2;
  for (const { value, variance } of estimates) sum -= 0.5 * (Math.log(variance + tau * tau) + (value - mean.value) ** 2 / (variance + tau * tau));
  return sum;
}

/** A mixture's mean and variance, gathered one weighted part at a time. */
class Mixture {
  #weight = 0;
  #first = 0;
  #second = 0;

  add(weight: number, value: number, variance = 0): void {
    this.#weight += weight;
    this.#first += weight * value;
    this.#second += weight * (variance + value * value);
  }

  get mean(): number {
    return this.#first / this.#weight;
  }

  get estimate(): Estimate {
    return { value: this.mean, variance: this.#second / this.#weight - this.mean ** 2 };
  }
}

/**
 * Shrinks group estimates to their common mean. Given τ: ẽ = Bμ̂ + (1 − B)ê with variance (1 − B)V + B²·Var(μ̂); τ is
 * integrated out over its posterior (Gelman 2006). Plugging in a point estimate of τ² instead, REML's included, made
 * 95 % intervals of six categories cover 86 %: it is often 0 by chance, and then every category is "exactly the mean".
 */
export function shrink(estimates: readonly Estimate[]): Shrunk {
  assert(estimates.length > 0, "nothing to shrink");
  const taus = Array.from({ length: Math.round(TAU_MAX / TAU_STEP) }, (_, i) => (i + 0.5) * TAU_STEP);
  const means = taus.map((tau) => pooledMean(estimates, tau * tau));
  const logs = taus.map((tau, i) => logPosterior(estimates, tau, means[i]!));
  const highest = logs.reduce((most, value) => Math.max(most, value));
  const common = new Mixture();
  const spread = new Mixture();
  const groups = estimates.map(() => ({ value: new Mixture(), share: new Mixture() }));
  for (const [i, tau] of taus.entries()) {
    const weight = Math.exp(logs[i]! - highest);
    const mean = means[i]!;
    common.add(weight, mean.value, mean.variance);
    spread.add(weight, tau * tau);
    for (const [j, { value, variance }] of estimates.entries()) {
      const share = variance / (variance + tau * tau);
      groups[j]!.value.add(weight, share * mean.value + (1 - share) * value, (1 - share) * variance + share * share * mean.variance);
      groups[j]!.share.add(weight, share);
    }
  }
  return {
    mean: common.estimate,
    tau: Math.sqrt(spread.mean),
    groups: groups.map(({ value, share }) => ({ value: value.estimate.value, variance: value.estimate.variance, share: share.mean })),
  };
}
