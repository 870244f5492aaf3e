import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Prng } from "../../lib/prng.ts";
import { connectedParts } from "./absorbed-freedom.ts";
import { leastSquares } from "./least-squares.ts";
import { orthogonalBasis } from "./orthogonal-basis.ts";
import { factorOf, type Sample, takeRows } from "./sample.ts";
import { bare, draw, gap, identified } from "./testing/drawn-sample.ts";

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
});
