import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Prng } from "../../lib/prng.ts";
import { evidence } from "../conditional-poisson.ts";
import { connectedParts } from "./absorption.ts";
import { confidenceSet, contains, quadraticSet, scaleSet } from "./confidence-set.ts";
import type { Fit, NotIdentified } from "./estimate.ts";
import { leastSquares } from "./least-squares.ts";
import { orthogonalBasis } from "./orthogonal-basis.ts";
import { poissonRegression } from "./poisson-regression.ts";
import { factorOf, type Sample, takeRows } from "./sample.ts";
import { type InstrumentalFit, twoStage } from "./two-stage.ts";

function identified<F extends { readonly identified: true }>(fit: F | NotIdentified): F {
  if (!fit.identified) throw new Error(fit.detail);
  return fit;
}

interface Drawn {
  readonly rows?: number;
  readonly courses?: number;
  readonly weeks?: number;
  readonly effect?: number;
  /** Of the instruments on the price. */
  readonly strength?: number;
  readonly instruments?: number;
  readonly weighted?: boolean;
}

/** Prices that chase a hidden shock, moved by instruments, over courses and weeks with effects of their own. */
function draw(seed: string, { rows = 120, courses = 12, weeks = 8, effect = -1.3, strength = 0.5, instruments = 1, weighted = false }: Drawn = {}): Sample {
  const random = new Prng(seed);
  const normals = (count: number): Float64Array => Float64Array.from({ length: count }, () => random.normal());
  const course = Int32Array.from({ length: rows }, (_, i) => i % courses);
  const week = Int32Array.from({ length: rows }, () => random.integer(weeks));
  const quality = normals(courses);
  const season = normals(weeks);
  const z = Array.from({ length: instruments }, () => normals(rows));
  const x = normals(rows);
  const clusterShock = normals(courses);
  const shock = Float64Array.from({ length: rows }, (_, i) => random.normal() + 0.5 * clusterShock[course[i]!]! * x[i]!);
  const price = Float64Array.from({ length: rows }, (_, i) => 3 + quality[course[i]!]! + 0.4 * season[week[i]!]! + 0.3 * x[i]! + z.reduce((sum, own) => sum + strength * own[i]!, 0) + 0.6 * shock[i]! + 0.4 * random.normal());
  const quantity = price.map((own, i) => 5 + effect * own + 1.5 * quality[course[i]!]! + 0.5 * season[week[i]!]! + 0.4 * x[i]! + shock[i]!);
  return {
    rows,
    outcome: { name: "quantity", values: quantity },
    treatment: { name: "price", values: price },
    controls: [{ name: "x", values: x }],
    instruments: z.map((values, i) => ({ name: `z${i}`, values })),
    fixed_effects: [factorOf("course", course), factorOf("week", week)],
    clusters: [factorOf("course", course)],
    ...(weighted && { weights: Float64Array.from({ length: rows }, () => 0.2 + random.uniform()) }),
  };
}

function counts(sample: Sample, seed: string): Sample {
  const random = new Prng(seed);
  const offset = Float64Array.from({ length: sample.rows }, () => random.normal());
  const mean = Math.max(...sample.outcome.values);
  return { ...sample, offset, outcome: { name: "sales", values: sample.outcome.values.map((own, i) => random.poisson(Math.min(500, Math.exp((own - mean) / 3 + 2 + offset[i]!)))) } };
}

function bare(sample: Sample): Sample {
  return { ...sample, fixed_effects: [], clusters: [] };
}

/** Largest relative difference of the treatment's estimate and error. */
function gap(a: Fit, b: Fit, scale = 1): number {
  const relative = (x: number, y: number): number => Math.abs(x - y) / Math.abs(y);
  return Math.max(relative(a.treatment.estimate, b.treatment.estimate * scale), relative(a.treatment.se, b.treatment.se * Math.abs(scale)));
}

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

describe("least squares", () => {
  test("Frisch, Waugh, Lovell: residuals on residuals give the same coefficient", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const sample = bare(draw(`fwl ${seed}`, { rows: 60 }));
        const residual = (of: Sample["outcome"]): Float64Array => {
          const fit = identified(leastSquares({ ...sample, outcome: of, treatment: sample.controls[0]!, controls: [] }));
          return of.values.map((own, i) => own - fit.treatment.estimate * sample.controls[0]!.values[i]! - fit.coefficients[1]!.estimate);
        };
        const partial = { ...sample, outcome: { name: "y", values: residual(sample.outcome) }, treatment: { name: "d", values: residual(sample.treatment) }, controls: [] };
        expect(identified(leastSquares(partial)).treatment.estimate).toBeCloseTo(identified(leastSquares(sample)).treatment.estimate, 10);
      }),
      { numRuns: 50 },
    );
  });

  test("whole weights are repeated rows", () => {
    const sample = bare(draw("repeated", { rows: 40 }));
    const times = Int32Array.from({ length: 40 }, (_, i) => 1 + (i % 3));
    const repeated = takeRows(sample, Int32Array.from([...times].flatMap((count, i) => new Array<number>(count).fill(i))));
    expect(identified(leastSquares({ ...sample, weights: Float64Array.from(times) })).treatment.estimate).toBeCloseTo(identified(leastSquares(repeated)).treatment.estimate, 11);
  });

  test("intervals of clustered errors cover, and those of plain ones do not, where shocks are a course's", () => {
    let clustered = 0;
    let plain = 0;
    const draws = 300;
    for (let i = 0; i < draws; i++) {
      const random = new Prng(`coverage ${i}`);
      const courses = 40;
      const code = Int32Array.from({ length: 400 }, (_, row) => row % courses);
      const [price, shock] = [0, 1].map(() => Float64Array.from({ length: courses }, () => random.normal()));
      const d = Float64Array.from(code, (own) => price![own]! + 0.5 * random.normal());
      const sample: Sample = { rows: 400, outcome: { name: "q", values: d.map((own, row) => -own + shock![code[row]!]! + random.normal()) }, treatment: { name: "p", values: d }, controls: [], instruments: [], fixed_effects: [], clusters: [factorOf("course", code)] };
      const own = identified(leastSquares(sample)).treatment;
      const robust = identified(leastSquares({ ...sample, clusters: [] })).treatment;
      if (own.low <= -1 && own.high >= -1) clustered++;
      if (robust.low <= -1 && robust.high >= -1) plain++;
    }
    expect(clustered / draws).toBeGreaterThan(0.91);
    expect(clustered / draws).toBeLessThan(0.985);
    expect(plain / draws).toBeLessThan(0.75);
  });

  test("three absorbed effects agree with dummies", () => {
    const sample = draw("three", { rows: 200 });
    const third = factorOf("channel", Int32Array.from({ length: 200 }, (_, i) => (i * i) % 7));
    const effects = [...sample.fixed_effects, third];
    const dummies = effects.flatMap((factor) => Array.from({ length: factor.levels }, (_, level) => ({ name: `${factor.name}${level}`, values: Float64Array.from(factor.codes, (code) => (code === level ? 1 : 0)) })));
    const absorbed = identified(leastSquares({ ...sample, fixed_effects: effects, clusters: [] }));
    const full = identified(leastSquares({ ...sample, fixed_effects: [], clusters: [], controls: [...dummies, ...sample.controls] }));
    expect(absorbed.parameters).toBe(full.parameters);
    expect(gap(absorbed, full)).toBeLessThan(1e-9);
  });

  test("effects whose levels hardly overlap settle, too", () => {
    // A chain: course g is seen in weeks g and g + 1 only.
    const random = new Prng("chain");
    const rows = 1_200;
    const course = Int32Array.from({ length: rows }, (_, i) => Math.floor(i / 4));
    const week = Int32Array.from({ length: rows }, (_, i) => Math.floor(i / 4) + (i % 2));
    const price = Float64Array.from({ length: rows }, (_, i) => random.normal() + 0.01 * course[i]!);
    const quantity = price.map((own, i) => -1.3 * own + 0.02 * course[i]! - 0.05 * week[i]! + 0.1 * random.normal());
    const sample: Sample = { rows, outcome: { name: "q", values: quantity }, treatment: { name: "p", values: price }, controls: [], instruments: [], fixed_effects: [factorOf("course", course), factorOf("week", week)], clusters: [] };
    const fit = identified(leastSquares(sample));
    const lifted = identified(leastSquares({ ...sample, outcome: { name: "q", values: quantity.map((own, i) => own + 50 * Math.sin(course[i]!) - 3 * week[i]!) } }));
    expect(fit.absorbed.map(({ redundant }) => redundant)).toEqual([0, 1]);
    expect(gap(lifted, fit)).toBeLessThan(1e-6);
  });

  test("parts of a graph are counted", () => {
    expect(connectedParts(factorOf("a", [0, 0, 1, 2, 3]), factorOf("b", [0, 1, 1, 2, 3]))).toBe(3);
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

describe("instruments", () => {
  test("Anderson–Rubin's set covers as often as it says whatever the strength; the t interval does not", () => {
    for (const instruments of [1, 2]) {
      let covered = 0;
      let t = 0;
      const draws = 250;
      for (let i = 0; i < draws; i++) {
        const answer = twoStage({ ...draw(`ar ${instruments} ${i}`, { rows: 160, strength: 0.06, instruments }), fixed_effects: [], clusters: [] });
        // The whole line covers.
        if (!answer.identified || contains(answer.anderson_rubin.set, -1.3)) covered++;
        if (answer.identified && answer.treatment.low <= -1.3 && answer.treatment.high >= -1.3) t++;
      }
      expect(covered / draws, `${instruments}`).toBeGreaterThan(0.91);
      expect(covered / draws, `${instruments}`).toBeLessThan(0.985);
      expect(t / draws).toBeLessThan(0.9);
    }
  });

  test("a set contains what its test does not reject, and nothing else, whatever its shape", () => {
    const shapes = new Set<string>();
    for (const instruments of [1, 3]) {
      for (let i = 0; i < 40; i++) {
        const sample = { ...draw(`set ${instruments} ${i}`, { strength: 0.01 * (i % 20), instruments }), fixed_effects: [], clusters: [] };
        const answer = twoStage(sample);
        if (!answer.identified) continue;
        shapes.add(answer.anderson_rubin.set.shape);
        for (const theta of [-100, -5, -2, -1.3, 0, 0.7, 30]) {
          // Anderson–Rubin of θ is that of nothing with θ·price taken off the outcome.
          const shifted = twoStage({ ...sample, outcome: { name: "q", values: sample.outcome.values.map((own, row) => own - theta * sample.treatment.values[row]!) } });
          if (!shifted.identified) continue;
          expect(contains(answer.anderson_rubin.set, theta), `${instruments} ${i} ${theta}`).toBe(shifted.anderson_rubin.p >= 0.05);
        }
      }
    }
    expect([...shapes]).toEqual(expect.arrayContaining(["disjoint", "interval"]));
  });

  test("more instruments that disagree leave no effect: an empty set, and J says so", () => {
    const random = new Prng("invalid");
    const rows = 400;
    const z = [0, 1].map(() => Float64Array.from({ length: rows }, () => random.normal()));
    const price = Float64Array.from({ length: rows }, (_, i) => z[0]![i]! + z[1]![i]! + random.normal());
    const quantity = price.map((own, i) => -own + 2 * z[0]![i]! + random.normal());
    const sample: Sample = { rows, outcome: { name: "q", values: quantity }, treatment: { name: "p", values: price }, controls: [], instruments: z.map((values, i) => ({ name: `z${i}`, values })), fixed_effects: [], clusters: [] };
    for (const errors of ["iid", "HC1"] as const) {
      const fit = identified(twoStage(sample, { errors }));
      expect(fit.anderson_rubin.set).toEqual({ shape: "empty", parts: [] });
      expect(fit.over_identification!.p).toBeLessThan(1e-6);
    }
  });

  test("the price as its own instrument is least squares", () => {
    const sample = draw("itself");
    const own = { ...sample, instruments: [{ name: "itself", values: sample.treatment.values }] };
    expect(gap(identified(twoStage(own)), identified(leastSquares(sample)))).toBeLessThan(1e-10);
  });

  test("adding a multiple of a control to an instrument changes nothing", () => {
    const sample = draw("moved", { instruments: 2 });
    const moved = { ...sample, instruments: sample.instruments.map(({ name, values }) => ({ name, values: values.map((own, i) => 3 * own - 40 * sample.controls[0]!.values[i]!) })) };
    const [a, b] = [identified(twoStage(moved)), identified(twoStage(sample))] as [InstrumentalFit, InstrumentalFit];
    expect(gap(a, b)).toBeLessThan(1e-9);
    expect(a.over_identification!.j).toBeCloseTo(b.over_identification!.j, 8);
  });
});

describe("Poisson regression", () => {
  test("one absorbed effect is the conditional likelihood: its score vanishes at the estimate", () => {
    for (let i = 0; i < 5; i++) {
      const sample = counts({ ...draw(`conditional ${i}`), controls: [] }, `conditional ${i}`);
      const [course] = sample.fixed_effects;
      const fit = identified(poissonRegression({ ...sample, fixed_effects: [course!] }));
      const own = { score: 0, information: 0 };
      let score = 0;
      let information = 0;
      for (let level = 0; level < course!.levels; level++) {
        const rows = [...course!.codes.keys()].filter((row) => course!.codes[row] === level);
        const take = (values: Float64Array): Float64Array => Float64Array.from(rows, (row) => values[row]!);
        const values = take(sample.outcome.values);
        evidence({ category: "", counts: values, offsets: take(sample.offset!).map(Math.exp), jitter: take(sample.treatment.values), total: values.reduce((sum, count) => sum + count, 0) }, fit.treatment.estimate, own);
        score += own.score;
        information += own.information;
      }
      expect(Math.abs(score / information)).toBeLessThan(1e-9);
    }
  });

  test("levels without a sale are left out and counted", () => {
    const sample = counts(draw("eventless"), "eventless");
    const [course] = sample.fixed_effects;
    const none = { ...sample, outcome: { name: "sales", values: sample.outcome.values.map((own, i) => (course!.codes[i] === 2 ? 0 : own)) } };
    const fit = identified(poissonRegression(none));
    expect(fit.left_out.without_events).toBe(10);
    const kept = takeRows(sample, Int32Array.from([...course!.codes.keys()].filter((i) => course!.codes[i] !== 2)));
    expect(gap(fit, identified(poissonRegression(kept)))).toBeLessThan(1e-9);
  });

  test("separation: rows that only a limit fits are left out, and a price that does nothing else is not identified", () => {
    const random = new Prng("separated");
    const rows = 300;
    const x = Float64Array.from({ length: rows }, () => random.normal());
    // Free on some rows that never sell: its coefficient runs off to minus infinity.
    const banned = Float64Array.from({ length: rows }, (_, i) => (i % 10 === 0 ? 1 : 0));
    const price = Float64Array.from({ length: rows }, () => random.normal());
    const sales = price.map((own, i) => (banned[i] === 1 ? 0 : random.poisson(Math.exp(0.5 - own + 0.3 * x[i]!))));
    const column = (name: string, values: Float64Array): Sample["outcome"] => ({ name, values });
    const sample: Sample = { rows, outcome: column("sales", sales), treatment: column("price", price), controls: [column("x", x), column("banned", banned)], instruments: [], fixed_effects: [], clusters: [] };
    const fit = identified(poissonRegression(sample));
    expect(fit.left_out.separated).toBe(30);
    expect(fit.dropped).toEqual([{ name: "banned", of: [] }]);
    const kept = takeRows({ ...sample, controls: [sample.controls[0]!] }, Int32Array.from({ length: rows }, (_, i) => i).filter((i) => banned[i] === 0));
    expect(gap(fit, identified(poissonRegression(kept)))).toBeLessThan(1e-9);
    const answer = poissonRegression({ ...sample, treatment: column("banned", banned), controls: [column("x", x)] });
    expect(answer).toMatchObject({ identified: false, reason: "separated" });
  });

  test("no sale at all is an answer, a negative count an error", () => {
    const sample = counts(draw("edge"), "edge");
    expect(poissonRegression({ ...sample, outcome: { name: "sales", values: new Float64Array(sample.rows) } })).toMatchObject({ identified: false, reason: "no_events" });
    expect(() => poissonRegression({ ...sample, outcome: { name: "sales", values: sample.outcome.values.map((own, i) => (i === 6 ? -1 : own)) } })).toThrow(/row 7: sales is -1/);
  });

  test("a price far from zero, huge offsets and few sales stay finite", () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: -200, max: 200, noNaN: true }), fc.double({ min: 0.01, max: 3, noNaN: true }), (seed, level, spread) => {
        const random = new Prng(seed);
        const rows = 80;
        const price = Float64Array.from({ length: rows }, () => 1e4 + spread * random.normal());
        const sample: Sample = {
          rows,
          outcome: { name: "sales", values: Float64Array.from(price, (own) => random.poisson(Math.exp(0.3 - 0.5 * (own - 1e4)))) },
          treatment: { name: "price", values: price },
          controls: [],
          instruments: [],
          fixed_effects: [],
          clusters: [],
          offset: new Float64Array(rows).fill(level),
        };
        const answer = poissonRegression(sample);
        expect(!answer.identified || (Number.isFinite(answer.treatment.estimate) && answer.treatment.se > 0)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});

describe("parts", () => {
  test("a basis is orthonormal and gives its columns back, however close they are", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 8 }), fc.double({ min: 1e-6, max: 1, noNaN: true }), (seed, k, apart) => {
        const random = new Prng(seed);
        const base = Float64Array.from({ length: 40 }, () => random.normal());
        const columns = Array.from({ length: k }, () => base.map((own) => own + apart * random.normal()));
        const { q, r, kept } = orthogonalBasis(columns.map((own) => own.slice()), columns.map((own) => Math.hypot(...own)));
        expect(kept).toHaveLength(k);
        for (let a = 0; a < k; a++) for (let b = 0; b <= a; b++) expect(Math.abs(q[a]!.reduce((sum, own, i) => sum + own * q[b]![i]!, 0) - (a === b ? 1 : 0))).toBeLessThan(1e-13);
        for (let j = 0; j < k; j++) for (let i = 0; i < 40; i++) expect(q.reduce((sum, own, a) => sum + own[i]! * r[a * k + j]!, 0)).toBeCloseTo(columns[j]![i]!, 12);
      }),
      { numRuns: 40 },
    );
  });

  test("quadratic sets hold what their inequality says", () => {
    const number = fc.double({ min: -10, max: 10, noNaN: true }).map((own) => (Math.abs(own) < 1e-3 ? 0 : own));
    fc.assert(
      fc.property(number, number, number, fc.double({ min: -50, max: 50, noNaN: true }), (a, b, c, x) => {
        const value = a * x * x + b * x + c;
        if (Math.abs(value) < 1e-6) return;
        expect(contains(quadraticSet(a, b, c), x)).toBe(value <= 0);
        expect(contains(scaleSet(quadraticSet(a, b, c), -2), -2 * x)).toBe(value <= 0);
      }),
      { numRuns: 1_000 },
    );
    expect(quadraticSet(0, 0, 1).shape).toBe("empty");
    expect(quadraticSet(0, 0, -1).shape).toBe("line");
    expect(quadraticSet(0, 2, -1)).toEqual(confidenceSet([{ low: null, high: 0.5 }]));
  });
});
