import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sigmoid } from "../../lib/linear-algebra.ts";
import { Prng } from "../../lib/prng.ts";
import { areaWithError, clusteredError, type InfluencedFigure, slopeWithError } from "./metric-errors.ts";

/** Scores that are the probabilities, up to a factor of their logit, and what happened. */
function drawn(n: number, factor: number, seed: string): { p: Float64Array; y: Uint8Array } {
  const random = new Prng(seed);
  const x = Float64Array.from({ length: n }, () => 1.5 * random.normal() - 0.5);
  return { p: x.map((own) => sigmoid(factor * own)), y: Uint8Array.from(x, (own) => (random.uniform() < sigmoid(own) ? 1 : 0)) };
}

const each = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);

describe.each<[string, (p: Float64Array, y: Uint8Array) => InfluencedFigure | undefined]>([
  ["the area under the curve", areaWithError],
  ["the calibration slope", slopeWithError],
])("the error of %s", (_name, figure) => {
  test("is that which repeated samples show", () => {
    const found = Array.from({ length: 300 }, (_, draw) => {
      const { p, y } = drawn(400, 0.8, `sample ${draw}`);
      const { value, influence } = figure(p, y)!;
      return { value, error: clusteredError(influence, each(400)) };
    });
    const mean = found.reduce((sum, { value }) => sum + value / found.length, 0);
    const sd = Math.sqrt(found.reduce((sum, { value }) => sum + (value - mean) ** 2 / found.length, 0));
    const error = found.reduce((sum, own) => sum + own.error / found.length, 0);
    expect(error / sd).toBeGreaterThan(0.85);
    expect(error / sd).toBeLessThan(1.15);
  });

  test("does not shrink when every row comes twice", () => {
    const { p, y } = drawn(500, 1, "twice");
    const once = figure(p, y)!;
    const doubled = figure(Float64Array.of(...p, ...p), Uint8Array.of(...y, ...y))!;
    expect(doubled.value).toBeCloseTo(once.value, 2);
    expect(clusteredError(doubled.influence, Int32Array.of(...each(500), ...each(500))) / clusteredError(once.influence, each(500))).toBeCloseTo(1, 2);
    expect(clusteredError(doubled.influence, each(1_000)) / clusteredError(once.influence, each(500))).toBeCloseTo(Math.SQRT1_2, 2);
  });

  test("of a difference from itself is none", () => {
    const { influence } = figure(drawn(300, 1, "same").p, drawn(300, 1, "same").y)!;
    expect(clusteredError(influence.map((own, i) => own - influence[i]!), each(300))).toBe(0);
  });
});

test("influences on the area sum to nothing, whatever is tied", () => {
  const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 1 })), { minLength: 2, maxLength: 40 });
  fc.assert(
    fc.property(rows, (pairs) => {
      const found = areaWithError(pairs.map(([score]) => score), pairs.map(([, label]) => label));
      expect(found === undefined).toBe(new Set(pairs.map(([, label]) => label)).size < 2);
      expect(Array.from(found?.influence ?? []).reduce((sum, own) => sum + own, 0)).toBeCloseTo(0, 12);
    }),
  );
});

test("there is no slope of one score for all, nor of scores that separate", () => {
  expect(slopeWithError(new Float64Array(8).fill(0.3), [1, 0, 0, 0, 1, 0, 0, 0])).toBeUndefined();
  expect(slopeWithError(Float64Array.of(0.1, 0.2, 0.8, 0.9), [0, 0, 1, 1])).toBeUndefined();
});
