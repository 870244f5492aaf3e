import { describe, expect, test } from "vitest";
import { defaultPolicy } from "../contracts/policy.ts";
import { sigmoid } from "../lib/linear-algebra.ts";
import { Prng } from "../lib/prng.ts";
import { isJittered, jitteredPosterior } from "./jitter-posterior.ts";
import { priceCourse } from "./price-course.ts";
import { demandPosterior } from "./posterior.ts";
import { demandPrior, type DemandPrior } from "./prior.ts";
import { testInputs, testModel } from "./testing.ts";

const CELL = 0.1;
const JITTER_CELL = 0.04;

function add(cells: Map<number, [x: number, n: number, q: number]>, width: number, x: number, n: number, q: number): void {
  const key = Math.floor(x / width);
  const cell = cells.get(key) ?? [0, 0, 0];
  cells.set(key, [(cell[0] * cell[1] + x * n) / (cell[1] + n), cell[1] + n, cell[2] + q]);
}

/** Weeks of a course whose price setter follows a hidden shock with weight ρ and adds a random part. */
function sell(random: Prng, { slope, chase, sigma, weeks = 40, views = 120 }: { slope: number; chase: number; sigma: number; weeks?: number; views?: number }): { cells: number[]; jitter_cells: number[] } {
  const cells = new Map<number, [number, number, number]>();
  const jitter = new Map<number, [number, number, number]>();
  let shock = 0.3 * random.normal();
  for (let week = 0; week < weeks; week++) {
    shock = 0.9 * shock + 0.15 * random.normal();
    const v = sigma * random.normal();
    const x = chase * shock + v;
    const q = random.binomial(views, sigmoid(-2.4 + shock - slope * x));
    add(cells, CELL, x, views, q);
    add(jitter, JITTER_CELL, v, views, q);
  }
  const sorted = (map: Map<number, [number, number, number]>): number[] => [...map].toSorted(([a], [b]) => a - b).flatMap(([, cell]) => cell);
  return { cells: sorted(cells), jitter_cells: sorted(jitter) };
}

function priorOf(elasticity: number, se: number): DemandPrior {
  return demandPrior(testInputs({ cells: [] }), testModel({ conversion: sigmoid(-2.4), elasticity, se, level_sd: 0.5, dispersion: 1.3 }));
}

describe("a course whose prices have a random part", () => {
  test("somebody who chases demand leans the slope of all prices to 0, and not that of their random parts", () => {
    const random = new Prng("chased");
    const wide = priorOf(-1.6, 1.5);
    let naive = 0;
    let own = 0;
    const runs = 60;
    for (let run = 0; run < runs; run++) {
      const { cells, jitter_cells } = sell(random, { slope: 1.8, chase: 0.5, sigma: 0.1 });
      naive += demandPosterior(wide, cells).slope / runs;
      own += jitteredPosterior(wide, cells, jitter_cells).slope / runs;
    }
    expect(naive).toBeLessThan(1.3);
    expect(Math.abs(own - 1.8)).toBeLessThan(0.2);
  });

  test("95 % intervals of the slope hold the truth, which is drawn from the prior", () => {
    const random = new Prng("coverage of slopes");
    const prior = priorOf(-1.5, 0.4);
    const runs = 400;
    let held = 0;
    let naive = 0;
    for (let run = 0; run < runs; run++) {
      const slope = Math.max(prior.slope_min, prior.slope + prior.slope_sd * random.normal());
      const { cells, jitter_cells } = sell(random, { slope, chase: 0.5, sigma: 0.1 });
      const inside = (posterior: { slope: number; slope_sd: number }): boolean => Math.abs(posterior.slope - slope) <= 1.96 * posterior.slope_sd;
      if (inside(jitteredPosterior(prior, cells, jitter_cells))) held++;
      if (inside(demandPosterior(prior, cells))) naive++;
    }
    expect(held / runs).toBeGreaterThan(0.92);
    expect(held / runs).toBeLessThan(0.99);
    expect(naive / runs).toBeLessThan(held / runs - 0.05);
  });

  test("where nobody chases, what other prices say is used, too", () => {
    const { cells, jitter_cells } = sell(new Prng("exogenous"), { slope: 1.8, chase: 0, sigma: 0.1 });
    const prior = priorOf(-1.5, 0.5);
    const both = jitteredPosterior(prior, cells, jitter_cells);
    expect(both.converged).toBe(true);
    expect(both.slope_sd).toBeLessThan(prior.slope_sd);
    expect(Math.abs(both.slope - 1.8)).toBeLessThan(3 * both.slope_sd);
  });

  test("one random part alone, or random parts of few of the views, compare nothing", () => {
    expect(isJittered([0, 100, 8], [])).toBe(false);
    expect(isJittered([0, 100, 8], [0.02, 100, 8])).toBe(false);
    expect(isJittered([0, 100, 8], [-0.02, 4, 1, 0.02, 4, 0])).toBe(false);
    expect(isJittered([0, 100, 8], [-0.02, 40, 4, 0.02, 40, 3])).toBe(true);
    // Half of the views, but hardly any of what was paid.
    expect(isJittered([0, 100, 8, 0.4, 0, 200], [-0.02, 40, 4, 0.02, 40, 3])).toBe(false);
  });

  test("200 enrollments at 1.5 times the list price raise it, whatever is known of its random parts", () => {
    const jitter_cells = [-0.1, 100, 9, 0, 100, 8, 0.1, 100, 7];
    const model = testModel();
    const price = (cells: readonly number[]): number => priceCourse(testInputs({ cells, jitter_cells }), model, defaultPolicy).optimal_price;
    expect(price([-0.1, 100, 9, 0, 100, 8, 0.1, 100, 7])).toBeLessThan(100);
    for (const exposures of [0, 200]) expect(price([-0.1, 100, 9, 0, 100, 8, 0.1, 100, 7, Math.log(1.5), exposures, 200])).toBe(110);
  });
});
