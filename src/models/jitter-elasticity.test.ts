import { describe, expect, test } from "vitest";
import { Prng } from "../lib/prng.ts";
import type { JitterRow } from "./conditional-poisson.ts";
import { estimateElasticity } from "./jitter-elasticity.ts";

interface Scenario {
  readonly seed: string;
  readonly elasticities: readonly number[];
  readonly courses: number;
  readonly weeks: number;
  readonly sigma: number;
  readonly tau: number;
  readonly exposures: number;
}

/** Weekly counts whose price setter chases a hidden shock; only the jitter is random. */
function simulate({ seed, elasticities, courses, weeks, sigma, tau, exposures }: Scenario): JitterRow[] {
  const random = new Prng(seed);
  const rows: JitterRow[] = [];
  for (let course = 0; course < courses; course++) {
    const k = course % elasticities.length;
    const e = elasticities[k]! + tau * random.normal();
    const level = -2.5 + 0.5 * random.normal();
    let shock = 0;
    for (let week = 0; week < weeks; week++) {
      shock = 0.9 * shock + 0.15 * random.normal();
      const jitter = sigma * random.normal();
      const n = 1 + random.poisson(exposures);
      const price = 0.5 * shock + jitter;
      const mean = n * Math.exp(level + shock + e * price);
      rows.push({ course_id: `c${course}`, category: `k${k}`, jitter, exposures: n, enrollments: Math.min(n, random.poisson(mean * random.gamma(5, 0.2))) });
    }
  }
  return rows;
}

function changed(rows: readonly JitterRow[], change: (index: number) => Partial<JitterRow>): JitterRow[] {
  return Array.from(rows, (row, i) => ({ ...row, ...change(i) }));
}

const base: Scenario = { seed: "base", elasticities: [-2, -1.5, -1], courses: 150, weeks: 40, sigma: 0.1, tau: 0, exposures: 20 };

describe("causal elasticity from jitter", () => {
  test("reports every category under its own name, whatever that is", () => {
    const rows = changed(simulate(base), (i) => ({ category: i % 2 === 0 ? "__proto__" : "art" }));
    expect(Object.keys(estimateElasticity(rows).categories).sort()).toEqual(["__proto__", "art"]);
  });

  test("its 95 % intervals cover the truth, of categories and of the mean, about as often as they say", () => {
    let covered = 0;
    let intervals = 0;
    let global = 0;
    const seeds = 40;
    for (let i = 0; i < seeds; i++) {
      const random = new Prng(`categories ${i}`);
      const elasticities = Array.from({ length: 6 }, () => -1.5 + 0.4 * random.normal());
      const report = estimateElasticity(simulate({ ...base, seed: `cover ${i}`, elasticities, tau: 0.3 }));
      for (const [k, truth] of elasticities.entries()) {
        const { value, se } = report.categories[`k${k}`]!;
        intervals++;
        if (Math.abs(value - truth) <= 1.96 * se) covered++;
      }
      if (Math.abs(report.global.value + 1.5) <= 1.96 * report.global.se) global++;
    }
    expect(covered / intervals).toBeGreaterThan(0.91);
    expect(covered / intervals).toBeLessThan(0.995);
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
    const rows = simulate(base);
    const cases: Record<string, JitterRow[]> = {
      nothing: [],
      "no jitter": changed(rows, () => ({ jitter: 0 })),
      "the same jitter for ever": changed(rows, () => ({ jitter: 0.2 })),
      "jitter between courses only": changed(rows, (i) => ({ jitter: Number(rows[i]!.course_id.slice(1)) / 100 })),
      "tiny jitter": simulate({ ...base, sigma: 0.002 }),
      "a handful of sales": simulate({ ...base, courses: 3, weeks: 6 }),
      "no exposures": changed(rows, () => ({ exposures: 0 })),
      "one sale": changed(rows, (i) => ({ enrollments: i === 7 ? 1 : 0 })),
    };
    for (const [name, these] of Object.entries(cases)) {
      const report = estimateElasticity(these);
      expect(report.global, name).toMatchObject({ value: -1.5, se: 0.6, identified: false, source: "prior" });
      for (const estimate of Object.values(report.categories)) expect(estimate, name).toMatchObject({ identified: false, source: "prior" });
    }
  });

  test("enrollments whose exposures are missing do not hide the effect", () => {
    const rows = simulate({ ...base, elasticities: [-1.5] });
    const burst = changed(rows, (i) => (i % 50 === 0 ? { exposures: 0, enrollments: 200 } : {}));
    const { value, se } = estimateElasticity(burst).global;
    expect(Math.abs(value + 1.5)).toBeLessThan(3 * se);
  });

  test("the spread of courses is found where sales allow, and stays inside its bounds", () => {
    const tau = (spread: number, exposures: number): number => estimateElasticity(simulate({ ...base, seed: `tau ${spread}`, sigma: 0.2, tau: spread, courses: 400, exposures })).tau_course;
    expect(tau(0.5, 200)).toBeGreaterThan(0.4);
    expect(tau(0.5, 200)).toBeLessThanOrEqual(0.6);
    expect(tau(0, 200)).toBeLessThan(0.25);
    expect(tau(0, 200)).toBeGreaterThanOrEqual(0.15);
  });

  test("a category without a usable row takes the mean, more widely", () => {
    const rows: JitterRow[] = [...simulate(base), { course_id: "lonely", category: "new", jitter: 0.1, exposures: 10, enrollments: 2 }];
    const { categories, global, tau_category } = estimateElasticity(rows);
    expect(categories["new"]).toMatchObject({ value: global.value, source: "global", identified: true, sales: 2 });
    expect(categories["new"]!.se).toBeCloseTo(Math.hypot(global.se, tau_category), 12);
  });
});
