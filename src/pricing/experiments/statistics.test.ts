import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Prng } from "../../lib/prng.ts";
import { cupedCoefficient, PairedMoments } from "./paired-moments.ts";
import { minimumDetectableEffect, type Plan, requiredUnits, requiredUnitsOfOneLook } from "./power.ts";
import { sampleRatio } from "./sample-ratio.ts";
import { SequentialComparison } from "./sequential-comparison.ts";

const value = fc.double({ min: -1e6, max: 1e6, noNaN: true });

describe("CUPED", () => {
  test("running moments are those of the whole", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value), { minLength: 2, maxLength: 200 }), (pairs) => {
        const moments = new PairedMoments();
        for (const [y, x] of pairs) moments.add(y, x);
        const mean = (of: readonly number[]): number => of.reduce((sum, one) => sum + one, 0) / of.length;
        const [my, mx] = [mean(pairs.map(([y]) => y)), mean(pairs.map(([, x]) => x))];
        const product = (f: (y: number, x: number) => number): number => pairs.reduce((sum, [y, x]) => sum + f(y - my, x - mx), 0);
        const scale = 1e-9 * (1 + product((y, x) => y * y + x * x));
        expect(Math.abs(moments.yy - product((y) => y * y))).toBeLessThan(scale);
        expect(Math.abs(moments.xy - product((y, x) => y * x))).toBeLessThan(scale);
        expect(Math.abs(moments.mean_y - my)).toBeLessThan(1e-6);
      }),
    );
  });

  test.each([0, 0.3, 0.6, 0.9])("takes ρ² of the variance off (ρ = %s), and leaves the effect where it is", (rho) => {
    const random = new Prng(`cuped ${rho}`);
    const comparison = new SequentialComparison({ tau2: 1, alpha: 0.05, cuped: true });
    for (let i = 0; i < 20_000; i++) {
      const x = random.normal();
      const to_control = random.uniform() < 0.5;
      comparison.add(to_control, 5 + (to_control ? 0 : 0.2) + rho * x + Math.sqrt(1 - rho * rho) * random.normal(), x);
    }
    const look = comparison.look()!;
    expect(Math.abs(look.variance_reduction - rho * rho)).toBeLessThan(0.02);
    expect(Math.abs(look.value - 0.2)).toBeLessThan(4 * Math.sqrt(((1 - rho * rho) * 4) / 20_000));
  });

  test("a covariate that does not vary changes nothing", () => {
    const moments = new PairedMoments();
    for (let i = 0; i < 10; i++) moments.add(i, 3);
    expect(cupedCoefficient([moments])).toBe(0);
  });
});

describe("sample ratio", () => {
  test("equal to expectation is fine, a tenth fewer of 10,000 is not", () => {
    expect(sampleRatio([5_000, 5_000], [5_000, 5_000])).toMatchObject({ p_value: 1, ok: true });
    expect(sampleRatio([4_500, 5_500], [5_000, 5_000])?.ok).toBe(false);
    expect(sampleRatio([0, 0], [0, 0])).toBeUndefined();
  });

  test("blocks one in a thousand of fair assignments", () => {
    let blocked = 0;
    for (let run = 0; run < 4_000; run++) {
      const random = new Prng(`srm ${run}`);
      const counts = [0, 0, 0];
      for (let i = 0; i < 300; i++) counts[random.integer(3)]!++;
      if (sampleRatio(counts, [100, 100, 100])?.ok === false) blocked++;
    }
    // 4 expected; 14 has probability 1e-4.
    expect(blocked).toBeLessThan(14);
  });
});

describe("power", () => {
  const plan: Plan = { outcome_sd: 10, covariate_correlation: 0, arm_share: 0.5, control_share: 0.5, design_effect: 1, alpha: 0.05, power: 0.8, tau2: undefined };

  test("one look agrees with the textbook: 16·σ²/δ² an arm", () => {
    expect(requiredUnitsOfOneLook(plan, 1) / 2 / (16 * 100)).toBeCloseTo(0.981, 2);
  });

  test("units and effect are each other's inverse", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 50, noNaN: true }), fc.double({ min: 0, max: 0.95, noNaN: true }), (effect, rho) => {
        const own = { ...plan, covariate_correlation: rho };
        const units = requiredUnits(own, effect);
        expect(minimumDetectableEffect({ ...own, tau2: effect * effect }, units)).toBeLessThanOrEqual(effect);
        expect(minimumDetectableEffect(own, units)).toBeLessThanOrEqual(effect * (1 + 1e-9));
        if (units <= 3) return;
        expect(minimumDetectableEffect({ ...own, tau2: effect * effect }, units - 1)).toBeGreaterThan(effect);
        expect(minimumDetectableEffect(own, units - 1)).toBeGreaterThan(effect * (1 - 1e-9));
      }),
    );
  });

  test("looking every day costs units; CUPED saves 1 − ρ² of them; clusters cost their design effect", () => {
    const units = requiredUnits(plan, 1);
    expect(units).toBeGreaterThan(requiredUnitsOfOneLook(plan, 1));
    expect(units).toBeLessThan(3 * requiredUnitsOfOneLook(plan, 1));
    expect(requiredUnits({ ...plan, covariate_correlation: 0.6 }, 1) / units).toBeCloseTo(0.64, 3);
    expect(requiredUnits({ ...plan, design_effect: 3 }, 1) / units).toBeCloseTo(3, 3);
    expect(requiredUnits({ ...plan, arm_share: 0.1, control_share: 0.9 }, 1) / units).toBeCloseTo((1 / 0.1 + 1 / 0.9) / 4, 3);
    expect(requiredUnits({ ...plan, outcome_sd: 1e9 }, 1e-6)).toBe(Number.POSITIVE_INFINITY);
  });
});
