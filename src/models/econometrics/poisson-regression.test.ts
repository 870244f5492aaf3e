import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Prng } from "../../lib/prng.ts";
import { evidenceAt, noEvidence } from "../conditional-poisson.ts";
import { poissonRegression } from "./poisson-regression.ts";
import { type Sample, takeRows } from "./sample.ts";
import { counts, draw, gap, identified } from "./testing/drawn-sample.ts";

describe("Poisson regression", () => {
  test("one absorbed effect is the conditional likelihood: its score vanishes at the estimate", () => {
    for (let i = 0; i < 5; i++) {
      const sample = counts({ ...draw(`conditional ${i}`), controls: [] }, `conditional ${i}`);
      const [course] = sample.fixed_effects;
      const fit = identified(poissonRegression({ ...sample, fixed_effects: [course!] }));
      const own = noEvidence();
      let score = 0;
      let information = 0;
      for (let level = 0; level < course!.levels; level++) {
        const rows = [...course!.codes.keys()].filter((row) => course!.codes[row] === level);
        const take = (values: Float64Array): Float64Array => Float64Array.from(rows, (row) => values[row]!);
        const values = take(sample.outcome.values);
        evidenceAt({ enrollments: values, exposures: take(sample.offset!).map(Math.exp), jitter: take(sample.treatment.values), total: values.reduce((sum, count) => sum + count, 0) }, fit.treatment.estimate, own);
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
