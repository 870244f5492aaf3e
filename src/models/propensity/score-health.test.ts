import { describe, expect, test } from "vitest";
import { sigmoid } from "../../lib/linear-algebra.ts";
import { Prng } from "../../lib/prng.ts";
import { DAY_MS } from "../../lib/time.ts";
import { dimensionHealth, inputHealth, type MaturedScores, stability } from "./score-health.ts";

interface Drift {
  /** Of what happens, against what is scored. */
  readonly shift?: number;
  readonly noise?: number;
  readonly stretch?: number;
  /** Of the population's scores. */
  readonly moved?: number;
}

/** Scores of three cut-offs that were right once, and what happens after the given drift. */
function matured(rows: number, { shift = 0, noise = 0, stretch = 1, moved = 0 }: Drift): MaturedScores[] {
  const random = new Prng("drift");
  return [0, 1, 2].map((period) => {
    const margins = Float64Array.from({ length: rows }, () => 1.5 * random.normal() - 1 + moved);
    return {
      at_ms: period * 31 * DAY_MS,
      scores: margins.map(sigmoid),
      y: Uint8Array.from(margins, (own) => (random.uniform() < sigmoid(stretch * own + shift + noise * random.normal()) ? 1 : 0)),
      learner: Int32Array.from({ length: rows }, (_, i) => i),
    };
  });
}

const trained = Float64Array.from(matured(2_000, {}).flatMap(({ scores }) => Array.from(scores)));
const judged = (drift: Drift, rows = 2_000) => dimensionHealth({ dimension: "enrollment", matured: matured(rows, drift), trained, auc_trained: 0.82 });

describe("the health of a champion's scores", () => {
  test("is good while nothing drifts, with figures by cut-off", () => {
    const { health, breaches } = judged({});
    expect(breaches).toEqual([]);
    expect(health.auc).toBeCloseTo(0.82, 1);
    expect(Math.abs(health.slope! - 1)).toBeLessThan(4 * health.slope_se!);
    expect(health.ece).toBeLessThan(0.02);
    expect(health.score_psi).toBeLessThan(0.02);
    expect(health.rolling.map(({ at, rows }) => [at.slice(0, 10), rows])).toEqual([["1970-01-01", 2_000], ["1970-02-01", 2_000], ["1970-03-04", 2_000]]);
    for (const { auc, ece } of health.rolling) {
      expect(auc).toBeCloseTo(health.auc!, 1);
      expect(ece).toBeLessThan(0.04);
    }
  });

  test.each<{ drift: Drift; what: string }>([
    { drift: { noise: 3 }, what: "enrollment.auc" },
    { drift: { shift: 1 }, what: "enrollment.ece" },
    { drift: { stretch: 0.4 }, what: "enrollment.slope" },
    { drift: { stretch: 2 }, what: "enrollment.slope" },
    { drift: { moved: 1.5 }, what: "enrollment.score_psi" },
  ])("is breached by $drift", ({ drift, what }) => {
    const { breaches } = judged(drift);
    expect(breaches.map((breach) => breach.what)).toContain(what);
    for (const { value, limit } of breaches) expect(value).not.toBe(limit);
  });

  test("says nothing of a handful of rows, however wrong they look", () => {
    const { health, breaches } = judged({ noise: 3, shift: 2 }, 40);
    expect(breaches).toEqual([]);
    expect(health).toMatchObject({ rows: 120, auc: null, ece: null, slope: null, score_psi: null });
  });

  test("is not breached by what chance explains", () => {
    const few = dimensionHealth({ dimension: "churn", matured: matured(150, {}), trained, auc_trained: 0.9 });
    const many = dimensionHealth({ dimension: "churn", matured: matured(6_000, {}), trained, auc_trained: 0.9 });
    expect(few.health.auc).not.toBeNull();
    expect(few.breaches.filter(({ what }) => what === "churn.auc")).toEqual([]);
    expect(many.breaches.map(({ what }) => what)).toEqual(["churn.auc"]);
  });
});

describe("the health of inputs", () => {
  const random = new Prng("inputs");
  const column = (shift: number): Float64Array => Float64Array.from({ length: 3_000 }, () => random.normal() + shift);
  const names = ["a", "b", "c", "d"];

  test("is breached once many of them moved, not by one of them", () => {
    const before = names.map(() => column(0));
    const one = inputHealth(names, before, [column(1), column(0), column(0), column(0)]);
    expect(one.inputs[0]!.psi).toBeGreaterThan(0.25);
    expect(one.inputs.slice(1).every(({ psi }) => psi < 0.05)).toBe(true);
    expect(one.breaches).toEqual([]);
    const two = inputHealth(names, before, [column(1), column(-1), column(0), column(0)]);
    expect(two.breaches).toHaveLength(1);
    expect(two.breaches[0]).toMatchObject({ what: "inputs", value: 0.5, limit: 0.25 });
    expect(two.breaches[0]!.detail).toMatch(/a \(.*b \(|b \(.*a \(/);
  });

  test("stability is 0 of the same values, and grows with the shift", () => {
    const before = column(0);
    expect(stability(before, before)).toBe(0);
    expect(stability(before, column(0.5))).toBeLessThan(stability(before, column(1.5)));
  });
});
