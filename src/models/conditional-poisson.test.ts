import { describe, expect, test } from "vitest";
import type { PriceTrial } from "../features/price-trial.ts";
import { Prng } from "../lib/prng.ts";
import { drawsBeyondCells, evidenceAt, noEvidence, usableDraws } from "./conditional-poisson.ts";

const at = (...values: number[]): Float64Array => Float64Array.from(values);
const trial: PriceTrial = { course_id: "c", category: "k", jitter: at(-0.2, 0.05, 0.1, 0.3), exposures: at(50, 80, 20, 60), enrollments: at(7, 6, 2, 3) };

/** Log of the multinomial probability of the enrollments, given their total. */
function logLikelihood({ jitter, exposures, enrollments }: PriceTrial, e: number): number {
  let weight = 0;
  for (const [i, v] of jitter.entries()) weight += exposures[i]! * Math.exp(e * v);
  return enrollments.reduce((sum, q, i) => sum + q * (Math.log(exposures[i]!) + e * jitter[i]! - Math.log(weight)), 0);
}

describe("evidence of a course", () => {
  test("score and information are derivatives of the log likelihood", () => {
    for (const e of [-3, -1.4, 0, 2]) {
      const out = noEvidence();
      evidenceAt(usableDraws(trial), e, out);
      const [low, middle, high] = [-1e-4, 0, 1e-4].map((step) => logLikelihood(trial, e + step)) as [number, number, number];
      expect(out.score).toBeCloseTo((high - low) / 2e-4, 6);
      expect(out.information).toBeCloseTo(-(high - 2 * middle + low) / 1e-8, 4);
    }
  });

  test("scatter is what its parts add up to, for Poisson counts and for those with shocks", () => {
    for (const alpha of [0, 0.5]) {
      const random = new Prng(`scatter ${alpha}`);
      const jitter = Float64Array.from({ length: 50 }, () => 0.1 * random.normal());
      const exposures = jitter.map(() => 20 + random.integer(60));
      const sums = noEvidence();
      for (let i = 0; i < 4_000; i++) {
        const enrollments = exposures.map((n, k) => random.poisson(0.1 * n * Math.exp(-1.5 * jitter[k]!) * (alpha > 0 ? random.gamma(1 / alpha, alpha) : 1)));
        const out = noEvidence();
        evidenceAt({ jitter, exposures, enrollments, total: enrollments.reduce((sum, q) => sum + q, 0) }, -1.5, out);
        for (const key of Object.keys(out) as (keyof typeof out)[]) sums[key] += out[key];
      }
      expect(sums.scatter / (sums.scatter_per_omega + alpha * sums.scatter_per_alpha)).toBeCloseTo(1, 1);
      expect((4_000 + sums.score_excess) / (4_000 + alpha * sums.score_excess_per_alpha)).toBeCloseTo(1, 1);
    }
  });

  test("draws that lost exposures are left out, of what the cells hold, too", () => {
    const lost = { ...trial, exposures: at(50, 3, 0, 60), held: { exposures: at(10, 1, 0, 60), enrollments: at(2, 1, 1, 3) } };
    expect(usableDraws(lost)).toEqual({ jitter: at(-0.2, 0.3), exposures: at(50, 60), enrollments: at(7, 3), total: 10 });
    expect(drawsBeyondCells(lost)).toMatchObject({ exposures: at(40, 0, 0, 0), enrollments: at(5, 0, 0, 0), total: 5 });
    expect(usableDraws(trial)).toEqual({ jitter: trial.jitter, exposures: trial.exposures, enrollments: trial.enrollments, total: 18 });
    expect(drawsBeyondCells(trial)).toEqual(usableDraws(trial));
  });

  test("a draw without exposures, sales or company says nothing, whatever its jitter", () => {
    const of = (changes: Partial<PriceTrial>): ReturnType<typeof noEvidence> => {
      const out = noEvidence();
      const all = { ...trial, ...changes };
      evidenceAt({ ...all, total: all.enrollments.reduce((sum, q) => sum + q, 0) }, -1.5, out);
      return out;
    };
    const plain = of({});
    expect(of({ jitter: at(...trial.jitter, 1e300), exposures: at(...trial.exposures, 0), enrollments: at(...trial.enrollments, 0) })).toEqual(plain);
    expect(of({ enrollments: at(0, 0, 0, 0) })).toEqual(noEvidence());
    expect(of({ exposures: at(0, 0, 0, 0) })).toEqual(noEvidence());
    expect(of({ jitter: at(0.1, 0.1, 0.1, 0.1) }).information).toBeCloseTo(0, 12);
  });
});
