import { describe, expect, test } from "vitest";
import { Prng } from "../lib/prng.ts";
import { levelSd, overDispersion, type CourseCounts } from "./course-effects.ts";

/** Courses with log-normal levels around their offsets, and gamma noise of a variance in each period. */
function simulate(seed: string, level: number, noise: number, mean = 2, category = "k"): CourseCounts[] {
  const random = new Prng(seed);
  return Array.from({ length: 600 }, () => {
    const factor = Math.exp(level * random.normal());
    const offsets = Float64Array.from({ length: 8 }, () => mean * (0.5 + random.uniform()));
    const counts = Float64Array.from(offsets, (offset) => random.poisson(offset * factor * (noise > 0 ? random.gamma(1 / noise, noise) : 1)));
    return { category, counts, offsets };
  });
}

describe("scatter of courses around predictions", () => {
  test("Poisson counts are not over-dispersed, whatever the courses' levels; noisy ones are", () => {
    expect(overDispersion(simulate("poisson", 0.8, 0)).get("k")).toBeLessThan(1.06);
    // A gamma of variance 0.5 makes the variance mean + mean²/2: φ = 1 + 2/2, a little more for varying offsets.
    const noisy = overDispersion(simulate("gamma", 0, 0.5)).get("k")!;
    expect(noisy).toBeGreaterThan(1.8);
    expect(noisy).toBeLessThan(2.4);
  });

  test("a category with few periods takes the pooled value, and every value is at least 1", () => {
    const few: CourseCounts = { category: "few", counts: Float64Array.of(9, 0), offsets: Float64Array.of(1, 1) };
    const dispersion = overDispersion([...simulate("pool", 0, 0.5), few]);
    expect(dispersion.get("few")).toBe(dispersion.get(""));
    expect(overDispersion([{ ...few, counts: Float64Array.of(4, 4) }]).get("")).toBe(1);
    expect(overDispersion([]).get("")).toBe(1);
  });

  test("finds the spread of levels, with over-dispersion or without, and keeps it inside its bounds", () => {
    for (const [level, noise] of [[0.3, 0], [0.6, 0], [0.5, 0.5]] as const) {
      const courses = simulate(`level ${level} ${noise}`, level, noise);
      const sd = levelSd(courses, overDispersion(courses), 0);
      expect(Math.abs(sd - level)).toBeLessThan(0.12);
      expect(levelSd(courses, overDispersion(courses), 0.2)).toBeCloseTo(sd / 0.8, 9);
    }
    const alike = simulate("alike", 0, 0);
    expect(levelSd(alike, overDispersion(alike), 0)).toBe(0.1);
    expect(levelSd([], new Map(), 0)).toBe(1.5);
  });

  test("a forecast that is off for everybody is no spread", () => {
    const courses = simulate("scale", 0.4, 0);
    const doubled = courses.map(({ category, counts, offsets }) => ({ category, counts, offsets: offsets.map((offset) => 2 * offset) }));
    expect(levelSd(doubled, new Map([["", 1]]), 0)).toBeCloseTo(levelSd(courses, new Map([["", 1]]), 0), 9);
  });
});
