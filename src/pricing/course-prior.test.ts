import { expect, test } from "vitest";
import type { PriceTrial } from "../features/price-trial.ts";
import { Prng } from "../lib/prng.ts";
import { estimateElasticity } from "../models/jitter-elasticity.ts";
import { demandPosterior } from "./posterior.ts";
import { demandPrior } from "./prior.ts";
import { elasticityNow } from "./quadrature.ts";
import { testInputs, testModel } from "./testing.ts";

const CONVERSION = 0.08;
const DRAWS = 52;

/** Courses of one category that differ by 0.3; `held` is the share of each draw's counts that the demand cells still have, more of the newer ones. */
function courses(random: Prng): { trials: PriceTrial[]; truth: number[] } {
  const truth: number[] = [];
  const trials = Array.from({ length: 60 }, (_, c): PriceTrial => {
    const e = -1.4 + 0.3 * random.normal();
    truth.push(e);
    const jitter = Float64Array.from({ length: DRAWS }, () => 0.15 * random.normal());
    const exposures = new Float64Array(DRAWS).fill(400);
    const enrollments = jitter.map((v) => random.binomial(400, CONVERSION * Math.exp(e * v)));
    const share = (i: number): number => 2 ** ((i - DRAWS) / 9);
    return { course_id: `c${c}`, category: "k", jitter, exposures, enrollments, held: { exposures: exposures.map((n, i) => n * share(i)), enrollments: enrollments.map((n, i) => n * share(i)) } };
  });
  return { trials, truth };
}

/** The elasticity that a price call reports, from a prior and what the cells hold, a cell a draw. */
function served({ jitter, held }: PriceTrial, prior: { value: number; se: number }): { mean: number; sd: number } {
  const cells = Array.from(jitter, (x, i) => [x, held!.exposures[i]!, held!.enrollments[i]!]).flat();
  const inputs = testInputs({ cells, features: { category_conversion_90d: CONVERSION } });
  return elasticityNow(demandPosterior(demandPrior(inputs, testModel({ elasticity: prior.value, se: prior.se, conversion: CONVERSION, level_sd: 1 })), inputs.cells).nodes);
}

test("a course's prior and its demand cells together say what all of its sales say: none counts twice", () => {
  let once = 0;
  let twice = 0;
  let all = 0;
  let apart = 0;
  for (let seed = 0; seed < 5; seed++) {
    const { trials } = courses(new Prng(`once ${seed}`));
    const report = estimateElasticity(trials);
    for (const trial of trials) {
      const own = report.courses![trial.course_id]!;
      const answer = served(trial, own.prior);
      once += answer.sd ** -2;
      twice += served(trial, own).sd ** -2;
      all += own.se ** -2;
      apart += Math.abs(answer.mean - own.value) / own.se / (5 * trials.length);
    }
  }
  // The cells' likelihood is binomial and the estimate's Poisson: at 8 % the former knows 8 % more.
  expect(once / all).toBeGreaterThan(0.95);
  expect(once / all).toBeLessThan(1.1);
  expect(twice / all).toBeGreaterThan(1.15);
  expect(apart).toBeLessThan(0.25);
});

test("95 % intervals that a price call reports hold the truth as often as they say", () => {
  let held = 0;
  let intervals = 0;
  for (let seed = 0; seed < 10; seed++) {
    const { trials, truth } = courses(new Prng(`served ${seed}`));
    const report = estimateElasticity(trials);
    for (const [c, trial] of trials.entries()) {
      const { mean, sd } = served(trial, report.courses![trial.course_id]!.prior);
      if (Math.abs(mean - truth[c]!) <= 1.96 * sd) held++;
      intervals++;
    }
  }
  expect(held / intervals).toBeGreaterThan(0.93);
  expect(held / intervals).toBeLessThan(0.985);
});
