import type { Rounding } from "../contracts/policy.ts";
import { unreachable } from "../lib/assert.ts";

/** 10 to the number of digits of an ending: 9 → 10, 99 → 100, 0 → 10. */
function modulusOf(ending: number): number {
  return ending > 99 ? 1_000 : ending > 9 ? 100 : 10;
}

/** The smallest number ≥ `least` (at least 1) that is `rest` modulo `modulus`. */
function congruentFrom(least: number, rest: number, modulus: number): number {
  const from = Math.max(1, least);
  return from + ((((rest - from) % modulus) + modulus) % modulus);
}

/** The lowest price at or above a whole one that ends as the rounding asks. */
export function memberFrom(rounding: Rounding, least: number): number {
  const from = Math.max(1, least);
  switch (rounding.kind) {
    case "whole":
      return from;
    case "multiple":
      return congruentFrom(from, 0, rounding.of);
    case "charm": {
      let best = Number.POSITIVE_INFINITY;
      for (const ending of rounding.endings) best = Math.min(best, congruentFrom(from, ending, modulusOf(ending)));
      return best;
    }
    default:
      return unreachable(rounding);
  }
}

/** The highest at or below it; 0 when there is none. */
export function memberUpTo(rounding: Rounding, most: number): number {
  switch (rounding.kind) {
    case "whole":
      return Math.max(0, most);
    case "multiple":
      return Math.max(0, most - (most % rounding.of));
    case "charm": {
      let best = 0;
      for (const ending of rounding.endings) {
        const modulus = modulusOf(ending);
        best = Math.max(best, most - ((((most - ending) % modulus) + modulus) % modulus));
      }
      return best;
    }
    default:
      return unreachable(rounding);
  }
}

/** Whether some price from `min` to `max`, whole numbers, ends as the rounding asks. */
export function hasMember(rounding: Rounding, min: number, max: number): boolean {
  return memberFrom(rounding, min) <= max;
}

/** The nearest price from `min` to `max`, whole numbers, that ends as the rounding asks, the upper one of two; undefined when there is none. */
export function roundWithin(rounding: Rounding, price: number, min: number, max: number): number | undefined {
  const inside = Math.min(max, Math.max(min, price));
  const above = memberFrom(rounding, Math.ceil(inside));
  const below = memberUpTo(rounding, Math.floor(inside));
  const above_fits = above <= max;
  const below_fits = below >= min && below >= 1;
  if (above_fits && below_fits) return above - inside <= inside - below ? above : below;
  return above_fits ? above : below_fits ? below : undefined;
}

/** The prices that `roundWithin` brings to `member`: from `low` on, below `high`. */
export function preimageOf(rounding: Rounding, member: number, min: number, max: number): { low: number; high: number } {
  const before = memberUpTo(rounding, member - 1);
  const after = memberFrom(rounding, member + 1);
  return {
    low: before >= min && before >= 1 ? (before + member) / 2 : 0,
    high: after <= max ? (member + after) / 2 : Number.POSITIVE_INFINITY,
  };
}
