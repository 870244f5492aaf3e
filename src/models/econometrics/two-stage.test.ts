import { describe, expect, test } from "vitest";
import { Prng } from "../../lib/prng.ts";
import { contains } from "./confidence-set.ts";
import { leastSquares } from "./least-squares.ts";
import type { Sample } from "./sample.ts";
import { draw, gap, identified } from "./testing/drawn-sample.ts";
import { type InstrumentalFit, twoStage } from "./two-stage.ts";

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
