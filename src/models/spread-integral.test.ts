import { describe, expect, test } from "vitest";
import { integrateSpread, type SpreadPrior } from "./spread-integral.ts";

const prior: SpreadPrior = { median: 0.3, log_sd: 0.5 };

/** Log of the integral and posterior mean of τ on a grid so fine that it needs no thought. */
function fine(logLikelihood: (tau: number) => number): { log: number; mean: number } {
  const n = 400_000;
  const step = 9 / n;
  let top = Number.NEGATIVE_INFINITY;
  const logs = Float64Array.from({ length: n }, (_, i) => {
    const x = -4.5 + (i + 0.5) * step;
    const log = logLikelihood(prior.median * Math.exp(x)) - 0.5 * (x / prior.log_sd) ** 2;
    top = Math.max(top, log);
    return log;
  });
  let weight = 0;
  let mean = 0;
  for (let i = 0; i < n; i++) {
    const density = Math.exp(logs[i]! - top);
    weight += density;
    mean += density * prior.median * Math.exp(-4.5 + (i + 0.5) * step);
  }
  return { log: top + Math.log(weight * step) - Math.log(prior.log_sd * Math.sqrt(2 * Math.PI)), mean: mean / weight };
}

describe("integral over a spread", () => {
  // Likelihoods of τ from a few groups to a million of them, whose τ the prior may hold for unlikely.
  const likelihoods: Record<string, (tau: number) => number> = {
    nothing: () => 0,
    "five groups": (tau) => -2.5 * Math.log(0.05 + tau * tau) - 0.5 / (0.05 + tau * tau),
    "far from the prior": (tau) => -200 * Math.log(tau) - 100 * (1.5 / tau) ** 2,
    "a million groups": (tau) => 1e6 * (-0.5 * Math.log(0.2 + tau * tau) - (0.5 * 0.29) / (0.2 + tau * tau)),
    "a large constant": (tau) => 1e9 - 20 * (tau - 0.4) ** 2,
    "falling to zero": (tau) => -300 * tau,
  };
  test.each(Object.keys(likelihoods))("%s: log and mean agree with a fine grid", (name) => {
    const likelihood = likelihoods[name]!;
    const { nodes, log } = integrateSpread(prior, (tau) => ({ log: likelihood(tau), part: -tau }));
    const exact = fine(likelihood);
    expect(nodes.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 9);
    expect(log - exact.log).toBeCloseTo(0, 3);
    expect(nodes.reduce((sum, { weight, part }) => sum - weight * part, 0) / exact.mean).toBeCloseTo(1, 4);
  });
});
