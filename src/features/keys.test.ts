import * as fc from "fast-check";
import { expect, test } from "vitest";
import { DAY_MS } from "../lib/time.ts";
import { DayKeys } from "./day-keys.ts";
import { PairKeys } from "./pair-keys.ts";

test("a pair's key is the same after any trimming", () => {
  const pairs = new PairKeys();
  fc.assert(
    fc.property(fc.constantFrom("L1", "L2", "C1"), fc.constantFrom("C1", "C2", "L1"), fc.nat(3), (first, second, pairs_max) => {
      expect(pairs.key(first, second)).toBe(`${first}/${second}`);
      pairs.trim(pairs_max);
    }),
  );
});

test("a day's key is its UTC date, before 1970 as well, however the days follow each other", () => {
  const days = new DayKeys();
  fc.assert(fc.property(fc.integer({ min: -10 * 365 * DAY_MS, max: 80 * 365 * DAY_MS }), (time_ms) => days.key(time_ms) === new Date(time_ms).toISOString().slice(0, 10)));
  // More days than are kept.
  for (let day = 0; day < 10_000; day++) days.key(day * DAY_MS);
  expect(days.key(0)).toBe("1970-01-01");
  expect(days.key(DAY_MS - 1)).toBe("1970-01-01");
});
