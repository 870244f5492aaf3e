import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { alwaysValidP, alwaysValidReach, logMixtureRatio } from "./always-valid.ts";

const variance = fc.double({ min: 1e-9, max: 1e9, noNaN: true });
const effect = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const alpha = fc.double({ min: 1e-6, max: 0.5, noNaN: true });

/** Λ by its definition: the likelihood under N(θ, V) integrated over θ ~ N(0, τ²), over that of θ = 0. */
function integratedRatio(value: number, own: number, tau2: number): number {
  const steps = 20_000;
  const reach = 12 * Math.sqrt(tau2);
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const theta = -reach + (2 * reach * i) / steps;
    const likelihood = Math.exp((value * theta - 0.5 * theta * theta) / own);
    sum += likelihood * Math.exp((-0.5 * theta * theta) / tau2) * (i === 0 || i === steps ? 0.5 : 1);
  }
  return (sum * ((2 * reach) / steps)) / Math.sqrt(2 * Math.PI * tau2);
}

describe("always-valid inference", () => {
  test.each([
    [0.3, 0.04, 0.09],
    [0, 1, 1],
    [-1.5, 0.5, 0.2],
    [2, 1, 4],
  ])("the ratio is the mixture of likelihoods, integrated (θ̂ %s, V %s, τ² %s)", (value, own, tau2) => {
    expect(Math.exp(logMixtureRatio({ value, variance: own }, tau2))).toBeCloseTo(integratedRatio(value, own, tau2), 6);
  });

  test("the interval holds the effects that the test does not reject, to its ends", () => {
    fc.assert(
      fc.property(variance, variance, alpha, effect, (own, tau2, level, shift) => {
        fc.pre(own / tau2 > 1e-9 && own / tau2 < 1e9);
        const reach = alwaysValidReach(own, tau2, level);
        // At its end the ratio is 1/α: p is α there, whatever the estimate.
        expect(logMixtureRatio({ value: reach, variance: own }, tau2)).toBeCloseTo(-Math.log(level), 6);
        const inside = alwaysValidP({ value: reach * 0.999, variance: own }, tau2, 1);
        const outside = alwaysValidP({ value: reach * 1.001, variance: own }, tau2, 1);
        expect(inside).toBeGreaterThan(level * (1 - 1e-9));
        expect(outside).toBeLessThan(level * (1 + 1e-9));
        expect(Number.isFinite(shift + reach)).toBe(true);
      }),
    );
  });

  test("p only falls, lies in [0, 1], and stays finite for clear and for hopeless effects", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ value: effect, variance }), { maxLength: 50 }), variance, (looks, tau2) => {
        let p = 1;
        for (const look of looks) {
          const next = alwaysValidP(look, tau2, p);
          expect(next).toBeLessThanOrEqual(p);
          expect(next).toBeGreaterThanOrEqual(0);
          p = next;
        }
      }),
    );
    expect(alwaysValidP({ value: 1e9, variance: 1e-9 }, 1, 1)).toBe(0);
    expect(alwaysValidP({ value: 0, variance: 1 }, 1, 1)).toBe(1);
  });

  test("a wider mixture or a lower level widens the interval as V grows", () => {
    expect(alwaysValidReach(0.01, 0.01, 0.05)).toBeGreaterThan(1.96 * 0.1);
    expect(alwaysValidReach(0.01, 0.01, 0.01)).toBeGreaterThan(alwaysValidReach(0.01, 0.01, 0.05));
    expect(alwaysValidReach(0.02, 0.01, 0.05)).toBeGreaterThan(alwaysValidReach(0.01, 0.01, 0.05));
  });
});
