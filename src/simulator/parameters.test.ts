import { describe, expect, test } from "vitest";
import { platformConfig } from "./config.ts";
import { jitterOf, listPrice, systematicPrice } from "./list-price.ts";
import { normalBetween, normalCdf } from "./normal.ts";
import { smallPlatform } from "./test-platform.ts";
import { drawWorld } from "./world.ts";

const world = drawWorld(platformConfig({ learners: 5_000, courses: 300, end_ms: Date.UTC(2026, 0, 1) }));

function variance(values: ArrayLike<number>): number {
  const n = values.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += values[i]! / n;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += (values[i]! - mean) ** 2 / n;
  return sum;
}

describe("learners", () => {
  test("differ in how often they look by a log standard deviation of at least 1.4", () => {
    expect(Math.sqrt(variance(world.learners.rate.map(Math.log)))).toBeGreaterThan(1.4);
  });

  test("show at least half of their price response in attributes that the engine sees", () => {
    const { log_sensitivity, log_sensitivity_seen, device, goal, employer_paid } = world.learners;
    expect(variance(log_sensitivity_seen) / variance(log_sensitivity)).toBeGreaterThan(0.5);
    const byAttributes = new Map<string, number>();
    for (let i = 0; i < world.learners.count; i++) {
      const key = `${device[i]} ${goal[i]} ${employer_paid[i]}`;
      expect(log_sensitivity_seen[i]).toBe(byAttributes.get(key) ?? log_sensitivity_seen[i]);
      byAttributes.set(key, log_sensitivity_seen[i]!);
    }
    expect(byAttributes.size).toBe(18);
  });

  test("do not differ in price response by country", () => {
    const means = new Float64Array(8);
    const counts = new Float64Array(8);
    world.learners.log_sensitivity.forEach((value, i) => {
      means[world.learners.country[i]!]! += value;
      counts[world.learners.country[i]!]!++;
    });
    const standard_error = Math.sqrt(variance(world.learners.log_sensitivity) / (5_000 / 8));
    means.forEach((sum, country) => expect(Math.abs(sum / counts[country]!)).toBeLessThan(4 * standard_error));
  });
});

describe("courses", () => {
  test("cover every category with one that is older than the history", () => {
    const old = new Set<number>();
    for (let c = 0; c < world.courses.count; c++) if (world.courses.launched_ms[c]! < world.start_ms) old.add(world.courses.category[c]!);
    expect(old.size).toBe(world.categories.count);
    expect(world.courses.launched_ms[1]).toBeLessThan(world.start_ms);
    const launched = world.courses.launched_ms.filter((ms) => ms > world.start_ms);
    expect(launched.length / world.courses.count).toBeGreaterThan(0.2);
  });

  test("have quality that raises both price and demand", () => {
    const { level, base_price_tokens, count } = world.courses;
    let covariance = 0;
    for (let c = 0; c < count; c++) covariance += (level[c]! * Math.log(base_price_tokens[c]! / 100)) / count;
    expect(covariance).toBeGreaterThan(0.05);
  });
});

describe("list prices", () => {
  test("have probabilities that sum to one over all integers, at large and tiny prices", () => {
    for (const course of [0, 1, 2, 100]) {
      let sum = 0;
      for (let price = 1; price < 2_000; price++) sum += jitterOf(world, course, 10, price)?.probability ?? Number.NaN;
      expect(sum).toBeCloseTo(1, 12);
    }
    const cheap = drawWorld(smallPlatform({ jitter_sigma: 0.9 }));
    cheap.courses.base_price_tokens.fill(1);
    let sum = 0;
    for (let price = 1; price < 5_000; price++) sum += jitterOf(cheap, 0, 3, price)?.probability ?? Number.NaN;
    expect(sum).toBeCloseTo(1, 12);
  });

  test("follow the log-normal law: the probability integral of the jitter is uniform", () => {
    let below = 0;
    let n = 0;
    for (let course = 0; course < 300; course++) {
      for (let week = 0; week < 10; week++, n++) if (listPrice(world, course, week) < systematicPrice(world, course, week) * Math.exp(0.1)) below++;
    }
    // Φ(1) = 0.8413; four standard errors at n = 3000, and rounding.
    expect(Math.abs(below / n - 0.8413)).toBeLessThan(0.03);
  });

  test("are the same when asked again, and different between weeks, courses and seeds", () => {
    expect(listPrice(world, 5, 7)).toBe(listPrice(world, 5, 7));
    const distinct = new Set(Array.from({ length: 30 }, (_, week) => listPrice(world, 5, week)));
    expect(distinct.size).toBeGreaterThan(10);
  });
});

describe("the normal distribution function", () => {
  test("has its known values", () => {
    expect(normalCdf(0)).toBe(0.5);
    expect(normalCdf(1.959963984540054)).toBeCloseTo(0.975, 14);
    expect(normalCdf(-3)).toBeCloseTo(0.0013498980316300933, 15);
    expect(normalCdf(-40)).toBe(0);
    expect(normalCdf(Number.POSITIVE_INFINITY)).toBe(1);
  });

  test("gives tail intervals from the nearer tail", () => {
    expect(normalBetween(3, 4) / normalBetween(-4, -3)).toBeCloseTo(1, 12);
    expect(normalBetween(Number.NEGATIVE_INFINITY, 0)).toBe(0.5);
  });
});

test("a config out of range is refused by name", () => {
  expect(() => platformConfig({ end_ms: 1, learners: 0 })).toThrow(/learners/);
  expect(() => platformConfig({ end_ms: 1, chase: -1 })).toThrow(/chase/);
});
