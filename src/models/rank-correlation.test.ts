import fc from "fast-check";
import { expect, test } from "vitest";
import { spearman } from "./rank-correlation.ts";

test("1 of what rises together, −1 of what does not, mean ranks for ties", () => {
  expect(spearman([1, 2, 3], [10, 100, 1_000])).toBe(1);
  expect(spearman([1, 2, 3], [3, 2, 1])).toBe(-1);
  // Ranks 1.5, 1.5, 3 against 1, 2, 3.
  expect(spearman([5, 5, 9], [1, 2, 3])).toBeCloseTo(1.5 / Math.sqrt(1.5 * 2), 12);
  expect(spearman([1, 1], [1, 2])).toBeNaN();
});

test("depends on the order alone, whichever comes first", () => {
  const values = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 })), { minLength: 3, maxLength: 30 });
  fc.assert(
    fc.property(values, (pairs) => {
      const [a, b] = [pairs.map(([own]) => own), pairs.map(([, own]) => own)];
      const found = spearman(a, b);
      fc.pre(!Number.isNaN(found));
      expect(spearman(a.map((own) => Math.exp(own)), b.map((own) => own ** 3))).toBeCloseTo(found, 12);
      expect(spearman(b, a)).toBeCloseTo(found, 12);
      expect(Math.abs(found)).toBeLessThanOrEqual(1 + 1e-12);
    }),
  );
});
