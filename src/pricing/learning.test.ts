import { expect, test } from "vitest";
import { defaultPolicy } from "../contracts/policy.ts";
import { sigmoid } from "../lib/linear-algebra.ts";
import { Prng } from "../lib/prng.ts";
import { priceCourse } from "./price-course.ts";
import { testInputs, testModel, under } from "./testing.ts";

const COURSES = 30;
const DAYS = 60;
const VISITS_A_DAY = 25;
const START = 1000;
const CELL_LOG_WIDTH = 0.05;

interface Course {
  readonly level: number;
  readonly slope: number;
  readonly category_slope: number;
}

function expectedRevenue({ level, slope }: Course, price: number): number {
  return price * sigmoid(level - slope * Math.log(price / START));
}

/** The best price within ×/÷ 2 of the start, under the true curve. */
function oracle(course: Course): number {
  let best = 0;
  for (let price = START / 2; price <= START * 2; price++) best = Math.max(best, expectedRevenue(course, price));
  return best;
}

/** Expected revenue under the true curve of `days` of greedy pricing; the fold is stood in for by plain cells. */
function earn(course: Course, random: Prng): number {
  // The model knows the population and the category's slope, not the course.
  const conversion = sigmoid(-1.5);
  const model = testModel({ conversion, reference_price: START, slope: course.category_slope, elasticity: -course.category_slope * (1 - conversion), se: 0.35 * (1 - conversion), level_sd: 0.6 });
  const cells = new Map<number, [x: number, n: number, q: number]>();
  const policy = { ...defaultPolicy, floor_tokens: START / 2, ceiling_tokens: START * 2 };
  let price = START;
  let total = 0;
  for (let day = 0; day < DAYS; day++) {
    total += expectedRevenue(course, price);
    const x = Math.log(price / START);
    const enrollments = random.binomial(VISITS_A_DAY, sigmoid(course.level - course.slope * x));
    const key = Math.round(x / CELL_LOG_WIDTH);
    const cell = cells.get(key) ?? [0, 0, 0];
    cells.set(key, [(cell[0] * cell[1] + x * VISITS_A_DAY) / (cell[1] + VISITS_A_DAY), cell[1] + VISITS_A_DAY, cell[2] + enrollments]);
    const inputs = testInputs({ current_price: price, cells: [...cells.values()].flat(), features: { reference_price_tokens: START, category_conversion_90d: conversion } });
    price = priceCourse(under(policy, inputs), model, policy).optimal_price;
  }
  return total;
}

test("greedy pricing on the posterior earns more of the oracle's revenue than the static price, and most of it", () => {
  const random = new Prng("pricing scenario");
  const categories = Array.from({ length: 8 }, () => 1.2 + 1.8 * random.uniform());
  let engine = 0;
  let fixed = 0;
  let best = 0;
  for (let c = 0; c < COURSES; c++) {
    const category_slope = categories[c % 8]!;
    const course: Course = { level: -1.5 + 0.6 * random.normal(), slope: Math.max(0.4, category_slope + 0.35 * random.normal()), category_slope };
    engine += earn(course, random);
    fixed += DAYS * expectedRevenue(course, START);
    best += DAYS * oracle(course);
  }
  expect(fixed / best).toBeLessThan(0.9);
  expect(engine / best).toBeGreaterThan(fixed / best + 0.05);
  expect(engine / best).toBeGreaterThan(0.9);
});
