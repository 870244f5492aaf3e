import { describe, expect, test } from "vitest";
import { Prng } from "../lib/prng.ts";
import { compare, margins, type Opponent } from "./promotion-gate.ts";

const CLUSTERS = 200;
const ROWS = 4;
const clusters = Int32Array.from({ length: CLUSTERS * ROWS }, (_, i) => Math.floor(i / ROWS));
const random = new Prng("gate");
/** What all models find hard alike. */
const common = Float64Array.from(clusters, () => random.exponential(1));
const losses = (shift: number, noise: number): Float64Array => common.map((loss) => loss + shift + noise * random.normal());

const against = (kind: Opponent["kind"], challenger: Float64Array, theirs: Float64Array): ReturnType<typeof compare> => compare("poisson_deviance", challenger, { name: `the ${kind}`, kind, losses: theirs }, clusters, 7);

describe("a challenger", () => {
  test("passes where it is better beyond doubt, and the words say by how much", () => {
    const found = against("champion", losses(-0.1, 0.01), common);
    expect(found).toMatchObject({ passed: true, metric: "poisson_deviance", margin: margins.champion.better, detail: expect.stringMatching(/^beats the champion: poisson deviance 0\.\d{5} against 1?\.?\d+/) });
    expect(found.ci95[0]).toBeLessThan(found.difference);
    expect(found.ci95[1]).toBeLessThan(0);
    expect(found.difference).toBeCloseTo(found.challenger - found.theirs, 12);
  });

  test("does not replace a champion that it equals, or beats by less than the margin", () => {
    expect(against("champion", common, common)).toMatchObject({ passed: false, difference: 0, detail: expect.stringContaining("does not beat the champion by 0.1 %") });
    expect(against("champion", common.map((loss) => loss * (1 - 0.9 * margins.champion.better)), common).passed).toBe(false);
    expect(against("champion", common.map((loss) => loss * (1 - 1.1 * margins.champion.better)), common)).toMatchObject({ passed: true });
  });

  test("does not pass where it may as well be worse", () => {
    const unsure = against("champion", losses(-0.01, 0.6), common);
    expect(unsure.ci95[1]).toBeGreaterThan(margins.champion.worse_max * unsure.theirs);
    expect(unsure).toMatchObject({ passed: false, detail: expect.stringContaining("it may be chance") });
    // Against a naive forecast more doubt is allowed.
    expect(against("naive", losses(-0.05, 0.6), common)).toMatchObject({ passed: true });
    expect(against("naive", losses(-0.05, 6), common)).toMatchObject({ passed: false });
  });

  test("is judged alike however often it is asked", () => {
    const [a, b] = [losses(-0.02, 0.2), losses(0, 0.2)];
    expect(against("naive", a, b)).toEqual(against("naive", a, b));
  });

  test("that is no better passes the champion's gate about once in forty times", () => {
    let passed = 0;
    for (let world = 0; world < 300; world++) if (against("champion", losses(0, 0.1), losses(0, 0.1)).passed) passed++;
    expect(passed / 300).toBeLessThan(0.06);
  });
});
