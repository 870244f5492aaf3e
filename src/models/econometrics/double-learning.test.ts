import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Prng } from "../../lib/prng.ts";
import { type DoubleFit, type DoubleLearningOptions, doubleLearning, median, medianEstimate } from "./double-learning.ts";
import { dealClusters, splitRows } from "./folds.ts";
import { heterogeneousEffects } from "./heterogeneity.ts";
import { leastSquares } from "./least-squares.ts";
import { boostingLearner, type NuisanceLearner, ridgeLearner } from "./nuisance.ts";
import { orthogonalEstimate } from "./orthogonal-score.ts";
import { Moments, ridge } from "./ridge.ts";
import { factorOf, type Sample } from "./sample.ts";
import { identified } from "./testing/drawn-sample.ts";
import { reference } from "./testing/reference-sample.ts";

const EFFECT = -1.2;

interface Drawn {
  readonly courses?: number;
  readonly weeks?: number;
  /** What controls do to price and demand, not in a straight line. */
  readonly curved?: boolean;
  readonly counts?: boolean;
  /** Price answers a hidden shock of demand; the instrument does not. */
  readonly hidden?: boolean;
  readonly strength?: number;
}

function draw(seed: string, { courses = 60, weeks = 10, curved = false, counts = false, hidden = false, strength = 0.7 }: Drawn = {}): Sample {
  const random = new Prng(seed);
  const rows = courses * weeks;
  const normals = (): Float64Array => Float64Array.from({ length: rows }, () => random.normal());
  const [a, b, z, noise] = [normals(), normals(), normals(), normals()];
  const course = Int32Array.from({ length: rows }, (_, i) => Math.floor(i / weeks));
  const shock = Float64Array.from({ length: courses }, () => 0.5 * random.normal());
  const level = (i: number): number => (curved ? Math.sin(2 * a![i]!) + (b![i]! > 0 ? 1 : 0) : 0.8 * a![i]! - 0.5 * b![i]!);
  const price = Float64Array.from({ length: rows }, (_, i) => level(i) + strength * z![i]! + (hidden ? 0.7 * noise![i]! : 0) + 0.5 * random.normal());
  const demand = price.map((own, i) => EFFECT * own + (curved ? 2.5 : 1.5) * level(i) + noise![i]! * (counts ? 0.2 : 1) + shock[course[i]!]! * (counts ? 0.3 : 1));
  return {
    rows,
    outcome: { name: "quantity", values: counts ? demand.map((own) => random.poisson(Math.exp(own))) : demand },
    treatment: { name: "price", values: price },
    controls: [
      { name: "a", values: a! },
      { name: "b", values: b! },
    ],
    instruments: hidden ? [{ name: "z", values: z! }] : [],
    fixed_effects: [],
    clusters: [factorOf("course", course)],
  };
}

const options: DoubleLearningOptions = { learners: [ridgeLearner], folds: 5, repeats: 3, seed: 7 };

describe("orthogonal estimate", () => {
  test("is the reference's, given identical residuals", () => {
    const { y, d, z, theta, variance, theta_iv, variance_iv } = reference.orthogonal;
    const residuals = { outcome: Float64Array.from(y), treatment: Float64Array.from(d), instruments: [], cluster: factorOf("course", reference.data["course"]!) };
    const plain = orthogonalEstimate(residuals);
    expect(plain).toMatchObject({ estimate: expect.closeTo(theta, 10), variance: expect.closeTo(variance, 12) });
    const instrumented = orthogonalEstimate({ ...residuals, instruments: [Float64Array.from(z)] });
    expect(instrumented).toMatchObject({ estimate: expect.closeTo(theta_iv, 10), variance: expect.closeTo(variance_iv, 12) });
  });

  test("the median method: the median estimate, and variances that hold how draws differ", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(medianEstimate([{ estimate: 1, variance: 0.1 }, { estimate: 2, variance: 0.2 }, { estimate: 4, variance: 0.3 }])).toEqual({ estimate: 2, variance: 1.1 });
    expect(medianEstimate([{ estimate: 5, variance: 0.4 }])).toEqual({ estimate: 5, variance: 0.4 });
  });
});

describe("folds", () => {
  test("keep clusters whole, cover every row once and differ by one cluster at most", async () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 2, max: 30 }), fc.integer({ min: 2, max: 6 }), (seed, clusters, folds) => {
        const random = new Prng(seed);
        const cluster = factorOf("course", Int32Array.from({ length: 90 }, () => random.integer(clusters)));
        const fold = dealClusters(cluster.levels, folds, random);
        const sizes = Array.from({ length: folds }, (_, k) => fold.filter((own) => own === k).length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        const seen = Array.from({ length: folds }, (_, k) => splitRows(cluster, fold, k)).flatMap(({ inside, outside }) => {
          const within = new Set(Array.from(inside, (row) => cluster.codes[row]));
          expect(outside.some((row) => within.has(cluster.codes[row]!))).toBe(false);
          return Array.from(inside);
        });
        expect(seen.sort((x, y) => x - y)).toEqual(Array.from({ length: 90 }, (_, i) => i));
      }),
      { numRuns: 60 },
    );
  });

  test("no learner sees a row of a cluster that it predicts", async () => {
    const sample = draw("spy", { courses: 12 });
    const [{ codes }] = sample.clusters as [Sample["clusters"][number]];
    let looks = 0;
    const spy: NuisanceLearner = {
      name: "spy",
      mean: ({ fit, predict, target }, out) => {
        const learned = new Set(Array.from(fit, (row) => codes[row]));
        for (const row of predict) {
          expect(learned.has(codes[row]!)).toBe(false);
          out[row] = target[fit[0]!]!;
        }
        looks++;
      },
      rate: () => undefined,
    };
    identified(await doubleLearning(sample, { ...options, learners: [spy], repeats: 2 }));
    expect(looks).toBe(2 * 2 * 5);
  });
});

describe("double machine learning", () => {
  test("is least squares where the controls work in a straight line", async () => {
    const sample = draw("straight", { courses: 150 });
    const double = identified(await doubleLearning(sample, options));
    const plain = identified(leastSquares(sample));
    expect(Math.abs(double.treatment.estimate - plain.treatment.estimate)).toBeLessThan(0.3 * plain.treatment.se);
    expect(double.treatment.se / plain.treatment.se).toBeGreaterThan(0.8);
    expect(double.treatment.se / plain.treatment.se).toBeLessThan(1.25);
  });

  test("finds the effect where they do not, and least squares and a ridge do not", async () => {
    const sample = draw("curved", { courses: 200, curved: true });
    const best = identified(await doubleLearning(sample, { ...options, learners: [ridgeLearner, boostingLearner] }));
    expect(best.nuisances[1]).toMatchObject({ name: "price", learners: ["boosting", "boosting", "boosting"] });
    expect(Math.abs(best.treatment.estimate - EFFECT)).toBeLessThan(0.1);
    for (const wrong of [identified(leastSquares(sample)).treatment, identified(await doubleLearning(sample, options)).treatment]) expect(wrong.low).toBeGreaterThan(EFFECT + 0.5);
  });

  test("the same seed gives the same answer, another one of the same data nearly", async () => {
    const sample = draw("seeds", { courses: 40, curved: true });
    const run = async (seed: number): Promise<DoubleFit> => identified(await doubleLearning(sample, { ...options, learners: [boostingLearner], seed, repeats: 5 }));
    const first = (await run(1));
    expect((await run(1)).treatment).toEqual(first.treatment);
    expect((await run(2)).treatment.estimate).not.toBe(first.treatment.estimate);
    expect(Math.abs((await run(2)).treatment.estimate - first.treatment.estimate)).toBeLessThan(first.treatment.se);
    expect(new Set(first.repeats.map(({ estimate }) => estimate)).size).toBe(5);
  });

  test("intervals cover", async () => {
    let covered = 0;
    const draws = 150;
    for (let i = 0; i < draws; i++) {
      const { low, high } = identified(await doubleLearning(draw(`cover ${i}`, { courses: 40, weeks: 5 }), { ...options, repeats: 1, seed: i })).treatment;
      if (low <= EFFECT && high >= EFFECT) covered++;
    }
    expect(covered / draws).toBeGreaterThan(0.89);
    expect(covered / draws).toBeLessThan(0.99);
  });

  test("with instruments: what hides behind price and demand does no harm, and the first stage, Anderson–Rubin's set and J are there", async () => {
    const sample = draw("instruments", { courses: 150, hidden: true });
    const fit = identified(await doubleLearning(sample, options));
    expect(fit.treatment.low).toBeLessThan(EFFECT);
    expect(fit.treatment.high).toBeGreaterThan(EFFECT);
    expect(identified(await doubleLearning({ ...sample, instruments: [] }, options)).treatment.low).toBeGreaterThan(EFFECT + 0.2);
    expect(fit.first_stage!.f).toBeGreaterThan(100);
    expect(fit.weak).toBe(false);
    expect(fit.anderson_rubin!.set.shape).toBe("interval");
    expect(fit.over_identification).toBeNull();
    const twice = { ...sample, instruments: [...sample.instruments, { name: "other", values: sample.instruments[0]!.values.map((own, i) => own + Math.cos(i)) }] };
    expect(identified(await doubleLearning(twice, options)).over_identification!.p).toBeGreaterThan(0.001);
    // A test of 5 % finds a relation where there is none now and then.
    const nothing = await Promise.all(Array.from({ length: 12 }, (_, i) => doubleLearning(draw(`no strength ${i}`, { hidden: true, strength: 0 }), options)));
    expect(nothing.filter((answer) => !answer.identified && answer.reason === "weak_instruments").length).toBeGreaterThan(8);
  });

  test("counts: a Poisson regression on the residual price finds the elasticity", async () => {
    for (const curved of [false, true]) {
      const sample = draw(`counts ${curved}`, { courses: 200, curved, counts: true });
      const fit = identified(await doubleLearning(sample, { ...options, learners: curved ? [boostingLearner] : [ridgeLearner], counts: true }));
      expect(Math.abs(fit.treatment.estimate - EFFECT)).toBeLessThan(0.12);
      expect(fit.nuisances[0]!.r2).toBeGreaterThan(0);
    }
  });

  test("fixed effects are taken out before", async () => {
    const sample = draw("effects", { courses: 80 });
    const quality = new Prng("quality");
    const levels = Float64Array.from({ length: 80 }, () => 3 * quality.normal());
    const [course] = sample.clusters;
    const lifted = { ...sample, fixed_effects: [course!], treatment: { name: "price", values: sample.treatment.values.map((own, i) => own + levels[course!.codes[i]!]!) }, outcome: { name: "q", values: sample.outcome.values.map((own, i) => own + (2 + EFFECT) * levels[course!.codes[i]!]!) } };
    expect(Math.abs(identified(await doubleLearning(lifted, options)).treatment.estimate - EFFECT)).toBeLessThan(0.12);
    expect(identified(await doubleLearning({ ...lifted, fixed_effects: [] }, options)).treatment.estimate).toBeGreaterThan(0);
  });

  test("weights: rows of next to no weight count for next to nothing", async () => {
    const sample = draw("weights", { courses: 100 });
    const wrong = { ...sample, outcome: { name: "q", values: sample.outcome.values.map((own, i) => (i % 2 === 0 ? own : 9)) }, weights: Float64Array.from({ length: sample.rows }, (_, i) => (i % 2 === 0 ? 1 : 1e-9)) };
    expect(Math.abs(identified(await doubleLearning(wrong, options)).treatment.estimate - EFFECT)).toBeLessThan(0.15);
  });

  test("can be followed, and stopped between two fits", async () => {
    const done: number[] = [];
    let fits = 0;
    const pause = async (): Promise<void> => {
      if (++fits === 25) throw new Error("stopped");
    };
    await expect(doubleLearning(draw("stopped"), { ...options, onRepeat: (own) => done.push(own), pause })).rejects.toThrow("stopped");
    // Two nuisances of five folds a draw.
    expect(done).toEqual([1, 2]);
  });

  test("says so where nothing identifies it", async () => {
    const sample = draw("nothing");
    const explained = { ...sample, treatment: { name: "price", values: sample.controls[0]!.values.map((own) => 2 * own) } };
    expect(await doubleLearning(explained, options)).toMatchObject({ identified: false, reason: "no_variation" });
    expect(await doubleLearning({ ...sample, treatment: { name: "price", values: new Float64Array(sample.rows).fill(4.7) } }, options)).toMatchObject({ identified: false, reason: "no_variation" });
    const [course] = sample.clusters;
    expect(await doubleLearning({ ...sample, fixed_effects: [course!], treatment: { name: "price", values: Float64Array.from(course!.codes, Math.sqrt) } }, options)).toMatchObject({ identified: false, reason: "no_variation" });
    expect(await doubleLearning({ ...sample, clusters: [factorOf("country", new Int32Array(sample.rows))] }, options)).toMatchObject({ identified: false, reason: "one_cluster" });
    await expect(doubleLearning({ ...sample, controls: [] }, options)).rejects.toThrow(/needs controls/);
    await expect(doubleLearning({ ...sample, clusters: [factorOf("half", Int32Array.from({ length: sample.rows }, (_, i) => i % 2))] }, options)).rejects.toThrow(/5 folds of 2 clusters/);
  });
});

describe("ridge", () => {
  function moments(seed: string, rows = 200, slope = 1): { folds: Moments[]; rows: Float64Array[]; target: Float64Array } {
    const random = new Prng(seed);
    const data = Array.from({ length: rows }, () => Float64Array.of(1, random.normal(), 3 + 5 * random.normal()));
    const target = Float64Array.from(data, (row) => 2 + slope * (row[1]! - 0.2 * row[2]!) + random.normal());
    const folds = Array.from({ length: 5 }, () => new Moments(3));
    for (const [i, row] of data.entries()) folds[i % 5]!.add(row, target[i]!, 1);
    return { folds, rows: data, target };
  }

  test("solves the penalised normal equations, the first column without a penalty", () => {
    const { folds, rows, target } = moments("equations");
    const { coefficients, penalty } = ridge(folds);
    const residual = target.map((own, i) => own - rows[i]!.reduce((sum, value, j) => sum + value * coefficients[j]!, 0));
    for (let j = 0; j < 3; j++) {
      const mean = rows.reduce((sum, row) => sum + row[j]!, 0) / rows.length;
      const spread = rows.reduce((sum, row) => sum + (row[j]! - mean) ** 2, 0);
      const gradient = rows.reduce((sum, row, i) => sum + row[j]! * residual[i]!, 0);
      expect(Math.abs(gradient - (j === 0 ? 0 : penalty * spread * coefficients[j]!))).toBeLessThan(1e-7 * spread + 1e-9);
    }
  });

  test("losses on left-out folds are those of predicting their rows", () => {
    const { folds, rows, target } = moments("losses");
    const { losses, losses_first } = ridge(folds);
    const outside = target.filter((_, i) => i % 5 !== 2);
    const mean = outside.reduce((sum, own) => sum + own, 0) / outside.length;
    expect(losses_first[2]).toBeCloseTo(target.reduce((sum, own, i) => sum + (i % 5 === 2 ? (own - mean) ** 2 : 0), 0), 8);
    expect(losses[2]!).toBeLessThan(losses_first[2]!);
    expect(rows).toHaveLength(200);
  });

  test("a penalty as large as what helps little deserves", () => {
    const penalties = Array.from({ length: 30 }, (_, i) => ridge(moments(`noise ${i}`, 60, 0).folds).penalty);
    expect(penalties.filter((own) => own === Number.POSITIVE_INFINITY).length).toBeGreaterThan(5);
    expect(penalties.filter((own) => own >= 0.3).length).toBeGreaterThan(18);
    expect(ridge(moments("signal").folds).penalty).toBeLessThan(0.1);
  });
});

describe("heterogeneity", () => {
  function residuals(seed: string, slope: number): Parameters<typeof heterogeneousEffects> {
    const random = new Prng(seed);
    const rows = 1_500;
    const columns = ["a", "b"].map((name) => ({ name, values: Float64Array.from({ length: rows }, () => 2 + random.normal()) }));
    const treatment = Float64Array.from({ length: rows }, () => random.normal());
    const outcome = treatment.map((own, i) => (-1.5 + slope * (columns[0]!.values[i]! - 2)) * own + random.normal());
    return [outcome, treatment, columns, { folds: 5, seed: 3, clusters: [factorOf("course", Int32Array.from({ length: rows }, (_, i) => i % 50))] }];
  }

  test("finds what the effect depends on, and by how much", () => {
    const found = heterogeneousEffects(...residuals("slope", 0.6));
    expect(found.average).toBeCloseTo(-1.5, 1);
    expect(found.slopes[0]).toMatchObject({ name: "a", slope: expect.closeTo(0.6, 1) });
    expect(Math.abs(found.slopes[1]!.slope)).toBeLessThan(0.1);
    expect(found.gain).toBeGreaterThan(3 * found.gain_se);
    expect(found.effects[0]).toBeCloseTo(found.average + found.slopes.reduce((sum, { slope, mean }, j) => sum + slope * (residuals("slope", 0.6)[2][j]!.values[0]! - mean), 0), 10);
  });

  test("claims nothing where effects are the same", () => {
    for (let i = 0; i < 10; i++) {
      const found = heterogeneousEffects(...residuals(`none ${i}`, 0));
      expect(found.gain).toBeLessThan(0.01);
      for (const { slope } of found.slopes) expect(Math.abs(slope)).toBeLessThan(0.1);
    }
  });
});
