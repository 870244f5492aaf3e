import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PersonalInputs } from "../../contracts/quote.ts";
import { encodeDoubles } from "../../lib/doubles.ts";
import { demandNodes } from "../quadrature.ts";
import { personalConversion } from "./personal-demand.ts";
import { personalPrice } from "./personal-price.ts";

const nodesOf = (level: number, slope: number, sd = 0): ReturnType<typeof demandNodes> => demandNodes({ level, level_sd: sd, slope, slope_sd: sd, lean: 0, slope_min: 0.05 });

function inputsOf(change: Partial<PersonalInputs> & { readonly level?: number; readonly slope?: number; readonly sd?: number } = {}): PersonalInputs {
  const { level = -2.5, slope = 1, sd = 0, ...own } = change;
  const nodes = nodesOf(level, slope, sd);
  return {
    objective: "revenue",
    cost_tokens: 0,
    revenue_floor_share: 1,
    list_price: 100,
    anchor_price: 100,
    lowest_price: 70,
    rounding: { kind: "whole" },
    slopes: encodeDoubles(nodes.slopes),
    odds: encodeDoubles(nodes.odds),
    mode: "personal",
    level_shift: 0,
    slope_shift: 0,
    slope_shift_se: 0,
    fairness_log: null,
    budget: "not_needed",
    balance_tokens: 100,
    propensity: 0.2,
    segment: "cold",
    ...own,
  };
}

const anyInputs = fc
  .record({
    list: fc.integer({ min: 1, max: 5_000 }),
    anchor: fc.double({ min: 0.5, max: 1, noNaN: true }),
    lowest: fc.double({ min: 0.3, max: 1, noNaN: true }),
    level: fc.double({ min: -8, max: 4, noNaN: true }),
    slope: fc.double({ min: 0.05, max: 6, noNaN: true }),
    sd: fc.double({ min: 0, max: 1, noNaN: true }),
    level_shift: fc.double({ min: -4, max: 4, noNaN: true }),
    slope_shift: fc.double({ min: -6, max: 8, noNaN: true }),
    slope_shift_se: fc.double({ min: 0, max: 3, noNaN: true }),
    fairness: fc.option(fc.double({ min: 0, max: 0.5, noNaN: true }), { nil: null }),
    objective: fc.constantFrom("revenue", "enrollments", "margin"),
    cost_share: fc.double({ min: 0, max: 0.9, noNaN: true }),
    ending: fc.constantFrom(null, 9, 99, 0),
    budget: fc.constantFrom("granted", "not_needed", "global", "learner", "unavailable"),
    mode: fc.constantFrom("personal", "personal", "opted_out", "disabled", "hold_out", "no_effect"),
  })
  .map(({ list, anchor, lowest, fairness, cost_share, ending, objective, ...own }) => {
    const anchor_price = Math.max(1, Math.round(list * anchor));
    return inputsOf({
      ...own,
      objective: objective as PersonalInputs["objective"],
      list_price: list,
      anchor_price,
      lowest_price: Math.max(1, Math.min(anchor_price, Math.round(anchor_price * lowest))),
      fairness_log: fairness,
      cost_tokens: list * cost_share,
      rounding: ending === null ? { kind: "whole" } : { kind: "charm", endings: [ending] },
    } as Partial<PersonalInputs>);
  });

describe("a personal price", () => {
  test("is never above the list price, nor above what it would be without personal data unless a budget refused it, nor below what is allowed", () => {
    fc.assert(
      fc.property(anyInputs, (inputs) => {
        const { price, fair_price, conversion, discount_milli } = personalPrice(inputs);
        expect(Number.isInteger(price)).toBe(true);
        expect(price).toBeLessThanOrEqual(inputs.list_price);
        expect(fair_price).toBeLessThanOrEqual(inputs.anchor_price);
        expect(fair_price).toBeGreaterThanOrEqual(inputs.lowest_price);
        const granted = inputs.budget === "granted" || inputs.budget === "not_needed";
        expect(price).toBe(granted ? fair_price : inputs.list_price);
        expect(inputs.mode === "personal" || fair_price === inputs.anchor_price).toBe(true);
        expect(Math.log(inputs.anchor_price / fair_price)).toBeLessThanOrEqual((inputs.fairness_log ?? Number.POSITIVE_INFINITY) + 1e-12);
        expect(conversion).toBeGreaterThanOrEqual(0);
        expect(conversion).toBeLessThanOrEqual(1);
        expect(discount_milli).toBeGreaterThanOrEqual((inputs.list_price - price) * conversion * 1_000 - 1e-6);
      }),
      { numRuns: 2_000 },
    );
  });

  test("is the one of the highest expected revenue per view, as a search over every price finds it", () => {
    fc.assert(
      fc.property(fc.double({ min: -3, max: 2, noNaN: true }), fc.double({ min: 0, max: 6, noNaN: true }), fc.double({ min: 0, max: 0.5, noNaN: true }), (level_shift, slope_shift, sd) => {
        const inputs = inputsOf({ level_shift, slope_shift, sd });
        const { price } = personalPrice(inputs);
        const nodes = nodesOf(-2.5, 1, sd);
        const revenue = (at: number): number => at * personalConversion(nodes, { level: level_shift, slope: slope_shift }, Math.log(at / 100));
        const best = Math.max(...Array.from({ length: 31 }, (_, i) => revenue(70 + i)));
        // A gain that is noise is not taken.
        expect(revenue(price)).toBeGreaterThanOrEqual(best / 1.006);
        expect(price === 100 || revenue(price) > revenue(100)).toBe(true);
      }),
    );
  });

  test("meets the closed form: with conversion σ(a − b·log p) revenue peaks where b·(1 − s) = 1", () => {
    // s = 1 − 1/b at the optimum: with b = 4 at p = 85, a level that makes s(85) = 0.75.
    const b = 4;
    const level = Math.log(3) + b * Math.log(85 / 100);
    const { price } = personalPrice(inputsOf({ level, slope: 1, slope_shift: b - 1 }));
    expect(price).toBe(85);
  });

  test("who heeds prices more never pays more; the less certain that is, the less it counts", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 6, noNaN: true }), fc.double({ min: 0, max: 4, noNaN: true }), fc.double({ min: 0, max: 2, noNaN: true }), (shift, more, se) => {
        const at = (slope_shift: number, slope_shift_se: number): number => personalPrice(inputsOf({ slope_shift, slope_shift_se })).price;
        expect(at(shift + more, 0.1)).toBeLessThanOrEqual(at(shift, 0.1));
        expect(at(shift, se + 0.1)).toBeGreaterThanOrEqual(at(shift, 0.1));
      }),
    );
  });

  test("a balance changes nothing", () => {
    fc.assert(
      fc.property(anyInputs, fc.integer({ min: 0, max: 10_000 }), (inputs, balance_tokens) => {
        expect(personalPrice({ ...inputs, balance_tokens })).toEqual(personalPrice(inputs));
      }),
      { numRuns: 200 },
    );
  });

  test("with a cost the margin decides; with enrollments as the objective the revenue of the anchor is kept", () => {
    const elastic = { slope_shift: 3 };
    expect(personalPrice(inputsOf({ ...elastic, objective: "margin", cost_tokens: 60 })).price).toBeGreaterThan(personalPrice(inputsOf(elastic)).price);
    const inputs = inputsOf({ ...elastic, objective: "enrollments" });
    const { price, conversion } = personalPrice(inputs);
    const anchor = personalConversion(nodesOf(-2.5, 1), { level: 0, slope: 3 }, 0);
    expect(price).toBe(70);
    expect(price * conversion).toBeGreaterThanOrEqual(100 * anchor);
  });
});
