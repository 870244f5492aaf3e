import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Rounding } from "../contracts/policy.ts";
import { hasMember, memberFrom, memberUpTo, preimageOf, roundWithin } from "./rounding.ts";

const anyRounding: fc.Arbitrary<Rounding> = fc.oneof(
  fc.constant({ kind: "whole" as const }),
  fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 999 })), { minLength: 1, maxLength: 4 }).map((endings) => ({ kind: "charm" as const, endings })),
  fc.integer({ min: 2, max: 60 }).map((of) => ({ kind: "multiple" as const, of })),
);

/** What an ending means, written down as text: the last digits of the price are the ending's. */
function ends(rounding: Rounding, price: number): boolean {
  if (rounding.kind === "charm") return rounding.endings.some((ending) => String(price).padStart(4, "0").endsWith(String(ending)));
  return rounding.kind === "whole" || price % rounding.of === 0;
}

const anyRange = fc.tuple(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 0, max: 1_500 })).map(([min, width]) => ({ min, max: min + width }));

test("rounds to the nearest price in the range that ends as asked, and finds one if there is one", () => {
  fc.assert(
    fc.property(anyRounding, anyRange, fc.double({ min: 0, max: 2_500, noNaN: true }), (rounding, { min, max }, price) => {
      const members = Array.from({ length: max - min + 1 }, (_, i) => min + i).filter((one) => ends(rounding, one));
      const rounded = roundWithin(rounding, price, min, max);
      expect(hasMember(rounding, min, max)).toBe(members.length > 0);
      expect(rounded === undefined).toBe(members.length === 0);
      if (rounded === undefined) return;
      const inside = Math.min(max, Math.max(min, price));
      expect(members).toContain(rounded);
      expect(Math.abs(rounded - inside)).toBe(Math.min(...members.map((one) => Math.abs(one - inside))));
    }),
    { numRuns: 500 },
  );
});

test("a price rounds to a member exactly when it lies in what the member says it comes from", { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(anyRounding, anyRange, fc.double({ min: 0.01, max: 2_500, noNaN: true }), (rounding, { min, max }, price) => {
      const rounded = roundWithin(rounding, price, min, max);
      for (let member = memberFrom(rounding, min); member <= max; member = memberFrom(rounding, member + 1)) {
        const { low, high } = preimageOf(rounding, member, min, max);
        const inside = Math.min(max, Math.max(min, price));
        expect(inside >= low && inside < high, `${price} to ${member}`).toBe(member === rounded);
      }
    }),
    { numRuns: 60 },
  );
});

test("members of each kind", () => {
  const nines: Rounding = { kind: "charm", endings: [9] };
  expect([memberFrom(nines, 1), memberFrom(nines, 10), memberUpTo(nines, 8), memberUpTo(nines, 30)]).toEqual([9, 19, 0, 29]);
  expect([memberFrom({ kind: "charm", endings: [99, 50] }, 51), memberFrom({ kind: "charm", endings: [0] }, 1)]).toEqual([99, 10]);
  expect([memberFrom({ kind: "multiple", of: 25 }, 1), memberUpTo({ kind: "multiple", of: 25 }, 24)]).toEqual([25, 0]);
});
