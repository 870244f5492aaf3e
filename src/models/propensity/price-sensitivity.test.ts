import { describe, expect, test } from "vitest";
import { Prng } from "../../lib/prng.ts";
import { logistic } from "./hazard.ts";
import { estimateSensitivity, type Sensitivity, type SensitivityRows } from "./price-sensitivity.ts";

const COLUMNS = 6;

interface World {
  readonly data: SensitivityRows;
  /** True effects by row. */
  readonly effects: Float64Array;
}

interface WorldOptions {
  readonly seed: string;
  readonly views?: number;
  readonly sigma?: number;
  /** Share of views whose price is near the learner's balance: above it, which depends on its random part, they never convert. */
  readonly poor?: number;
  effect(x: Float64Array): number;
}

/** Learners whose level depends strongly on the inputs, and the price response as given. */
function world({ seed, views = 120_000, sigma = 0.15, poor = 0, effect }: WorldOptions): World {
  const random = new Prng(seed);
  const learners = 2_000;
  const inputs = Float64Array.from({ length: learners * COLUMNS }, () => random.normal());
  const effects = Float64Array.from({ length: learners }, (_, i) => effect(inputs.subarray(i * COLUMNS, (i + 1) * COLUMNS)));
  const row = Int32Array.from({ length: views }, () => random.integer(learners));
  const course = Float64Array.from({ length: views }, () => 0.7 * random.normal());
  const jitter = Float64Array.from({ length: views }, () => sigma * random.normal());
  const affordable = Uint8Array.from({ length: views }, (_, v) => (random.uniform() < poor && jitter[v]! > 2 * sigma * random.normal() ? 0 : 1));
  const enrolled = Uint8Array.from({ length: views }, (_, v) => {
    const level = -2 + course[v]! + 0.8 * inputs[row[v]! * COLUMNS]! - 0.5 * inputs[row[v]! * COLUMNS + 1]!;
    return affordable[v] === 1 && random.uniform() < logistic(level + effects[row[v]!]! * jitter[v]!) ? 1 : 0;
  });
  const expected = course.map((own) => logistic(-2 + own));
  return { data: { inputs, columns: COLUMNS, group: Int32Array.of(0, 0, 0, 1, 1, 1), learner: Int32Array.from({ length: learners }, (_, i) => i), row, jitter, enrolled, affordable, expected }, effects };
}

function effectOf({ intercept, coefficients, mean, scale }: Sensitivity, x: Float64Array): number {
  return coefficients.reduce((sum, own, i) => sum + (own * (x[i]! - mean[i]!)) / scale[i]!, intercept);
}

function correlation(a: Float64Array, b: Float64Array): number {
  const centre = (values: Float64Array): Float64Array => values.map((own) => own - values.reduce((sum, value) => sum + value, 0) / values.length);
  const [x, y] = [centre(a), centre(b)];
  const dot = (u: Float64Array, v: Float64Array): number => u.reduce((sum, own, i) => sum + own * v[i]!, 0);
  return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
}

/** A platform with many inputs that say nothing, and one, in a group of its own, that decides. */
function manyInputs(seed: string, difference = 0.6): World & { readonly group: Int32Array } {
  const random = new Prng(`many ${seed}`);
  const { data, effects } = world({ seed, views: 16_000, sigma: 0.3, effect: (x) => -1.5 + difference * x[2]! });
  const columns = 30;
  const learners = effects.length;
  const inputs = Float64Array.from({ length: learners * columns }, (_, at) => (at % columns === 0 ? data.inputs[Math.floor(at / columns) * COLUMNS + 2]! : random.normal()));
  const group = Int32Array.from({ length: columns }, (_, i) => (i < 2 ? 0 : 1));
  return { data: { ...data, inputs, columns, group }, effects, group };
}

const differing = (x: Float64Array): number => -1.8 + 0.9 * x[2]! - 0.5 * x[0]!;

describe("price sensitivity", () => {
  test("effects that differ between learners are found, with errors that cover them", () => {
    const { data, effects } = world({ seed: "differing", effect: differing });
    const found = estimateSensitivity(data, 1);
    expect(found.identified).toBe(true);
    const estimated = effects.map((_, i) => effectOf(found, data.inputs.subarray(i * COLUMNS, (i + 1) * COLUMNS)));
    expect(correlation(estimated, effects)).toBeGreaterThan(0.9);
    const width = COLUMNS + 1;
    const se = (i: number): number => Math.sqrt(found.covariance[i * width + i]!);
    expect(Math.abs(found.intercept + 1.8)).toBeLessThan(3 * se(0));
    expect(se(0)).toBeLessThan(0.12);
    const truth = [-0.5, 0, 0.9, 0, 0, 0];
    for (const [i, own] of truth.entries()) expect(Math.abs(found.coefficients[i]! / found.scale[i]! - own)).toBeLessThan(4 * se(i + 1) + 0.05);
    for (let i = 1; i < found.quantiles.length; i++) expect(found.quantiles[i]).toBeGreaterThanOrEqual(found.quantiles[i - 1]!);
    expect(estimateSensitivity(data, 1)).toEqual(found);
  });

  test("inputs that say nothing do not drown a group that says much", () => {
    const { data, effects, group } = manyInputs("groups");
    const ranked = (grouped: Int32Array): number => {
      const found = estimateSensitivity({ ...data, group: grouped }, 1);
      return correlation(effects.map((_, i) => effectOf(found, data.inputs.subarray(i * data.columns, (i + 1) * data.columns))), effects);
    };
    const apart = ranked(group);
    expect(apart).toBeGreaterThan(0.9);
    expect(apart).toBeGreaterThan(ranked(group.map(() => 0)) + 0.03);
  });

  test("a difference that views barely show is believed in part: neither all of it nor none", () => {
    const difference = 0.3;
    const seeds = ["a", "b", "c", "d", "e", "f"];
    const found = seeds.map((seed) => {
      const { data, effects } = manyInputs(`faint ${seed}`, difference);
      const { coefficients, scale, mean, intercept } = estimateSensitivity(data, 1);
      const estimated = effects.map((_, i) => effectOf({ coefficients, scale, mean, intercept } as Sensitivity, data.inputs.subarray(i * data.columns, (i + 1) * data.columns)));
      return { slope: coefficients[0]! / scale[0]!, correlation: correlation(estimated, effects) };
    });
    const average = (of: (one: (typeof found)[number]) => number): number => found.reduce((sum, one) => sum + of(one) / seeds.length, 0);
    for (const { slope } of found) expect(slope).not.toBe(0);
    expect(average(({ slope }) => slope)).toBeGreaterThan(0.2 * difference);
    expect(average(({ slope }) => slope)).toBeLessThan(1.1 * difference);
    expect(average((one) => one.correlation)).toBeGreaterThan(0.6);
  });

  test("where all answer price alike, hardly any difference is claimed", () => {
    const { data } = world({ seed: "alike", effect: () => -1.5 });
    const found = estimateSensitivity(data, 1);
    expect(found.quantiles.at(-2)! - found.quantiles[1]!).toBeLessThan(0.5);
    expect(Math.abs(found.intercept + 1.5)).toBeLessThan(3 * Math.sqrt(found.covariance[0]!));
  });

  test("what nobody could pay for is no refusal", () => {
    const { data } = world({ seed: "poor", poor: 0.5, views: 200_000, effect: () => -1.5 });
    const found = estimateSensitivity(data, 1);
    expect(Math.abs(found.intercept + 1.5)).toBeLessThan(3 * Math.sqrt(found.covariance[0]!));
    expect(found.candidates[0]!.metrics["censored"]).toBeGreaterThan(20_000);
    // Taken for one it would make everybody seem more sensitive than they are.
    const taken = estimateSensitivity({ ...data, affordable: data.affordable.map(() => 1) }, 1);
    expect(taken.intercept).toBeLessThan(-1.5 - 4 * Math.sqrt(taken.covariance[0]!));
  });

  test("without random prices, without views or without sales it is not identified", () => {
    const still = world({ seed: "still", sigma: 0, views: 5_000, effect: () => -1.5 }).data;
    const few = world({ seed: "few", views: 120, effect: () => -1.5 }).data;
    const none = { ...still, row: new Int32Array(0), jitter: new Float64Array(0), enrolled: new Uint8Array(0), affordable: new Uint8Array(0), expected: new Float64Array(0) };
    for (const data of [still, few, none, { ...few, enrolled: few.enrolled.map(() => 0) }]) {
      const found = estimateSensitivity(data, 1);
      expect(found.identified).toBe(false);
      expect(found.candidates[0]!.barred).toContain("not identified");
      expect(found.covariance).toHaveLength((COLUMNS + 1) ** 2);
    }
  });
});
