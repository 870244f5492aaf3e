import type { Aggregator, Reading } from "./aggregator.ts";

/** Prices that stay: about half a year of weekly ones. */
export const PRICES_KEPT = 32;

const SLOTS_PER_PRICE = 2;

export interface SetPrice {
  readonly time_ms: number;
  readonly price: number;
}

/**
 * The latest prices that were set, by event time; of equal times, the later sequence is the later price. An older one than those that are kept only
 * counts. Times before 1970 are refused. Slots: how many there were, then time and price of each that is kept, oldest first.
 */
export const priceHistory: Aggregator = {
  kind: `price_history:${PRICES_KEPT}`,
  width: 1 + PRICES_KEPT * SLOTS_PER_PRICE,
  update(record, offset, price, time_ms) {
    if (time_ms < 0) return false;
    insert(record, offset, price, time_ms);
    return true;
  },
  merge(into, into_offset, from, from_offset) {
    const total = into[into_offset]! + from[from_offset]!;
    const kept = Math.min(PRICES_KEPT, from[from_offset]!);
    for (let i = 0; i < kept; i++) {
      const slot = from_offset + 1 + i * SLOTS_PER_PRICE;
      insert(into, into_offset, from[slot + 1]!, from[slot]!);
    }
    into[into_offset] = total;
  },
};

/** Moves the prices before or behind the new one's place by one, whichever makes room; nearly always it belongs at the end. */
function insert(record: Float64Array, offset: number, price: number, time_ms: number): void {
  const first = offset + 1;
  const kept = Math.min(PRICES_KEPT, record[offset]!);
  record[offset] = record[offset]! + 1;
  let place = kept;
  while (place > 0 && record[first + (place - 1) * SLOTS_PER_PRICE]! > time_ms) place--;
  let slot = first + place * SLOTS_PER_PRICE;
  if (kept < PRICES_KEPT) record.copyWithin(slot + SLOTS_PER_PRICE, slot, first + kept * SLOTS_PER_PRICE);
  else if (place === 0) return;
  else {
    slot -= SLOTS_PER_PRICE;
    record.copyWithin(first, first + SLOTS_PER_PRICE, slot + SLOTS_PER_PRICE);
  }
  record[slot] = time_ms;
  record[slot + 1] = price;
}

/** Slot of the price that was set `back` prices before the last one; −1 when it is not kept. */
function slotOf(record: Float64Array, offset: number, back: number): number {
  const place = Math.min(PRICES_KEPT, record[offset]!) - 1 - back;
  return place < 0 ? -1 : offset + 1 + place * SLOTS_PER_PRICE;
}

const priceBefore =
  (back: number): Reading =>
  (record, offset) => {
    const slot = slotOf(record, offset, back);
    return slot < 0 ? 0 : record[slot + 1]!;
  };

/** All 0 without any. */
export const lastPrice: Reading = priceBefore(0);
export const previousPrice: Reading = priceBefore(1);
export const lastPriceTime: Reading = (record, offset) => {
  const slot = slotOf(record, offset, 0);
  return slot < 0 ? 0 : record[slot]!;
};

/** The prices that are kept, oldest first. */
export function readPriceHistory(record: Float64Array, offset: number): SetPrice[] {
  return Array.from({ length: Math.min(PRICES_KEPT, record[offset]!) }, (_, i) => {
    const slot = offset + 1 + i * SLOTS_PER_PRICE;
    return { time_ms: record[slot]!, price: record[slot + 1]! };
  });
}
