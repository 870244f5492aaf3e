import { DAY_MS } from "../lib/time.ts";
import type { Aggregator, Reading } from "./aggregator.ts";
import { decayRate, decayScale, decayWeight } from "./forward-decay.ts";

export interface DecayedRate extends Aggregator {
  /** Value per day: the decayed sum times λ, which a steady stream approaches from below. */
  readonly per_day: Reading;
}

/** Exponentially decayed sum of values, read as a rate. */
export function decayedRate(half_life_ms: number): DecayedRate {
  const rate = decayRate(half_life_ms);
  return {
    kind: `decayed_rate:${half_life_ms}`,
    width: 1,
    update(record, offset, value, time_ms) {
      record[offset] = record[offset]! + value * decayWeight(rate, time_ms);
      return true;
    },
    merge(into, into_offset, from, from_offset) {
      into[into_offset] = into[into_offset]! + from[from_offset]!;
    },
    per_day: (record, offset, now_ms) => record[offset]! * decayScale(rate, now_ms) * (rate * DAY_MS),
  };
}
