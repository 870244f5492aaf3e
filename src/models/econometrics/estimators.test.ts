import { describe, expect, test } from "vitest";
import { Prng } from "../../lib/prng.ts";
import type { Fit, NotIdentified } from "./estimate.ts";
import { leastSquares } from "./least-squares.ts";
import { poissonRegression } from "./poisson-regression.ts";
import { factorOf, type Sample, takeRows } from "./sample.ts";
import { bare, counts, draw, gap, identified } from "./testing/drawn-sample.ts";
import { twoStage } from "./two-stage.ts";

const estimators: readonly (readonly [name: string, run: (sample: Sample) => Fit | NotIdentified, sample: (seed: string) => Sample])[] = [
  ["least squares", leastSquares, (seed) => draw(seed)],
  ["weighted least squares", leastSquares, (seed) => draw(seed, { weighted: true })],
  ["two-stage least squares", twoStage, (seed) => draw(seed, { instruments: 2 })],
  ["Poisson regression", poissonRegression, (seed) => counts(draw(seed), seed)],
];

describe.each(estimators)("%s", (_, run, sampleOf) => {
  const seeds = Array.from({ length: 5 }, (_, i) => `invariance ${i}`);

  test("does not depend on the order of rows or on the names of levels", () => {
    for (const seed of seeds) {
      const sample = sampleOf(seed);
      const random = new Prng(seed);
      const order = Int32Array.from({ length: sample.rows }, (_, i) => i).sort(() => random.uniform() - 0.5);
      expect(gap(identified(run(takeRows(sample, order))), identified(run(sample)))).toBeLessThan(1e-9);
    }
  });

  test("scales with the treatment, whatever its unit and level", () => {
    for (const [i, seed] of seeds.entries()) {
      const sample = sampleOf(seed);
      const factor = [1e-6, 0.01, -3, 1e5, 1e40][i]!;
      const scaled = { ...sample, treatment: { name: "price", values: sample.treatment.values.map((own) => factor * (own + 100)) } };
      expect(gap(identified(run(scaled)), identified(run(sample)), 1 / factor)).toBeLessThan(1e-7);
    }
  });

  test("does not change when every level of every fixed effect gets a constant of its own", () => {
    for (const seed of seeds) {
      const sample = sampleOf(seed);
      const random = new Prng(`constants ${seed}`);
      const added = sample.fixed_effects.map(({ levels }) => Float64Array.from({ length: levels }, () => 5 * random.normal()));
      const lift = (values: Float64Array): Float64Array => values.map((own, i) => own + sample.fixed_effects.reduce((sum, { codes }, k) => sum + added[k]![codes[i]!]!, 0));
      const lifted: Sample =
        run === poissonRegression
          ? { ...sample, treatment: { name: "price", values: lift(sample.treatment.values) } }
          : { ...sample, outcome: { name: "quantity", values: lift(sample.outcome.values) }, treatment: { name: "price", values: lift(sample.treatment.values) }, instruments: sample.instruments.map(({ name, values }) => ({ name, values: lift(values) })) };
      expect(gap(identified(run(lifted)), identified(run(sample)))).toBeLessThan(1e-8);
    }
  });

  test("a repeated or combined control is dropped by name and changes nothing", () => {
    const sample = sampleOf("dropped");
    const [x] = sample.controls;
    const more = { ...sample, controls: [...sample.controls, { name: "twice", values: x!.values.map((own) => 2 * own + 1) }] };
    const fit = identified(run(more));
    expect(fit.dropped).toEqual([{ name: "twice", of: ["x"] }]);
    expect(gap(fit, identified(run(sample)))).toBeLessThan(1e-9);
    const bareFit = identified(run(bare(more)));
    expect(bareFit.dropped).toEqual([{ name: "twice", of: ["(constant)", "x"] }]);
  });

  test("clusters of one row each give the errors of HC1", () => {
    const sample = bare(sampleOf("single"));
    const single = { ...sample, clusters: [factorOf("row", Int32Array.from({ length: sample.rows }, (_, i) => i))] };
    const clustered = identified(run(single));
    const robust = identified(run(sample));
    // n/(n − 1)·(n − 1)/(n − K) is n/(n − K).
    expect(gap(clustered, robust)).toBeLessThan(1e-10);
  });

  test("singletons change no estimate, and rows without weight do not count", () => {
    const sample = sampleOf("alone");
    const alone = (factor: Sample["fixed_effects"][number]): Sample["fixed_effects"][number] => ({ ...factor, codes: Int32Array.of(...factor.codes, factor.levels), levels: factor.levels + 1 });
    const longer = (values: Float64Array, last: number): Float64Array => Float64Array.of(...values, last);
    const more: Sample = {
      ...sample,
      rows: sample.rows + 1,
      outcome: { ...sample.outcome, values: longer(sample.outcome.values, 7) },
      treatment: { ...sample.treatment, values: longer(sample.treatment.values, 70) },
      controls: sample.controls.map((own) => ({ ...own, values: longer(own.values, 3) })),
      instruments: sample.instruments.map((own) => ({ ...own, values: longer(own.values, 3) })),
      fixed_effects: sample.fixed_effects.map(alone),
      clusters: sample.clusters.map(alone),
      ...(sample.weights && { weights: longer(sample.weights, 1) }),
      ...(sample.offset && { offset: longer(sample.offset, 0) }),
    };
    const fit = identified(run(more));
    expect(fit.left_out.singletons).toBe(1);
    expect(fit.rows).toBe(sample.rows);
    expect(gap(fit, identified(run(sample)))).toBeLessThan(1e-12);
    const weightless = { ...more, weights: longer(sample.weights ?? new Float64Array(sample.rows).fill(1), 0) };
    expect(identified(run(weightless)).left_out).toMatchObject({ zero_weight: 1, singletons: 0 });
    expect(gap(identified(run(weightless)), fit)).toBeLessThan(1e-12);
  });
});

describe("not identified", () => {
  const sample = draw("none");
  const by = (name: string): Sample["fixed_effects"][number] => sample.fixed_effects.find((own) => own.name === name)!;
  const priced = (values: Float64Array, parts: Partial<Sample> = {}): Sample => ({ ...sample, ...parts, treatment: { name: "price", values } });

  test("a price that fixed effects explain", () => {
    const perCourse = Float64Array.from(by("course").codes, (code) => 10.1 + 3.7 * code);
    const perBoth = perCourse.map((own, i) => own * 1.1 + Math.sqrt(by("week").codes[i]!));
    for (const run of [leastSquares, twoStage, poissonRegression]) {
      for (const values of [perCourse, perBoth]) {
        const answer = run(priced(values, run === poissonRegression ? { outcome: counts(sample, "c").outcome } : {}));
        expect(answer).toMatchObject({ identified: false, reason: "no_variation" });
        expect((answer as NotIdentified).detail).toContain("within course and week");
      }
    }
    expect(leastSquares(priced(new Float64Array(sample.rows).fill(19.9), { fixed_effects: [] }))).toMatchObject({ identified: false, reason: "no_variation" });
  });

  test("a price that is a combination of controls, by their names", () => {
    const combined = sample.controls[0]!.values.map((own) => 3 - 0.1 * own);
    const answer = leastSquares(priced(combined, { fixed_effects: [] }));
    expect(answer).toMatchObject({ identified: false, reason: "collinear" });
    expect((answer as NotIdentified).detail).toContain("combination of x");
    expect(twoStage(priced(combined, { fixed_effects: [] }))).toMatchObject({ identified: false, reason: "collinear" });
  });

  test("variation in one cluster alone, or one cluster", () => {
    const one = Float64Array.from(by("course").codes, (code, i) => (code === 3 ? sample.treatment.values[i]! : code));
    expect(leastSquares(priced(one, { fixed_effects: [by("course")], controls: [] }))).toMatchObject({ identified: false, reason: "one_cluster" });
    expect(leastSquares({ ...sample, clusters: [factorOf("country", new Int32Array(sample.rows))] })).toMatchObject({ identified: false, reason: "one_cluster" });
  });

  test("instruments that say nothing: of no relation, constant within effects, or combinations of controls", () => {
    const instrument = (values: Float64Array): Sample => ({ ...sample, instruments: [{ name: "z", values }] });
    expect(twoStage(instrument(Float64Array.from(by("course").codes, (code) => code)))).toMatchObject({ identified: false, reason: "no_instrument" });
    expect(twoStage(instrument(sample.controls[0]!.values.map((own) => 1 - own)))).toMatchObject({ identified: false, reason: "no_instrument" });
    expect(twoStage({ ...sample, instruments: [] })).toMatchObject({ identified: false, reason: "no_instrument" });
    let line = 0;
    for (let i = 0; i < 40; i++) {
      const answer = twoStage(draw(`weak ${i}`, { strength: 0, rows: 400, courses: 50 }));
      if (answer.identified) continue;
      expect(answer.reason).toBe("weak_instruments");
      line++;
    }
    // A test of 5 % finds a relation where there is none now and then.
    expect(line).toBeGreaterThan(32);
  });

  test("more parameters than rows", () => {
    expect(leastSquares({ ...takeRows(sample, Int32Array.of(0, 1, 2)), fixed_effects: [], clusters: [] })).toMatchObject({ identified: false, reason: "no_degrees_of_freedom" });
  });

  test("values out of range are errors with the row, and so are errors that do not fit", () => {
    const wild = sample.treatment.values.slice();
    wild[4] = 1e308;
    expect(() => leastSquares(priced(wild))).toThrow(/row 5: price is 1e\+308/);
    wild[4] = Number.NaN;
    expect(() => leastSquares(priced(wild))).toThrow(/row 5: price is NaN/);
    expect(() => leastSquares({ ...sample, weights: new Float64Array(sample.rows).fill(-1) })).toThrow(/row 1: the weight is -1/);
    expect(() => leastSquares(sample, { errors: "HC1" })).toThrow(/HC1/);
    expect(() => leastSquares({ ...sample, clusters: [] }, { errors: "HC3" })).toThrow(/leverages/);
    for (const run of [twoStage, poissonRegression]) expect(() => run(bare(sample), { errors: "HC2" })).toThrow(/HC2 is of least squares alone/);
  });
});
