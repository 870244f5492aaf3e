import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PriceTrial } from "../features/price-trial.ts";
import { Prng } from "../lib/prng.ts";
import { evidenceAt, noEvidence, usableDraws } from "./conditional-poisson.ts";
import { CountNoise } from "./count-noise.ts";
import { courseElasticity } from "./elasticity-lookup.ts";
import { type ElasticityReport, estimateElasticity } from "./jitter-elasticity.ts";

interface Scenario {
  readonly seed: string;
  readonly elasticities: readonly number[];
  readonly courses: number;
  readonly weeks: number;
  readonly sigma: number;
  readonly tau: number;
  readonly exposures: number;
}

interface Simulated {
  readonly trials: PriceTrial[];
  /** By course, in the order of the trials. */
  readonly truth: number[];
}

/** Weekly counts whose price setter chases a hidden shock; only the jitter is random. */
function simulateTruth({ seed, elasticities, courses, weeks, sigma, tau, exposures }: Scenario): Simulated {
  const random = new Prng(seed);
  const truth: number[] = [];
  const trials = Array.from({ length: courses }, (_, course): PriceTrial => {
    const k = course % elasticities.length;
    const e = elasticities[k]! + tau * random.normal();
    const level = -2.5 + 0.5 * random.normal();
    const trial = { course_id: `c${course}`, category: `k${k}`, jitter: new Float64Array(weeks), exposures: new Float64Array(weeks), enrollments: new Float64Array(weeks) };
    let shock = 0;
    for (let week = 0; week < weeks; week++) {
      shock = 0.9 * shock + 0.15 * random.normal();
      const jitter = sigma * random.normal();
      const n = 1 + random.poisson(exposures);
      const mean = n * Math.exp(level + shock + e * (0.5 * shock + jitter));
      trial.jitter[week] = jitter;
      trial.exposures[week] = n;
      trial.enrollments[week] = Math.min(n, random.poisson(mean * random.gamma(5, 0.2)));
    }
    truth.push(e);
    return trial;
  });
  return { trials, truth };
}

const simulate = (scenario: Scenario): PriceTrial[] => simulateTruth(scenario).trials;

/** The trials with every draw's numbers replaced. */
function changed(trials: readonly PriceTrial[], change: (course: number, draw: number) => Partial<Record<"jitter" | "exposures" | "enrollments", number>>): PriceTrial[] {
  return trials.map((trial, c) => {
    const column = (name: "jitter" | "exposures" | "enrollments"): Float64Array => trial[name].map((value, i) => change(c, i)[name] ?? value);
    return { ...trial, jitter: column("jitter"), exposures: column("exposures"), enrollments: column("enrollments") };
  });
}

function expectClose(a: ElasticityReport, b: ElasticityReport, digits: number): void {
  expect(a.global.value).toBeCloseTo(b.global.value, digits);
  expect(a.global.se).toBeCloseTo(b.global.se, digits);
  expect(a.tau_course).toBeCloseTo(b.tau_course, digits);
  for (const [category, estimate] of Object.entries(a.categories)) expect(estimate.value, category).toBeCloseTo(b.categories[category]!.value, digits);
  expect(Object.keys(a.courses!).sort()).toEqual(Object.keys(b.courses!).sort());
  // Rounded to four decimals: the last may fall either way.
  for (const [id, estimate] of Object.entries(a.courses!)) expect(Math.abs(estimate.value - b.courses![id]!.value), id).toBeLessThan(2e-4);
}

const base: Scenario = { seed: "base", elasticities: [-2, -1.5, -1], courses: 150, weeks: 40, sigma: 0.1, tau: 0, exposures: 20 };

describe("causal elasticity from jitter", () => {
  test("reports every category and course under its own name, whatever that is", () => {
    const names = ["__proto__", "constructor", "art"];
    const trials = simulate({ ...base, exposures: 200 }).map((trial, i) => Object.assign(trial, { category: names[i % 3]!, course_id: names[i] ?? trial.course_id }));
    const report = estimateElasticity(trials);
    expect(Object.keys(report.categories).sort()).toEqual(names.toSorted());
    expect(Object.keys(report.courses!)).toEqual(expect.arrayContaining(names));
    expect(Object.keys(report.courses!)).toHaveLength(150);
  });

  test("its 95 % intervals cover the truth, of courses, categories and the mean, about as often as they say", () => {
    let covered = 0;
    let intervals = 0;
    let of_courses = 0;
    let courses = 0;
    let global = 0;
    const seeds = 40;
    for (let i = 0; i < seeds; i++) {
      const random = new Prng(`categories ${i}`);
      const elasticities = Array.from({ length: 6 }, () => -1.5 + 0.4 * random.normal());
      const { trials, truth } = simulateTruth({ ...base, seed: `cover ${i}`, elasticities, tau: 0.3 });
      const report = estimateElasticity(trials);
      for (const [k, e] of elasticities.entries()) {
        const { value, se } = report.categories[`k${k}`]!;
        intervals++;
        if (Math.abs(value - e) <= 1.96 * se) covered++;
      }
      for (const [c, e] of truth.entries()) {
        const { value, se } = courseElasticity(report, trials[c]!.category, trials[c]!.course_id);
        courses++;
        if (Math.abs(value - e) <= 1.96 * se) of_courses++;
      }
      if (Math.abs(report.global.value + 1.5) <= 1.96 * report.global.se) global++;
    }
    expect(covered / intervals).toBeGreaterThan(0.91);
    expect(covered / intervals).toBeLessThan(0.995);
    expect(of_courses / courses).toBeGreaterThan(0.93);
    expect(of_courses / courses).toBeLessThan(0.985);
    expect(global / seeds).toBeGreaterThan(0.87);
  });

  test("the price setter's chase of hidden demand does not bias it", () => {
    let error = 0;
    for (let i = 0; i < 10; i++) {
      const report = estimateElasticity(simulate({ ...base, seed: `mae ${i}` }));
      for (const [k, truth] of base.elasticities.entries()) error += Math.abs(report.categories[`k${k}`]!.value - truth) / 30;
    }
    expect(error).toBeLessThan(0.3);
  });

  test("courses with many sales are estimated better than by their category, the others no worse", () => {
    for (const [exposures, sigma, at_most] of [[300, 0.3, 0.8], [10, 0.1, 1.02]] as const) {
      let own = 0;
      let mean = 0;
      for (let i = 0; i < 5; i++) {
        const { trials, truth } = simulateTruth({ ...base, seed: `courses ${i}`, exposures, sigma, tau: 0.3 });
        const report = estimateElasticity(trials);
        for (const [c, e] of truth.entries()) {
          own += Math.abs(courseElasticity(report, trials[c]!.category, trials[c]!.course_id).value - e);
          mean += Math.abs(report.categories[trials[c]!.category]!.value - e);
        }
      }
      expect(own / mean, `${exposures} exposures`).toBeLessThan(at_most);
    }
  });

  test("no effect of price: the interval covers 0", () => {
    let covered = 0;
    for (let i = 0; i < 20; i++) {
      const { global } = estimateElasticity(simulate({ ...base, seed: `null ${i}`, elasticities: [0, 0, 0] }));
      expect(global.identified).toBe(true);
      expect(Math.abs(global.value)).toBeLessThan(1);
      if (Math.abs(global.value) <= 1.96 * global.se) covered++;
    }
    expect(covered).toBeGreaterThanOrEqual(17);
  });

  test("without jitter, or with too little of it or of sales, it says that it does not know", () => {
    const trials = simulate(base);
    const cases: Record<string, PriceTrial[]> = {
      nothing: [],
      "one course": trials.slice(0, 1),
      "one draw a course": trials.map((trial) => ({ ...trial, jitter: trial.jitter.slice(0, 1), exposures: trial.exposures.slice(0, 1), enrollments: trial.enrollments.slice(0, 1) })),
      "no draw": trials.map((trial) => ({ ...trial, jitter: new Float64Array(), exposures: new Float64Array(), enrollments: new Float64Array() })),
      "no jitter": changed(trials, () => ({ jitter: 0 })),
      "the same jitter for ever": changed(trials, () => ({ jitter: 0.2 })),
      "jitter between courses only": changed(trials, (c) => ({ jitter: c / 100 })),
      "tiny jitter": simulate({ ...base, sigma: 0.002, exposures: 2000 }),
      "a handful of sales": simulate({ ...base, courses: 3, weeks: 6 }),
      "no exposures": changed(trials, () => ({ exposures: 0 })),
      "no sales": changed(trials, () => ({ enrollments: 0 })),
      "one sale": changed(trials, (c, i) => ({ enrollments: c === 7 && i === 0 ? 1 : 0 })),
      "all sales at one price of a course": changed(trials, (_, i) => ({ enrollments: i === 0 ? 1 : 0, jitter: i === 0 ? -0.1 : 0.1 })),
    };
    for (const [name, these] of Object.entries(cases)) {
      const report = estimateElasticity(these);
      expect(report.global, name).toMatchObject({ value: -1.5, se: 0.6, identified: false, source: "prior" });
      expect(report.courses, name).toEqual({});
      for (const { course_id, category } of these) expect(courseElasticity(report, category, course_id), name).toMatchObject({ identified: false, source: "prior" });
    }
  });

  test("a category whose prices are not randomised is not identified: it takes the mean, more widely", () => {
    const trials = changed(simulate({ ...base, exposures: 100 }), (c) => (c % 3 === 0 ? { jitter: 0 } : {}));
    const report = estimateElasticity(trials);
    const { categories, global, tau_category, tau_course } = report;
    expect(categories["k0"]).toMatchObject({ source: "global", identified: false });
    expect(categories["k0"]!.value).toBeCloseTo(global.value, 12);
    expect(categories["k0"]!.se).toBeCloseTo(Math.hypot(global.se, tau_category), 12);
    expect(categories["k1"]).toMatchObject({ source: "category", identified: true });
    expect(report.courses!["c0"]).toBeUndefined();
    const course = courseElasticity(report, "k0", "c0");
    expect(course).toMatchObject({ value: categories["k0"]!.value, identified: false });
    expect(course.se).toBeCloseTo(Math.hypot(categories["k0"]!.se, tau_course), 12);
    expect(courseElasticity(report, "k1", "c1").identified).toBe(true);
  });

  test("a few randomised courses among many others are enough", () => {
    const few = estimateElasticity(changed(simulate({ ...base, courses: 300, exposures: 3000 }), (c) => (c < 3 ? {} : { jitter: 0 })));
    expect(few.global.identified).toBe(true);
    expect(Object.keys(few.courses!)).toEqual(["c0", "c1", "c2"]);
  });

  test("enrollments whose exposures are missing do not hide the effect", () => {
    const trials = simulate({ ...base, elasticities: [-1.5] });
    const burst = changed(trials, (_, i) => (i % 40 === 0 ? { exposures: 0, enrollments: 200 } : {}));
    const { value, se } = estimateElasticity(burst).global;
    expect(Math.abs(value + 1.5)).toBeLessThan(3 * se);
  });

  test("places bought by the dozen are believed less, and leave the others alone", () => {
    const trials = simulate({ ...base, exposures: 100, tau: 0.3 });
    const cheapest = trials[0]!.jitter.indexOf(Math.min(...trials[0]!.jitter));
    const bulk = changed(trials, (c, i) => (c === 0 && i === cheapest ? { enrollments: 60 } : {}));
    const plain = estimateElasticity(trials);
    const bought = estimateElasticity(bulk);
    expect(Math.abs(bought.categories["k0"]!.value - plain.categories["k0"]!.value)).toBeLessThan(0.15 * plain.categories["k0"]!.se);
    expect(Math.abs(bought.courses!["c0"]!.value - plain.courses!["c0"]!.value)).toBeLessThan(plain.courses!["c0"]!.se);
    expect(bought.courses!["c3"]!.se / plain.courses!["c3"]!.se).toBeLessThan(1.05);
  });

  test("the spread of courses is found where sales allow", () => {
    const tau = (spread: number): number => estimateElasticity(simulate({ ...base, seed: `tau ${spread}`, sigma: 0.2, tau: spread, courses: 400, exposures: 400 })).tau_course;
    for (const spread of [0.15, 0.3, 0.6]) expect(Math.abs(tau(spread) - spread), `${spread}`).toBeLessThan(0.07);
    expect(tau(0)).toBeLessThan(0.2);
  });

  test("what the demand cells still hold counts in the estimate and not in the prior", () => {
    const trials = simulate({ ...base, exposures: 500, tau: 0.3 });
    const held = (share: number): ElasticityReport =>
      estimateElasticity(trials.map((trial) => ({ ...trial, held: { exposures: trial.exposures.map((n) => share * n), enrollments: trial.enrollments.map((n) => share * n) } })));
    const none = held(0);
    const half = held(0.5);
    const all = held(1);
    for (const [id, { value, se, prior }] of Object.entries(estimateElasticity(trials).courses!)) {
      for (const report of [none, half, all]) expect(report.courses![id]).toMatchObject({ value, se });
      expect(prior).toEqual({ value, se });
      expect(none.courses![id]!.prior).toEqual(prior);
      const category = courseElasticity(all, "k" + (Number(id.slice(1)) % 3), "unknown");
      expect(all.courses![id]!.prior.value).toBeCloseTo(category.value, 3);
      expect(all.courses![id]!.prior.se).toBeCloseTo(category.se, 3);
    }
    const meanSe = (report: ElasticityReport): number => Object.values(report.courses!).reduce((sum, { prior }) => sum + prior.se, 0);
    expect(meanSe(half)).toBeGreaterThan(meanSe(none));
    expect(meanSe(half)).toBeLessThan(meanSe(all));
  });

  test("the scale of exposures makes no difference, nor does the order of courses and draws, nor a course that never sold", () => {
    const trials = simulate({ ...base, exposures: 100, tau: 0.3 });
    const report = estimateElasticity(trials);
    expectClose(estimateElasticity(changed(trials, (c, i) => ({ exposures: trials[c]!.exposures[i]! * (3 + c) }))), report, 9);
    const last = (c: number): number => trials[c]!.jitter.length - 1;
    const reversed = changed(trials, (c, i) => ({ jitter: trials[c]!.jitter[last(c) - i]!, exposures: trials[c]!.exposures[last(c) - i]!, enrollments: trials[c]!.enrollments[last(c) - i]! })).toReversed();
    expectClose(estimateElasticity(reversed), report, 9);
    const idle = { ...trials[0]!, course_id: "idle", enrollments: new Float64Array(trials[0]!.enrollments.length) };
    expectClose(estimateElasticity([...trials, idle]), report, 9);
    expect(estimateElasticity(trials)).toEqual(report);
  });

  test("a constant added to a course's jitter makes no difference", () => {
    const trials = simulate({ ...base, exposures: 100, tau: 0.3 });
    const moved = changed(trials, (c, i) => ({ jitter: trials[c]!.jitter[i]! + 0.1 * (c % 7) }));
    expect(moved[1]!.jitter[0]).not.toBe(trials[1]!.jitter[0]);
    expectClose(estimateElasticity(moved), estimateElasticity(trials), 6);
  });

  test("counts in the billions and jitter beyond sense stay finite", () => {
    const huge = estimateElasticity(changed(simulate(base), (_, i) => ({ exposures: 1e12, enrollments: 1e9 * Math.exp(-1.2 * 0.01 * (i % 10)), jitter: 0.01 * (i % 10) })));
    expect(huge.global.value).toBeCloseTo(-1.2, 2);
    expect(huge.courses!["c1"]!.value).toBeCloseTo(-1.2, 2);
    for (const wild of [5, 700, 1e300]) {
      const report = estimateElasticity(changed(simulate(base), (c, i) => (i === c % 40 ? { jitter: c % 2 === 0 ? wild : -wild } : {})));
      for (const { value, se } of [report.global, ...Object.values(report.categories), ...Object.values(report.courses!)]) expect(Number.isFinite(value) && se > 0 && Number.isFinite(se), `${wild}`).toBe(true);
    }
  });

  const count = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 50 }), fc.double({ min: 0, max: 1e9, noNaN: true }));
  const jitter = fc.oneof(fc.constant(0), fc.double({ min: -0.4, max: 0.4, noNaN: true }), fc.double({ min: -50, max: 50, noNaN: true }));
  const anyTrial = fc.record({ course: fc.integer({ min: 0, max: 1e6 }), k: fc.integer({ min: 0, max: 3 }), draws: fc.array(fc.tuple(jitter, count, count), { maxLength: 12 }) });

  test("everything that is legal gives finite values, positive errors and the sales there were", () => {
    fc.assert(
      fc.property(fc.uniqueArray(anyTrial, { maxLength: 8, selector: ({ course }) => course }), (input) => {
        const trials = input.map(({ course, k, draws }): PriceTrial => ({ course_id: `c${course}`, category: `k${k}`, jitter: Float64Array.from(draws, (d) => d[0]), exposures: Float64Array.from(draws, (d) => d[1]), enrollments: Float64Array.from(draws, (d) => d[2]) }));
        const report = estimateElasticity(trials);
        let sales = 0;
        for (const { draws } of input) for (const [, n, q] of draws) sales += n > 0 && q <= n ? q : 0;
        expect(report.global.sales).toBeCloseTo(sales, 3);
        for (const { value, se } of [report.global, ...Object.values(report.categories), ...Object.values(report.courses!), ...Object.values(report.courses!).map(({ prior }) => prior)]) {
          expect(Number.isFinite(value) && Number.isFinite(se) && se > 0).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});

/** Posterior means and standard deviations by brute force on lattices of every unknown, with the exact likelihoods of counts that vary φ times as Poisson's do. */
function bruteForce(trials: readonly PriceTrial[], categories: readonly string[], phi: readonly number[]): { category: [mean: number, sd: number]; course: [mean: number, sd: number] } {
  const es = Array.from({ length: 101 }, (_, i) => -4.5 + 0.06 * i);
  const mus = Array.from({ length: 61 }, (_, i) => -4.5 + 0.1 * i);
  const spreads = (median: number, log_sd: number): number[] => Array.from({ length: 10 }, (_, i) => median * Math.exp(log_sd * (-2.7 + 0.6 * i)));
  const prior = (i: number): number => Math.exp(-0.5 * (-2.7 + 0.6 * i) ** 2);
  const likelihoods = trials.map(({ jitter, exposures, enrollments }, c) =>
    es.map((e) => {
      let weight = 0;
      for (let i = 0; i < jitter.length; i++) weight += exposures[i]! * Math.exp(e * jitter[i]!);
      let log = 0;
      for (let i = 0; i < jitter.length; i++) log += enrollments[i]! * (Math.log(exposures[i]! / weight) + e * jitter[i]!);
      return log / phi[c]!;
    }),
  );
  const tops = likelihoods.map((logs) => Math.max(...logs));
  const normal = (x: number, sd: number): number => Math.exp(-0.5 * (x / sd) ** 2) / sd;
  const sums = { weight: 0, category: 0, category2: 0, course: 0, course2: 0 };
  for (const [t, tau] of spreads(0.35, 0.4).entries()) {
    // Of every category at every mean of it: the likelihood of its courses; of the first course also its moments.
    const first = mus.map(() => [0, 0, 0]);
    const likelihood = categories.map((category) =>
      mus.map((mu, m) => {
        let product = 1;
        for (const [c, trial] of trials.entries()) {
          if (trial.category !== category) continue;
          const moments = [0, 0, 0];
          for (const [i, e] of es.entries()) {
            const density = Math.exp(likelihoods[c]![i]! - tops[c]!) * normal(e - mu, tau);
            for (let power = 0; power < 3; power++) moments[power]! += density * e ** power;
          }
          product *= moments[0]!;
          if (c === 0) first[m] = moments.map((moment) => moment / moments[0]!);
        }
        return product;
      }),
    );
    for (const [k, kappa] of spreads(0.4, 0.5).entries()) {
      for (const mu of mus) {
        const marginal = categories.map((_, j) => mus.reduce((sum, own, m) => sum + likelihood[j]![m]! * normal(own - mu, kappa), 0));
        for (const [m, own] of mus.entries()) {
          const density = prior(t) * prior(k) * likelihood[0]![m]! * normal(own - mu, kappa) * marginal.slice(1).reduce((product, value) => product * value, 1);
          sums.weight += density;
          sums.category += density * own;
          sums.category2 += density * own * own;
          sums.course += density * first[m]![1]!;
          sums.course2 += density * first[m]![2]!;
        }
      }
    }
  }
  const moments = (first: number, second: number): [number, number] => [first / sums.weight, Math.sqrt(second / sums.weight - (first / sums.weight) ** 2)];
  return { category: moments(sums.category, sums.category2), course: moments(sums.course, sums.course2) };
}

test("agrees with the integral over every unknown of the exact likelihood, also where jitter is large", { timeout: 60_000 }, () => {
  for (const sigma of [0.15, 0.4]) {
    const random = new Prng("exact");
    const truths = [-2.2, -1.7, -0.6, -1.1, -1.4, -1.9];
    const trials = truths.map((e, c): PriceTrial => {
      const jitter = Float64Array.from({ length: 20 }, () => sigma * random.normal());
      const exposures = Float64Array.from({ length: 20 }, () => 50 + random.integer(100));
      return { course_id: `c${c}`, category: `k${Math.trunc(c / 2)}`, jitter, exposures, enrollments: exposures.map((n, i) => random.poisson(n * 0.12 * Math.exp(e * jitter[i]!))) };
    });
    const report = estimateElasticity(trials);
    const evidence = trials.map((trial) => {
      const out = noEvidence();
      evidenceAt(usableDraws(trial), report.courses![trial.course_id]!.value, out);
      return out;
    });
    const draws = trials.map(({ jitter }) => jitter.length);
    const noise = new CountNoise(evidence, draws);
    const exact = bruteForce(trials, ["k0", "k1", "k2"], evidence.map((course, c) => noise.of(course, draws[c]!)));
    const { value, se } = report.categories["k0"]!;
    expect(Math.abs(value - exact.category[0]), `category at ${sigma}`).toBeLessThan(0.05 * exact.category[1]);
    expect(se / exact.category[1]).toBeCloseTo(1, 1);
    const course = report.courses!["c0"]!;
    expect(Math.abs(course.value - exact.course[0]), `course at ${sigma}`).toBeLessThan(0.05 * exact.course[1]);
    expect(course.se / exact.course[1]).toBeCloseTo(1, 1);
  }
});
