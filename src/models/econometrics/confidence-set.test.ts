import fc from "fast-check";
import { expect, test } from "vitest";
import { confidenceSet, contains, quadraticSet, scaleSet } from "./confidence-set.ts";

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
