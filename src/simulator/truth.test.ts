import { describe, expect, test } from "vitest";
import { must } from "../lib/assert.ts";
import { sigmoid } from "../lib/linear-algebra.ts";
import { DAY_MS, parseTime } from "../lib/time.ts";
import { courseLogSensitivity, courseUtility, learnerUtility } from "./demand.ts";
import { generateHistory } from "./history.ts";
import { systematicPrice } from "./list-price.ts";
import { PlatformState } from "./platform-state.ts";
import { smallPlatform } from "./test-platform.ts";
import { oraclePrice, trueCategoryElasticities, trueConversion, trueElasticity } from "./truth.ts";
import { createWorld, drawWorld, type World } from "./world.ts";

/** One learner with this balance, without a history. */
function loneLearner(balance: number): World {
  const parameters = drawWorld(smallPlatform({ learners: 1 }));
  const end = new PlatformState(parameters);
  end.balance_at_view.fill(balance);
  return { ...parameters, calibration: { level: -1, sessions_per_rate_day: 1 }, end, totals: { events: 0, exposures: 0, enrollments: 0 } };
}

/**
 * Elasticity from exposures: Poisson with a level per group and log price deviations z as the only column, by Newton.
 * With z the logged jitter this is a randomised experiment; with z the log price it is what confounding spoils.
 */
function poissonElasticity(rows: readonly { readonly group: string; readonly z: number; readonly bought: boolean }[]): number {
  const byGroup = new Map<string, { z: number; bought: boolean }[]>();
  for (const row of rows) {
    const group = byGroup.get(row.group);
    if (group === undefined) byGroup.set(row.group, [row]);
    else group.push(row);
  }
  const groups = [...byGroup.values()];
  let e = 0;
  for (let step = 0; step < 20; step++) {
    let gradient = 0;
    let information = 0;
    for (const group of groups) {
      let weight = 0;
      let mean = 0;
      let square = 0;
      let bought = 0;
      let bought_z = 0;
      for (const { z, bought: is } of group) {
        const rate = Math.exp(e * z);
        weight += rate;
        mean += rate * z;
        square += rate * z * z;
        if (!is) continue;
        bought++;
        bought_z += z;
      }
      gradient += bought_z - (bought * mean) / weight;
      information += bought * (square / weight - (mean / weight) ** 2);
    }
    e += gradient / information;
  }
  return e;
}

interface ExposureRow {
  readonly course: string;
  readonly month: string;
  readonly jitter: number;
  readonly log_price: number;
  bought: boolean;
}

/** The exposures at jittered prices, and the sales-weighted true elasticity over a part of them. */
function exposures(world: World): { rows: ExposureRow[]; truth: number } {
  const prices = new Map<string, { base: number; jitter: number; log_price: number }>();
  const rows: ExposureRow[] = [];
  let sales = 0;
  let weighted = 0;
  for (const event of generateHistory(world)) {
    if (event.type === "course.repriced" && event.jitter !== undefined) {
      const { base } = event.jitter;
      prices.set(event.course_id, { base, jitter: Math.log(event.price / base), log_price: Math.log(event.price) });
    }
    if (event.type === "enrollment.created" && prices.has(event.course_id)) must(rows[rows.length - 1], "a view before").bought = true;
    const price = event.type === "exposure.viewed" ? prices.get(event.course_id) : undefined;
    if (event.type !== "exposure.viewed" || price === undefined) continue;
    rows.push({ course: event.course_id, month: event.time.slice(0, 7), jitter: price.jitter, log_price: price.log_price, bought: false });
    if (rows.length % 100 > 0) continue;
    const course = Number(event.course_id.slice(1));
    const conversion = trueConversion(world, course, price.base, parseTime(event.time));
    sales += conversion;
    weighted += conversion * trueElasticity(world, course, price.base, parseTime(event.time));
  }
  return { rows, truth: weighted / sales };
}

describe("true elasticity", () => {
  test("of one learner with a full purse is the logit's −b(1 − s)", () => {
    const world = loneLearner(1_000_000);
    const at_ms = world.config.end_ms - DAY_MS;
    for (let course = 0; course < 16; course++) {
      for (const factor of [0.5, 1, 1.7]) {
        const price = world.courses.base_price_tokens[course]! * factor;
        const b = Math.exp(courseLogSensitivity(world, course, at_ms) + world.learners.log_sensitivity[0]!);
        const utility = -1 + courseUtility(world, course, at_ms) + learnerUtility(world, 0, course);
        const s = sigmoid(utility - b * Math.log(factor));
        expect(trueConversion(world, course, price, at_ms)).toBeCloseTo(s, 12);
        expect(trueElasticity(world, course, price, at_ms)).toBeCloseTo(-b * (1 - s), 3);
      }
    }
  });

  test("of one learner with an empty purse is stronger by price over purse", () => {
    const full = loneLearner(1_000_000);
    const empty = loneLearner(0);
    const price = 90;
    const difference = trueElasticity(empty, 3, price, full.config.end_ms) - trueElasticity(full, 3, price, full.config.end_ms);
    expect(difference).toBeCloseTo(-price / full.learners.purse_tokens[0]!, 3);
  });

  test("lies in the plausible range in every category", () => {
    const world = createWorld(smallPlatform({ learners: 2_000, courses: 200 }));
    for (const at_ms of [world.start_ms + 30 * DAY_MS, world.config.end_ms]) {
      for (const { mean, sales_weighted, sd } of trueCategoryElasticities(world, at_ms)) {
        expect(mean).toBeLessThan(-0.6);
        expect(mean).toBeGreaterThan(-2.6);
        expect(Math.abs(sales_weighted - mean)).toBeLessThan(0.3);
        expect(sd).toBeLessThan(0.6);
      }
    }
  });

  test("is what the logged jitter identifies, and what list prices do not once the setter chases demand", () => {
    const world = createWorld(smallPlatform({ learners: 4_000, courses: 300, enrollments: 10_000, conversion: 0.15, jitter_sigma: 0.2, chase: 1, drift: 0, late_share: 0, weeks: 52 }));
    const { rows, truth } = exposures(world);
    const byJitter = poissonElasticity(rows.map((row) => ({ group: `${row.course} ${row.month}`, z: row.jitter, bought: row.bought })));
    const byListPrice = poissonElasticity(rows.map((row) => ({ group: row.course, z: row.log_price, bought: row.bought })));
    // Standard error 0.06 of the count noise, about 0.08 with the shocks.
    expect(Math.abs(byJitter - truth)).toBeLessThan(0.25);
    expect(byListPrice).toBeGreaterThan(truth + 0.3);
  });
});

describe("the oracle's price", () => {
  const world = createWorld(smallPlatform());
  const at_ms = world.config.end_ms;

  test("is the best of all integers in its range", () => {
    for (const course of [1, 10, 50, 90]) {
      const reference = world.courses.base_price_tokens[course]!;
      const oracle = oraclePrice(world, course, at_ms);
      let best = 0;
      for (let price = Math.ceil(reference / 2); price <= reference * 2; price++) best = Math.max(best, price * trueConversion(world, course, price, at_ms));
      expect(oracle.revenue_per_exposure).toBeCloseTo(best, 10);
      expect(oracle.price).toBeGreaterThanOrEqual(reference / 2);
      expect(oracle.price).toBeLessThanOrEqual(reference * 2);
    }
  });

  test("stays within given bounds, however narrow", () => {
    expect(oraclePrice(world, 1, at_ms, { low: 70, high: 70 }).price).toBe(70);
  });
});

describe("null modes", () => {
  test("zero elasticity: demand ignores price, the purse too", () => {
    const world = createWorld(smallPlatform({ elasticity_scale: 0 }));
    for (const course of [1, 30]) {
      expect(trueElasticity(world, course, 100, world.config.end_ms)).toBeCloseTo(0, 10);
      expect(trueConversion(world, course, 10_000, world.config.end_ms)).toBeCloseTo(trueConversion(world, course, 1, world.config.end_ms), 12);
    }
  });

  test("no jitter: no repricing carries one, and the price is its systematic part", () => {
    const world = createWorld(smallPlatform({ jitter_sigma: 0 }));
    let seen = 0;
    for (const event of generateHistory(world)) {
      if (event.type !== "course.repriced") continue;
      expect(event.jitter).toBeUndefined();
      seen++;
    }
    expect(seen).toBeGreaterThan(1_000);
  });

  test("no chase: the price before jitter never moves", () => {
    const world = drawWorld(smallPlatform({ chase: 0 }));
    for (let week = 0; week < 26; week++) expect(systematicPrice(world, 5, week)).toBe(world.courses.base_price_tokens[5]);
  });

  test.each(["probit", "linear"] as const)("a %s curve is calibrated too and falls with price", (curve) => {
    const world = createWorld(smallPlatform({ curve }));
    expect(Math.abs(world.totals.enrollments / world.config.enrollments - 1)).toBeLessThan(0.03);
    let before = 1;
    for (const price of [20, 50, 100, 200, 400]) {
      const conversion = trueConversion(world, 1, price, world.config.end_ms);
      expect(conversion).toBeGreaterThanOrEqual(0);
      expect(conversion).toBeLessThan(before);
      before = conversion;
    }
  });

  test("drift: the break moves taste and price response, and 0 turns it off", () => {
    const broken = drawWorld(smallPlatform());
    const steady = drawWorld(smallPlatform({ drift: 0 }));
    const after_ms = broken.break_ms + 1;
    expect(courseLogSensitivity(broken, 0, after_ms)).not.toBe(courseLogSensitivity(broken, 0, broken.break_ms - 1));
    expect(courseLogSensitivity(steady, 0, after_ms)).toBe(courseLogSensitivity(steady, 0, steady.break_ms - 1));
  });
});
