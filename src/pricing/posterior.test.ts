import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sigmoid } from "../lib/linear-algebra.ts";
import { Prng } from "../lib/prng.ts";
import { normalCdf, truncatedMoments } from "./normal.ts";
import { type DemandPosterior, demandPosterior } from "./posterior.ts";
import { demandPrior, ELASTICITY_MAX } from "./prior.ts";
import { conversionAt, elasticityNow, logRevenueRatio } from "./quadrature.ts";
import { testInputs, testModel, type TestModel } from "./testing.ts";

function posteriorOf(cells: number[], model: TestModel = {}, current_price = 100): DemandPosterior {
  const inputs = testInputs({ cells, current_price });
  return demandPosterior(demandPrior(inputs, testModel(model)), inputs.cells);
}

/** −log of the unnormalised posterior density, written down independently of the Newton code. */
function energy({ prior }: DemandPosterior, cells: readonly number[], level: number, slope: number): number {
  let sum = 0.5 * ((level - prior.level) / prior.level_sd) ** 2 + 0.5 * ((slope - prior.slope) / prior.slope_sd) ** 2;
  for (let i = 0; i < cells.length; i += 3) {
    const s = sigmoid(level - slope * (cells[i]! - prior.x_now));
    const n = Math.max(cells[i + 1]!, cells[i + 2]!);
    sum -= (cells[i + 2]! * Math.log(s) + (n - cells[i + 2]!) * Math.log(1 - s)) / prior.dispersion;
  }
  return sum;
}

/** Posterior mean and sd of conversion and slope by brute force on a fine lattice of (level, slope ≥ slope_min). */
function bruteForce(posterior: DemandPosterior, cells: readonly number[], z = 0): { slope: number; slope_sd: number; conversion: number; conversion_sd: number } {
  const { prior } = posterior;
  let weights = 0;
  let slope = 0;
  let slope2 = 0;
  let conversion = 0;
  let conversion2 = 0;
  const least = energy(posterior, cells, posterior.level, posterior.slope);
  for (let l = -150; l <= 150; l++) {
    for (let b = 0; b <= 400; b++) {
      const level = posterior.level + l * 0.02;
      const at = prior.slope_min + b * 0.01;
      const weight = Math.exp(least - energy(posterior, cells, level, at));
      const s = sigmoid(level - at * z);
      weights += weight;
      slope += weight * at;
      slope2 += weight * at * at;
      conversion += weight * s;
      conversion2 += weight * s * s;
    }
  }
  slope /= weights;
  conversion /= weights;
  return { slope, slope_sd: Math.sqrt(slope2 / weights - slope * slope), conversion, conversion_sd: Math.sqrt(conversion2 / weights - conversion * conversion) };
}

describe("normal", () => {
  test("distribution function", () => {
    const known: readonly [number, number][] = [[0, 0.5], [1, 0.841344746], [-1.959963985, 0.025], [-5, 2.866515719e-7], [40, 1], [-40, 0], [Number.NEGATIVE_INFINITY, 0]];
    for (const [x, p] of known) expect(normalCdf(x)).toBeCloseTo(p, 6);
    expect(normalCdf(-5) / 2.866515719e-7).toBeCloseTo(1, 5);
  });

  test("moments of the truncated normal agree with integration, far into the tail and across the switch of formulae", () => {
    for (const low of [-9, -7.9, -2, 0, 1, 3, 7, 9.9, 10.1, 30]) {
      let weights = 0;
      let first = 0;
      let second = 0;
      const top = Math.max(low, 0) + 12;
      const h = (top - low) / 400_000;
      for (let i = 0; i < 400_000; i++) {
        const x = low + (i + 0.5) * h;
        const weight = Math.exp(-0.5 * (x * x - Math.max(low, 0) ** 2));
        weights += weight;
        first += weight * (x - low);
        second += weight * (x - low) ** 2;
      }
      const mean = first / weights;
      const sd = Math.sqrt(second / weights - mean * mean);
      const got = truncatedMoments(3, 2, 3 + 2 * low);
      expect((got.mean - (3 + 2 * low)) / (2 * mean), `mean at ${low}`).toBeCloseTo(1, 2);
      expect(got.sd / (2 * sd), `sd at ${low}`).toBeCloseTo(1, 2);
    }
  });
});

describe("demand posterior", () => {
  test("without cells is the prior, and the prior curve passes through the champion at the current price", () => {
    const posterior = posteriorOf([], { conversion: 0.11, reference_price: 100, slope: 2 }, 130);
    expect(sigmoid(posterior.prior.level)).toBeCloseTo(sigmoid(Math.log(0.11 / 0.89) - 2 * Math.log(1.3)), 12);
    expect(posterior.level).toBeCloseTo(posterior.prior.level, 9);
    expect(posterior.slope).toBeCloseTo(1.5 / (1 - 0.08), 3);
    expect(posterior.slope_sd).toBeCloseTo(0.4 / (1 - 0.08), 3);
    expect(posterior.own_data).toBe(false);
    expect(posterior.prior.x_now).toBeCloseTo(Math.log(1.3), 12);
  });

  test("agrees with brute-force integration", () => {
    const cases = [
      [0, 300, 24],
      [-0.2, 200, 30, 0, 300, 24, 0.2, 200, 8],
      [0, 40, 0, 0.4, 10, 3],
      [-0.1, 3000, 150, 0.3, 3000, 120],
    ];
    for (const cells of cases) {
      const posterior = posteriorOf(cells, { dispersion: 1.3 });
      const truth = bruteForce(posterior, cells);
      const conversion = conversionAt(posterior.nodes, 0);
      expect(posterior.converged).toBe(true);
      expect(Math.abs(posterior.slope - truth.slope)).toBeLessThan(0.12 * truth.slope_sd);
      expect(posterior.slope_sd / truth.slope_sd).toBeCloseTo(1, 1);
      // Laplace leaves out the skewness of the level, the most with few data.
      expect(Math.abs(conversion.mean - truth.conversion)).toBeLessThan(0.2 * truth.conversion_sd);
      expect(conversion.sd / truth.conversion_sd).toBeGreaterThan(0.85);
      expect(conversion.sd / truth.conversion_sd).toBeLessThan(1.15);
    }
  });

  test("data at the edge of the allowed slopes agree with brute force, too", () => {
    const cells = [0, 300, 24, 0.405, 0, 200];
    const posterior = posteriorOf(cells);
    const truth = bruteForce(posterior, cells);
    expect(posterior.slope - posterior.prior.slope_min).toBeLessThan(0.1);
    expect(posterior.slope / truth.slope).toBeGreaterThan(0.8);
    expect(posterior.slope / truth.slope).toBeLessThan(1.25);
    expect(conversionAt(posterior.nodes, 0).mean / truth.conversion).toBeCloseTo(1, 1);
    expect(posterior.own_data).toBe(true);
  });

  test("level and slope move together, also at the edge: conversion is known best where the data lie", () => {
    const free = [0.4, 1000, 200, 0.7, 1000, 205];
    const edge = [0.6, 300, 45, 0.9, 300, 90];
    const lattice = [free, edge].flatMap((cells) => [-0.3, 0, 0.5].map((z) => [cells, z] as const));
    for (const [cells, z] of lattice) {
      const posterior = posteriorOf([...cells], { level_sd: 1.5 });
      const truth = bruteForce(posterior, cells, z);
      const conversion = conversionAt(posterior.nodes, z);
      expect(Math.abs(conversion.mean - truth.conversion), `mean at ${z}`).toBeLessThan(0.15 * truth.conversion_sd);
      expect(conversion.sd / truth.conversion_sd, `sd at ${z}`).toBeGreaterThan(0.85);
      expect(conversion.sd / truth.conversion_sd, `sd at ${z}`).toBeLessThan(1.15);
    }
    const { nodes } = posteriorOf(free, { level_sd: 1.5 });
    expect(conversionAt(nodes, 0.5).sd).toBeLessThan(0.5 * conversionAt(nodes, -0.3).sd);
  });

  test("an enrollment without its exposure counts as one exposure", () => {
    expect(posteriorOf([0, 100, 8, 0.4, 0, 30])).toEqual(posteriorOf([0, 100, 8, 0.4, 30, 30]));
    expect(posteriorOf([0, 100, 8, 0.4, 0, 30]).level).toBeGreaterThan(posteriorOf([0, 100, 8, 0.4, 400, 30]).level);
  });

  test("over-dispersion widens what the data say and leaves the prior alone", () => {
    const cells = [-0.3, 4000, 500, 0.3, 4000, 200];
    const calm = posteriorOf(cells, { dispersion: 1, se: 50, level_sd: 50 });
    const noisy = posteriorOf(cells, { dispersion: 4, se: 50, level_sd: 50 });
    expect(noisy.slope_sd / calm.slope_sd).toBeCloseTo(2, 3);
    expect(posteriorOf([], { dispersion: 4 }).slope_sd).toBeCloseTo(posteriorOf([], { dispersion: 1 }).slope_sd, 12);
  });

  test("plenty of data find the true curve whatever the prior", () => {
    const cells: number[] = [];
    for (const x of [-0.5, -0.2, 0.1, 0.4]) cells.push(x, 1e6, 1e6 * sigmoid(-1 - 2.2 * x));
    const posterior = posteriorOf(cells, { conversion: 0.02, elasticity: -0.3, se: 0.3 });
    expect(posterior.slope).toBeCloseTo(2.2, 2);
    expect(posterior.level).toBeCloseTo(-1, 2);
    expect(elasticityNow(posterior.nodes).mean).toBeCloseTo(-2.2 * (1 - sigmoid(-1)), 2);
  });

  test("without a model the prior is the category's conversion, or 8 %, and an elasticity of −1.5 ± 0.6", () => {
    const inputs = testInputs({ cells: [], features: { category_conversion_90d: 0.2 } });
    const prior = demandPrior(inputs, null);
    expect(sigmoid(prior.level)).toBeCloseTo(0.2, 12);
    expect(prior.slope * 0.8).toBeCloseTo(1.5, 12);
    expect(prior.slope_sd * 0.8).toBeCloseTo(0.6, 12);
    expect(prior.modelled).toBe(false);
    expect(sigmoid(demandPrior(testInputs({ features: { category_conversion_90d: 0 } }), null).level)).toBeCloseTo(0.08, 12);
  });

  const cell = fc.tuple(
    fc.oneof(fc.double({ min: -0.7, max: 0.7, noNaN: true }), fc.double({ min: -20.8, max: 20.8, noNaN: true })),
    fc.oneof(fc.constant(0), fc.double({ min: 0, max: 500, noNaN: true }), fc.double({ min: 0, max: 1e9, noNaN: true })),
    fc.oneof(fc.constant(0), fc.double({ min: 0, max: 500, noNaN: true }), fc.double({ min: 0, max: 1e9, noNaN: true })),
  );
  const price = fc.oneof(fc.constantFrom(1, 2, 100, 1_000_000_000), fc.integer({ min: 1, max: 1_000_000_000 }));

  test("stays finite, positive in slope and inside its bounds for everything that is legal", () => {
    fc.assert(
      fc.property(fc.array(cell, { maxLength: 32 }), price, fc.double({ min: 1e-6, max: 1 - 1e-6, noNaN: true }), fc.double({ min: 0.01, max: 3, noNaN: true }), (cells, current_price, conversion, se) => {
        const posterior = posteriorOf(cells.flat(), { conversion, se, reference_price: 100 }, current_price);
        expect(posterior.slope).toBeGreaterThanOrEqual(posterior.prior.slope_min);
        expect(Number.isFinite(posterior.level) && Number.isFinite(posterior.slope) && posterior.slope_sd >= 0).toBe(true);
        let before = 1;
        for (const z of [-20, -0.7, 0, 0.7, 20]) {
          const { mean, sd } = conversionAt(posterior.nodes, z);
          expect(mean >= 0 && mean <= before && sd >= 0 && sd <= 0.5).toBe(true);
          before = mean;
          const ratio = logRevenueRatio(posterior.nodes, z);
          expect(Number.isFinite(ratio.mean) && Number.isFinite(ratio.sd)).toBe(true);
        }
        const elasticity = elasticityNow(posterior.nodes);
        expect(elasticity.mean <= 0 && elasticity.sd >= 0).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("extreme but legal data converge or say that they did not, and the answer makes sense", () => {
    const shock = posteriorOf([-0.1, 500, 400, 0, 500, 400, 0.1, 500, 400]);
    expect(shock.converged).toBe(true);
    expect(conversionAt(shock.nodes, 0).mean).toBeGreaterThan(0.6);
    const collapse = posteriorOf([0, 5000, 5]);
    expect(conversionAt(collapse.nodes, 0).mean).toBeLessThan(0.01);
    const one = posteriorOf([0.3, 1000, 80]);
    expect(one.slope).toBeCloseTo(one.prior.slope, 0);
    expect(one.own_data).toBe(false);
    const huge = posteriorOf([0, 1e9, 8e7]);
    expect(conversionAt(huge.nodes, 0).mean).toBeCloseTo(0.08, 4);
  });

  test("what Newton cannot reach in 12 capped steps keeps the prior's slope, flagged", () => {
    const posterior = posteriorOf([0, 1e9, 1e8, 0.5, 1e9, 1e8 * Math.exp(-20)], { se: 0.5 });
    expect(posterior.converged).toBe(false);
    expect(posterior.slope).toBeCloseTo(posterior.prior.slope, 2);
  });

  test("95 % interval of the conversion at the current price covers the truth", () => {
    const random = new Prng("coverage");
    const model: TestModel = { conversion: 0.08, elasticity: -1.5, se: 0.4, level_sd: 0.5, slope: 1.63 };
    const runs = 300;
    let covered = 0;
    for (let run = 0; run < runs; run++) {
      const level = Math.log(0.08 / 0.92) + 0.5 * random.normal();
      const slope = Math.max(0.06, (1.5 + 0.4 * random.normal()) / 0.92);
      const cells: number[] = [];
      for (let k = 0; k < 6; k++) {
        const x = 0.12 * random.normal();
        const n = 20 + random.integer(60);
        cells.push(x, n, random.binomial(n, sigmoid(level - slope * x)));
      }
      const { mean, sd } = conversionAt(posteriorOf(cells, model).nodes, 0);
      if (Math.abs(sigmoid(level) - mean) <= 1.96 * sd) covered++;
    }
    expect(covered / runs).toBeGreaterThan(0.9);
    expect(covered / runs).toBeLessThan(0.99);
  });

  test("the slope's floor is the elasticity that the documents name", () => {
    const { prior } = posteriorOf([]);
    expect(-prior.slope_min * (1 - 0.08)).toBeCloseTo(ELASTICITY_MAX, 12);
  });
});
