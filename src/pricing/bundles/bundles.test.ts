import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Prng } from "../../lib/prng.ts";
import { complete } from "../../lib/steps.ts";
import { normalCdf } from "../normal.ts";
import { type DemandNodes, demandNodes } from "../quadrature.ts";
import { bothAbove } from "./bivariate-normal.ts";
import { type BundlePart, bundleDraws } from "./bundle-draws.ts";
import { BundleDemand, bestBundlePrice } from "./bundle-optimum.ts";
import { normalQuantile } from "./normal-quantile.ts";
import { correlationFactor, tasteCorrelation } from "./taste-correlation.ts";
import { willingnessAt } from "./willingness.ts";

/** A posterior that is certain: conversion s at the price, falling with slope b. */
function certain(s: number, slope: number): DemandNodes {
  return demandNodes({ level: Math.log(s / (1 - s)), level_sd: 0, slope, slope_sd: 0, lean: 0, slope_min: 0.05 });
}

const part = (price: number, conversion = 0.1, slope = 1.8): BundlePart => ({ price, cost: 0, nodes: certain(conversion, slope) });
const equicorrelated = (n: number, rho: number): Float64Array => correlationFactor(Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : rho)), n);
const demandOf = (parts: readonly BundlePart[], factor: Float64Array): BundleDemand => new BundleDemand(parts, complete(bundleDraws(parts, factor)));
const revenue = { objective: "revenue" as const, revenue_floor_share: 1 };

/** The same learners' choice by its definition, on other draws, and every price tried. */
function bruteForce(parts: readonly BundlePart[], rho: number, draws: number): (price: number) => { value: number; conversion: number } {
  const random = new Prng("brute force");
  const learners = Array.from({ length: draws }, () => {
    const shared = random.normal();
    return parts.map(({ price, nodes }) => {
      const { log_mean, log_sd } = willingnessAt(price, 1 / (1 + nodes.odds[0]!), nodes.slopes[0]!);
      return Math.exp(log_mean + log_sd * (Math.sqrt(rho) * shared + Math.sqrt(1 - rho) * random.normal()));
    });
  });
  return (bundle) => {
    let [value, sold] = [0, 0];
    for (const worth of learners) {
      const surplus = worth.reduce((sum, own) => sum + own, 0) - bundle;
      let [alone, tokens] = [0, 0];
      for (const [j, { price }] of parts.entries()) {
        if (worth[j]! < price) continue;
        alone += worth[j]! - price;
        tokens += price;
      }
      if (surplus >= 0 && surplus >= alone - 1e-9) sold++;
      value += surplus >= 0 && surplus >= alone - 1e-9 ? bundle : tokens;
    }
    return { value: value / draws, conversion: sold / draws };
  };
}

describe("normals", () => {
  test("quantiles invert the distribution function", () => {
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 12);
    expect(normalQuantile(1e-10)).toBeCloseTo(-6.361340902404056, 9);
    fc.assert(
      fc.property(fc.double({ min: 1e-12, max: 1 - 1e-12, noNaN: true }), (p) => {
        expect(Math.abs(normalCdf(normalQuantile(p)) - p)).toBeLessThan(2e-7);
      }),
    );
  });

  test("quadrants: independence, Sheppard's 1/4 + asin ρ/2π, and what follows from adding them up", () => {
    for (const rho of [-0.9, -0.3, 0, 0.5, 0.95]) {
      expect(bothAbove(0, 0, rho)).toBeCloseTo(0.25 + Math.asin(rho) / (2 * Math.PI), 6);
      expect(bothAbove(0.4, 1.3, rho) + bothAbove(0.4, -1.3, -rho)).toBeCloseTo(normalCdf(-0.4), 6);
    }
    expect(bothAbove(1, 2, 0)).toBeCloseTo(normalCdf(-1) * normalCdf(-2), 12);
  });
});

describe("willingness to pay", () => {
  test("answers the price as the demand curve does: level and slope", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.double({ min: 0.001, max: 0.9, noNaN: true }), fc.double({ min: 0.05, max: 6, noNaN: true }), (price, s, slope) => {
        const { log_mean, log_sd } = willingnessAt(price, s, slope);
        const share = (log_price: number): number => normalCdf((log_mean - log_price) / log_sd);
        expect(share(Math.log(price))).toBeCloseTo(s, 6);
        const h = 1e-3;
        expect((share(Math.log(price) + h) - share(Math.log(price) - h)) / (2 * h)).toBeCloseTo(-slope * s * (1 - s), 3);
      }),
    );
  });
});

describe("correlation of tastes", () => {
  const counts = { learners: 5_000, first: 400, second: 300, both: 24, pooled_lift: 1 };

  test("chance gives 0, more together more, and nothing leaves the bounds", () => {
    expect(tasteCorrelation(counts)).toBeCloseTo(0, 3);
    const list = [0, 10, 24, 50, 100, 300].map((both) => tasteCorrelation({ ...counts, both }));
    expect(list).toEqual([...list].sort((a, b) => a - b));
    expect(Math.min(...list)).toBeGreaterThanOrEqual(-0.5);
    expect(Math.max(...list)).toBeLessThanOrEqual(0.95);
  });

  test("recovers the correlation that drew the enrollments", () => {
    const random = new Prng("tetrachoric");
    const found = { learners: 40_000, first: 0, second: 0, both: 0, pooled_lift: 1 };
    for (let i = 0; i < found.learners; i++) {
      const shared = random.normal();
      const takes = [-1.2, -1.5].map((threshold) => Math.sqrt(0.45) * shared + Math.sqrt(0.55) * random.normal() < threshold);
      if (takes[0]) found.first++;
      if (takes[1]) found.second++;
      if (takes[0] && takes[1]) found.both++;
    }
    expect(tasteCorrelation(found)).toBeCloseTo(0.45, 1);
  });

  test("few enrollments leave it to what courses of the kind have in common", () => {
    const rare = { learners: 5_000, first: 12, second: 9, both: 0 };
    expect(tasteCorrelation({ ...rare, pooled_lift: 3 })).toBeGreaterThan(0.1);
    expect(Math.abs(tasteCorrelation({ ...rare, pooled_lift: 1 }))).toBeLessThan(0.02);
    fc.assert(
      fc.property(fc.nat(50), fc.nat(50), fc.nat(50), fc.nat(50), fc.double({ min: 0, max: 100, noNaN: true }), (learners, first, second, both, pooled_lift) => {
        const rho = tasteCorrelation({ learners, first, second, both, pooled_lift });
        expect(rho >= -0.5 && rho <= 0.95).toBe(true);
      }),
    );
  });

  test("pairs that contradict each other are drawn to the nearest that do not", () => {
    const contradiction = Float64Array.of(1, 0.9, -0.5, 0.9, 1, 0.9, -0.5, 0.9, 1);
    const factor = correlationFactor(contradiction, 3);
    for (let i = 0; i < 3; i++) expect(factor.subarray(i * 3, i * 3 + i + 1).reduce((sum, own) => sum + own * own, 0)).toBeCloseTo(1, 9);
    const sound = correlationFactor(Float64Array.of(1, 0.5, 0.5, 1), 2);
    expect([...sound].map((own) => Math.round(own * 1e9) / 1e9)).toEqual([1, 0.5, 0.5, Math.round(Math.sqrt(0.75) * 1e9) / 1e9]);
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), fc.integer(), (n, seed) => {
        const random = new Prng(seed);
        const matrix = new Float64Array(n * n);
        for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) matrix[i * n + j] = matrix[j * n + i] = i === j ? 1 : random.uniform() * 1.45 - 0.5;
        expect(correlationFactor(matrix, n).every(Number.isFinite)).toBe(true);
      }),
    );
  });
});

describe("the price of a bundle", () => {
  test.each<[string, readonly BundlePart[], number]>([
    ["two alike", [part(100), part(100)], 0.3],
    ["three that differ", [part(60, 0.2, 1.4), part(120, 0.08, 2), part(200, 0.04, 1.2)], 0.5],
    ["one that is much dearer", [part(1_000, 0.05), part(20, 0.3)], 0.2],
  ])("%s: conversion and revenue are those of brute force at every price, and the best earns as much as its best", (_, parts, rho) => {
    const demand = demandOf(parts, equicorrelated(parts.length, rho));
    const brute = bruteForce(parts, rho, 60_000);
    const { dearest, sum_of_parts } = demand;
    let brute_best = 0;
    for (let i = 0; i <= 12; i++) {
      const price = Math.round(dearest + ((sum_of_parts - dearest) * i) / 12);
      const [own, other] = [demand.at(price), brute(price)];
      // Learners of either are draws: four standard errors.
      expect(Math.abs(own.conversion - other.conversion)).toBeLessThan(4 * Math.sqrt((own.conversion * (1 - own.conversion)) / 8_192) + 0.003);
      brute_best = Math.max(brute_best, other.value);
    }
    const best = bestBundlePrice(demand, dearest, sum_of_parts, revenue);
    expect(brute(best.price).value).toBeGreaterThan(0.98 * brute_best);
    expect(best.price).toBeGreaterThanOrEqual(dearest);
    expect(best.price).toBeLessThanOrEqual(sum_of_parts);
  });

  test("of every whole price the best, however wide the range", () => {
    const demand = demandOf([part(900), part(700), part(400)], equicorrelated(3, 0.2));
    let best = demand.at(demand.dearest);
    for (let price = demand.dearest; price <= demand.sum_of_parts; price++) if (demand.at(price).value >= best.value) best = demand.at(price);
    expect(bestBundlePrice(demand, demand.dearest, demand.sum_of_parts, revenue).value).toBeGreaterThan(0.999 * best.value);
    const narrow = demandOf([part(200), part(150), part(100)], equicorrelated(3, 0.2));
    best = narrow.at(narrow.dearest);
    for (let price = narrow.dearest; price <= narrow.sum_of_parts; price++) if (narrow.at(price).value >= best.value) best = narrow.at(price);
    expect(bestBundlePrice(narrow, narrow.dearest, narrow.sum_of_parts, revenue)).toEqual(best);
  });

  test("perfect correlation of equal courses: who wants one wants both, and a bundle cannot earn more than twice the best single price", () => {
    const demand = demandOf([part(100), part(100)], Float64Array.of(1, 0, 1, 0));
    // Thresholds are twice a single's: the bundle at p sells as one course at p/2.
    const { log_mean, log_sd } = willingnessAt(100, 0.1, 1.8);
    for (const price of [120, 150, 180, 200]) expect(demand.at(price).conversion).toBeCloseTo(normalCdf((log_mean - Math.log(price / 2)) / log_sd), 2);
    expect(demand.at(200).conversion).toBeCloseTo(0.1, 2);
    expect(demand.at(200).value).toBeCloseTo(demand.alone.value, 9);
  });

  test("independence: at the sum of the parts it sells to those who want each, and adds nothing", () => {
    const demand = demandOf([part(100, 0.3), part(80, 0.5)], equicorrelated(2, 0));
    expect(demand.at(180).conversion).toBeCloseTo(0.15, 1);
    expect(demand.at(180).value).toBeCloseTo(demand.alone.value, 9);
    expect(demand.alone.value).toBeCloseTo(0.3 * 100 + 0.5 * 80, 0);
    expect(demand.alone.courses).toBeCloseTo(0.8, 1);
  });

  test("courses that nobody wants together gain more from a bundle than those that everybody does", () => {
    const gain = (rho: number): number => {
      const demand = demandOf([part(100, 0.15), part(100, 0.15), part(100, 0.15)], equicorrelated(3, rho));
      return bestBundlePrice(demand, 100, 300, revenue).value / demand.alone.value;
    };
    expect(gain(-0.3)).toBeGreaterThan(gain(0.3));
    expect(gain(0.3)).toBeGreaterThan(gain(0.9));
    expect(gain(0.9)).toBeGreaterThanOrEqual(1);
  });

  test("a part that costs more than it brings keeps the price up; enrollments are bought down to the floor", () => {
    const parts = [part(100, 0.15), part(100, 0.15)];
    const factor = equicorrelated(2, 0.2);
    const free = bestBundlePrice(demandOf(parts, factor), 100, 200, revenue);
    const dear = demandOf(parts.map(({ price, nodes }) => ({ price, nodes, cost: 60 })), factor);
    expect(bestBundlePrice(dear, 100, 200, { objective: "margin", revenue_floor_share: 1 }).price).toBeGreaterThan(free.price);
    const demand = demandOf(parts, factor);
    const full = bestBundlePrice(demand, 100, 200, { objective: "enrollments", revenue_floor_share: 1 });
    expect(full.value).toBeGreaterThanOrEqual(demand.alone.value);
    expect(full.price).toBeLessThanOrEqual(free.price);
    expect(bestBundlePrice(demand, 100, 200, { objective: "enrollments", revenue_floor_share: 0 }).price).toBe(100);
  });

  test("any bundle: between its dearest part and the sum, never worse than none, finite under an uncertain posterior", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ price: fc.integer({ min: 1, max: 1_000_000 }), level: fc.double({ min: -40, max: 8, noNaN: true }), slope: fc.double({ min: 0.05, max: 10, noNaN: true }), sd: fc.double({ min: 0, max: 2, noNaN: true }) }), { minLength: 2, maxLength: 6 }),
        fc.double({ min: 0, max: 0.95, noNaN: true }),
        (drawn, rho) => {
          const parts = drawn.map(({ price, level, slope, sd }) => ({ price, cost: 0, nodes: demandNodes({ level, level_sd: sd, slope, slope_sd: sd, lean: 0, slope_min: 0.05 }) }));
          const demand = demandOf(parts, equicorrelated(parts.length, rho));
          const best = bestBundlePrice(demand, demand.dearest, demand.sum_of_parts, revenue);
          expect(best.price >= demand.dearest && best.price <= demand.sum_of_parts).toBe(true);
          expect(best.value).toBeGreaterThanOrEqual(demand.alone.value * (1 - 1e-12));
          expect([...demand.byCurve(best.price).gain, best.value, best.conversion].every(Number.isFinite)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });
});
