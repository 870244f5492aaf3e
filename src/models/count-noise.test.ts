import { describe, expect, test } from "vitest";
import { Prng } from "../lib/prng.ts";
import { type DrawEvidence, evidenceAt, noEvidence, usableDraws } from "./conditional-poisson.ts";
import { CountNoise } from "./count-noise.ts";

const E = -1.5;

interface Drawn {
  readonly evidence: DrawEvidence[];
  readonly observations: number[];
}

/** Courses of four sizes, seen at their true elasticity: counts of variance μ + αμ², or binomial ones of a conversion. */
function draw(seed: string, { alpha = 0, conversion = 0, courses = 2000, draws = 60 }: { readonly alpha?: number; readonly conversion?: number; readonly courses?: number; readonly draws?: number }): Drawn {
  const random = new Prng(seed);
  const observations: number[] = [];
  const evidence = Array.from({ length: courses }, (_, c) => {
    const jitter = Float64Array.from({ length: draws }, () => 0.1 * random.normal());
    const mean = 0.2 * 3 ** (c % 4);
    const views = conversion > 0 ? Math.ceil(mean / conversion) : 1e6;
    const enrollments = jitter.map((v) => {
      const shock = alpha > 0 ? random.gamma(1 / alpha, alpha) : 1;
      return conversion > 0 ? random.binomial(views, Math.min(1, conversion * Math.exp(E * v) * shock)) : random.poisson(mean * Math.exp(E * v) * shock);
    });
    const usable = usableDraws({ course_id: "c", category: "k", jitter, exposures: new Float64Array(draws).fill(views), enrollments });
    const out = noEvidence();
    evidenceAt(usable, E, out);
    observations.push(Math.min(usable.total, draws));
    return out;
  });
  return { evidence, observations };
}

describe("noise of counts", () => {
  test.each([
    ["Poisson", {}, { omega: 1, alpha: 0 }],
    ["shocks", { alpha: 0.2 }, { omega: 1, alpha: 0.2 }],
    ["large shocks", { alpha: 1 }, { omega: 1, alpha: 1 }],
    ["binomial", { conversion: 0.2 }, { omega: 0.8, alpha: 0 }],
    ["both", { conversion: 0.1, alpha: 0.15 }, { omega: 0.88, alpha: 0.15 }],
  ] as const)("%s: found, and scores scatter as φ says, by size of course", (name, counts, truth) => {
    const { evidence, observations } = draw(name, counts);
    const noise = new CountNoise(evidence, observations);
    expect(Math.abs(noise.omega - truth.omega)).toBeLessThan(0.04);
    expect(Math.abs(noise.alpha - truth.alpha)).toBeLessThan(0.03 + 0.1 * truth.alpha);
    for (let size = 0; size < 4; size++) {
      let square = 0;
      let expected = 0;
      for (let c = size; c < evidence.length; c += 4) {
        square += evidence[c]!.score ** 2;
        expected += evidence[c]!.information * noise.of(evidence[c]!, observations[c]!);
      }
      // 500 squares of normal scores: a standard error of 0.06.
      expect(Math.abs(square / expected - 1), `size ${size}`).toBeLessThan(0.2);
    }
  });

  test("a course that scatters far more than the others takes its own φ and leaves theirs alone", () => {
    const { evidence, observations } = draw("outlier", { alpha: 0.2, courses: 500 });
    const before = new CountNoise(evidence, observations);
    const bulk = evidence[7]!;
    bulk.score_excess = 30;
    bulk.scatter += 30 * bulk.scatter_per_omega;
    const noise = new CountNoise(evidence, observations);
    expect(noise.of(bulk, observations[7]!)).toBe(31);
    expect(noise.of(evidence[11]!, observations[11]!) / before.of(evidence[11]!, observations[11]!)).toBeCloseTo(1, 1);
  });

  test("a few sales say nothing of noise: it stays what Poisson counts have, and never is less than half", () => {
    const { evidence, observations } = draw("few", { courses: 4, draws: 6 });
    const few = new CountNoise(evidence, observations);
    expect(few.omega).toBeGreaterThan(0.9);
    expect(few.alpha).toBeLessThan(1);
    for (const course of evidence) course.scatter = 0;
    expect(new CountNoise([...evidence, noEvidence()], [...observations, 0]).omega).toBeGreaterThanOrEqual(0.5);
    expect(new CountNoise([], [])).toMatchObject({ omega: 1, alpha: 0 });
  });
});
