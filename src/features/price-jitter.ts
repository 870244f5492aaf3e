import type { EventOf } from "../contracts/events.ts";
import { log } from "../lib/exp-log.ts";

/** A draw further out, in standard deviations, was not random: 1 in 16,000 is. */
const JITTER_SDS_MAX = 4;

/**
 * The price before its random part; NaN when it has none, or one that its own σ and rounding do not explain. One such
 * price, a base in another unit, say, would outweigh everything else that is known of a category's elasticity.
 */
export function jitterBase({ price, jitter }: EventOf<"course.repriced">): number {
  if (jitter === undefined) return Number.NaN;
  return Math.abs(log(price / jitter.base)) <= JITTER_SDS_MAX * jitter.sigma + 1 / price ? jitter.base : Number.NaN;
}

/** A list price and when it came into force. */
export interface ListPrice {
  readonly time_ms: number;
  readonly price: number;
}

/** Inserts into a list that ascends by time; of equal times, in order of arrival. */
export function insertListPrice<P extends ListPrice>(prices: P[], price: P): void {
  let i = prices.length;
  while (i > 0 && prices[i - 1]!.time_ms > price.time_ms) i--;
  prices.splice(i, 0, price);
}

/** The list price in force at a time, when it is the price that was seen. */
export function listPriceInForce<P extends ListPrice>(prices: readonly P[], time_ms: number, price: number): P | undefined {
  for (let i = prices.length - 1; i >= 0; i--) {
    const own = prices[i]!;
    if (own.time_ms <= time_ms) return own.price === price ? own : undefined;
  }
  return undefined;
}
