import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defaultPolicy, type Policy } from "../contracts/policy.ts";
import { type Goal, goalOf } from "./objective.ts";
import { optimise, type Optimum } from "./optimizer.ts";
import { logit, sigmoid } from "../lib/linear-algebra.ts";
import { demandPosterior } from "./posterior.ts";
import { demandPrior } from "./prior.ts";
import { conversionAt, type DemandNodes, demandNodes } from "./quadrature.ts";
import { testInputs, testModel } from "./testing.ts";

/** A demand curve known for certain: logit s = level − slope·log(price / current). */
function curve(level: number, slope: number): DemandNodes {
  return demandNodes({ level, level_sd: 0, slope, slope_sd: 0, lean: 0, slope_min: 0 });
}

const revenue = goalOf("revenue", 0, defaultPolicy);
const everywhere = { low: 1, high: 1e9 };
const wide: Policy = { ...defaultPolicy, grid: { span: 10, points: 512 }, ceiling_tokens: 1_000_000 };

function best(nodes: DemandNodes, current: number, policy: Policy = wide, objective: Goal["objective"] = "revenue", cost_tokens = 0): Optimum {
  return optimise(nodes, current, everywhere, goalOf(objective, cost_tokens, policy), policy);
}

describe("optimise", () => {
  test("finds the closed form of logit demand in log price: −b(1 − s) = −1, so p* = p·e^((level − logit(1 − 1/b))/b)", () => {
    for (const [level, slope] of [[-1, 1.5], [0, 2], [0.5, 3], [2, 2.5], [-0.5, 1.3]] as const) {
      const s = 1 - 1 / slope;
      const exact = 1000 * Math.exp((level - Math.log(s / (1 - s))) / slope);
      const { price, boundary } = best(curve(level, slope), 1000);
      expect(boundary).toBe(false);
      expect(Math.abs(Math.log(price / exact)), `${level}, ${slope}`).toBeLessThan(0.006);
    }
  });

  test("constant elasticity (conversion far below 1) ends at a bound, flagged", () => {
    expect(best(curve(-12, 1.5), 1000)).toMatchObject({ price: 100, boundary: true });
    expect(best(curve(-12, 0.7), 1000)).toMatchObject({ price: 10_000, boundary: true });
  });

  test("on a range with fewer whole prices than points agrees with trying every price", () => {
    const policy: Policy = { ...defaultPolicy, grid: { span: 2, points: 64 } };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(fc.tuple(fc.double({ min: -0.5, max: 0.5, noNaN: true }), fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 200 })), { maxLength: 6 }), (current, cells) => {
        const inputs = testInputs({ current_price: current, cells: cells.flat(), features: { reference_price_tokens: current } });
        const { nodes } = demandPosterior(demandPrior(inputs, testModel({ reference_price: current })), inputs.cells);
        let most = 0;
        for (let p = Math.ceil(current / 2); p <= current * 2; p++) most = Math.max(most, p * conversionAt(nodes, Math.log(p / current)).mean);
        const { price } = best(nodes, current, policy);
        expect(price * conversionAt(nodes, Math.log(price / current)).mean).toBeCloseTo(most, 9);
      }),
    );
  });

  test("enrollments: the lowest price that earns no less than the current one", () => {
    const nodes = curve(0, 2.5);
    const revenue = (p: number): number => p * conversionAt(nodes, Math.log(p / 100)).mean;
    const policy: Policy = { ...defaultPolicy, grid: { span: 4, points: 512 } };
    const { price } = best(nodes, 100, policy, "enrollments");
    expect(price).toBeLessThan(best(nodes, 100, policy).price);
    expect(revenue(price)).toBeGreaterThanOrEqual(revenue(100));
    expect(revenue(price - 1)).toBeLessThan(revenue(100));
    // Where demand is inelastic a lower price only loses: it stays.
    expect(best(curve(0, 0.5), 100, policy, "enrollments").price).toBe(100);
  });

  test("margin: the first-order condition b·(1 − c/p)·(1 − s) = 1 holds at the best price, which rises with the cost", () => {
    for (const [level, slope] of [[-1, 1.5], [0, 2], [0.5, 3]] as const) {
      let before = 0;
      for (const cost of [0, 50, 200, 600]) {
        const nodes = curve(level, slope);
        const { price, boundary } = best(nodes, 1000, wide, "margin", cost);
        const s = conversionAt(nodes, Math.log(price / 1000)).mean;
        expect(boundary).toBe(false);
        expect(slope * (1 - cost / price) * (1 - s), `${level}, ${slope}, ${cost}`).toBeCloseTo(1, 1);
        expect(price).toBeGreaterThan(before);
        before = price;
      }
    }
  });

  test("margin at constant elasticity e < −1 is best at c·e/(1 + e)", () => {
    for (const [slope, cost] of [[3, 500], [2, 600], [1.5, 900]] as const) {
      const { price, boundary } = best(curve(-14, slope), 1000, wide, "margin", cost);
      expect(boundary).toBe(false);
      expect(Math.abs(Math.log(price / ((cost * -slope) / (1 - slope))))).toBeLessThan(0.006);
    }
    expect(best(curve(-14, 0.8), 1000, wide, "margin", 500)).toMatchObject({ price: 10_000, boundary: true });
  });

  test("the classical curves of demand in the price itself have their optima where they should", () => {
    // Logit σ(a − b·p), exponential e^(a − b·p) and linear a − b·p, each as the curve in log price that has the same level and slope at its optimum:
    // the first-order condition is the same there, so the optimiser must find the closed form.
    const b = 0.002;
    const omega = (y: number): number => {
      let w = Math.log(1 + y);
      for (let i = 0; i < 50; i++) w -= (w * Math.exp(w) - y) / (Math.exp(w) * (1 + w));
      return w;
    };
    const optima = [
      // (1 + W(e^(a−1)))/b with elasticity −b·p·(1 − s) = −1 there.
      ...[-1, 0, 2].map((a) => {
        const price = (1 + omega(Math.exp(a - 1))) / b;
        return { price, conversion: sigmoid(a - b * price) };
      }),
      { price: 1 / b, conversion: Math.exp(-3 - 1) },
      { price: 0.4 / (2 * b), conversion: 0.4 - 0.4 / 2 },
    ];
    for (const { price, conversion } of optima) {
      // Slope in log price of a curve with this conversion and elasticity −1.
      const slope = 1 / (1 - conversion);
      const current = 700;
      const level = logit(conversion) - slope * Math.log(current / price);
      expect(Math.abs(Math.log(best(curve(level, slope), current).price / price)), String(price)).toBeLessThan(0.01);
    }
  });

  test("enrollments under a lower revenue floor: further down, to where that share is left", () => {
    const nodes = curve(0, 2.5);
    const policy: Policy = { ...defaultPolicy, revenue_floor_share: 0.9, grid: { span: 4, points: 512 } };
    const { price } = best(nodes, 100, policy, "enrollments");
    const revenue_at = (p: number): number => p * conversionAt(nodes, Math.log(p / 100)).mean;
    expect(revenue_at(price)).toBeGreaterThanOrEqual(0.9 * revenue_at(100));
    expect(revenue_at(price - 1)).toBeLessThan(0.9 * revenue_at(100));
  });

  test("the supported optimum stays in the supported range, its ends included", () => {
    const { price, supported_price } = optimise(curve(-12, 0.5), 1000, { low: 904.8, high: 1105.2 }, revenue, defaultPolicy);
    expect(price).toBe(2000);
    expect(supported_price).toBe(1105);
    expect(optimise(curve(-12, 1.8), 1000, { low: 904.8, high: 1105.2 }, revenue, defaultPolicy).supported_price).toBe(905);
  });

  test("answers whole prices inside the span for any policy", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000_000 }),
        fc.integer({ min: 2, max: 512 }),
        fc.double({ min: 1, max: 10, noNaN: true }),
        fc.double({ min: 0.05, max: 6, noNaN: true }),
        fc.constantFrom("revenue" as const, "enrollments" as const),
        (current, points, span, slope, objective) => {
          const policy: Policy = { ...defaultPolicy, grid: { span, points } };
          const step = { low: current * Math.exp(-0.1), high: current * Math.exp(0.1) };
          const { price, supported_price } = optimise(curve(-2, slope), current, step, goalOf(objective, 0, policy), policy);
          for (const p of [price, supported_price]) {
            expect(Number.isInteger(p)).toBe(true);
            expect(p >= 1 && p <= 1_000_000_000).toBe(true);
            expect(p >= current / span - 1 && p <= current * span + 1).toBe(true);
          }
        },
      ),
    );
  });
});
