import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bestDiscount, cautiousEffect, discountGain } from "./discount.ts";

const limits = { step_pct: 5, max_pct: 30, gain_min_tokens: 1 };
const probability = fc.double({ min: 0, max: 1, noNaN: true });
const price = fc.double({ min: 1, max: 5_000, noNaN: true });
const effect = fc.record({ value: fc.double({ min: -8, max: 2, noNaN: true }), se: fc.double({ min: 0, max: 3, noNaN: true }) });

describe("discounts", () => {
  test("gain what the arithmetic says", () => {
    // 10 % at 60 tokens, log-odds −2 per log price: at 20 % off σ(logit 0.1 + 2·0.22314) = 0.14793 enroll, at 48 tokens.
    expect(discountGain(0.1, 60, -2, 20)).toBeCloseTo(48 * 0.147_93 - 6, 3);
    expect(discountGain(0.1, 60, 0, 20)).toBeCloseTo(-1.2, 10);
  });

  test("no effect known, or one that may be none: no discount", () => {
    expect(bestDiscount(0.3, 100, null, limits).pct).toBe(0);
    expect(bestDiscount(0.3, 100, { value: -2, se: 2 }, limits).pct).toBe(0);
    expect(bestDiscount(0.3, 0, { value: -5, se: 0 }, limits).pct).toBe(0);
  });

  test("always gain at least what is asked, at the cautious effect, and no allowed one gains more", () => {
    fc.assert(
      fc.property(probability, price, effect, fc.integer({ min: 0, max: 60 }), (enrollment, price_tokens, of, max_pct) => {
        const { pct, gain_tokens } = bestDiscount(enrollment, price_tokens, of, { ...limits, max_pct });
        const gain = (at: number): number => discountGain(enrollment, price_tokens, cautiousEffect(of), at);
        expect(pct % 5).toBe(0);
        expect(pct).toBeLessThanOrEqual(max_pct);
        expect(gain_tokens).toBeGreaterThanOrEqual(pct > 0 ? 1 : 0);
        const threshold = Math.max(gain_tokens, pct === 0 ? 1 : 0);
        for (let other = 5; other <= max_pct; other += 5) expect(gain(other)).toBeLessThanOrEqual(threshold + 1e-9);
      }),
    );
  });

  test("who heeds prices more never gets less", () => {
    fc.assert(
      fc.property(probability, price, fc.double({ min: -8, max: 0, noNaN: true }), fc.double({ min: 0, max: 4, noNaN: true }), (enrollment, price_tokens, value, more) => {
        const at = (of: number): number => bestDiscount(enrollment, price_tokens, { value: of, se: 0.1 }, limits).pct;
        expect(at(value - more)).toBeGreaterThanOrEqual(at(value));
      }),
    );
  });

  test("neither the least likely nor those who buy anyway get the deepest: there is nothing to gain of them", () => {
    fc.assert(
      fc.property(fc.double({ min: -4, max: -2, noNaN: true }), fc.double({ min: 100, max: 400, noNaN: true }), (value, price_tokens) => {
        const at = (enrollment: number): number => bestDiscount(enrollment, price_tokens, { value, se: 0 }, limits).pct;
        const deepest = Math.max(...Array.from({ length: 99 }, (_, i) => at((i + 1) / 100)));
        expect([at(0), at(1e-4), at(1)]).toEqual([0, 0, 0]);
        expect(deepest).toBeGreaterThan(0);
      }),
    );
  });

  test("inelastic demand is never discounted: −β(1 − e) < 1 at the price itself and all below it", () => {
    fc.assert(
      fc.property(probability, price, fc.double({ min: -1, max: 0, noNaN: true }), (enrollment, price_tokens, value) => {
        expect(bestDiscount(enrollment, price_tokens, { value, se: 0 }, limits).pct).toBe(0);
      }),
    );
  });
});
