import { DAY_MS } from "../lib/time.ts";
import type { Aggregator, Reading } from "./aggregator.ts";

/** Days that the bitmap holds, the newest included. */
export const STREAK_DAYS = 64;
const WORD = 32;

export interface Streak extends Aggregator {
  /** Consecutive days up to today or, as long as today may still come, up to yesterday. */
  readonly current: Reading;
  /** The longest run among the STREAK_DAYS days that end with the newest one. */
  readonly longest: Reading;
  /** How late an event may come and still be in the bitmap. */
  readonly lateness_ms: number;
}

/** Whether the day that lies `back` days before the newest one is set. */
function isSet(record: Float64Array, offset: number, back: number): boolean {
  return ((record[offset + 1 + (back >>> 5)]! >>> (back & 31)) & 1) === 1;
}

/** Makes `days` days later the newest one, without setting it. */
function shift(record: Float64Array, offset: number, days: number): void {
  const low = record[offset + 1]!;
  const high = record[offset + 2]!;
  if (days >= STREAK_DAYS) {
    record[offset + 1] = 0;
    record[offset + 2] = 0;
  } else if (days >= WORD) {
    record[offset + 1] = 0;
    record[offset + 2] = (low << (days - WORD)) >>> 0;
  } else if (days > 0) {
    record[offset + 1] = (low << days) >>> 0;
    record[offset + 2] = ((high << days) | (low >>> (WORD - days))) >>> 0;
  }
  record[offset] = record[offset]! + days;
}

function set(record: Float64Array, offset: number, back: number): void {
  const slot = offset + 1 + (back >>> 5);
  record[slot] = (record[slot]! | (1 << (back & 31))) >>> 0;
}

/**
 * The UTC days on which something happened, as a bitmap of the last STREAK_DAYS days. Slots: absolute index of the newest
 * day (0 = none yet), then bits of that day and the 31 before, then of the 32 before those. The state is a set: the order of
 * events does not matter. Days that have left the bitmap, and times before 1970-01-02, are refused.
 */
export const streak: Streak = {
  kind: `streak:${STREAK_DAYS}`,
  width: 3,
  lateness_ms: (STREAK_DAYS - 1) * DAY_MS,
  update(record, offset, _value, time_ms) {
    const day = Math.floor(time_ms / DAY_MS);
    const back = record[offset]! - day;
    if (day <= 0 || back >= STREAK_DAYS) return false;
    if (back < 0) shift(record, offset, -back);
    set(record, offset, Math.max(0, back));
    return true;
  },
  merge(into, into_offset, from, from_offset) {
    if (from[from_offset] === 0) return;
    const ahead = from[from_offset]! - into[into_offset]!;
    if (ahead > 0) shift(into, into_offset, ahead);
    for (let back = 0; back < STREAK_DAYS; back++) {
      const here = ahead > 0 ? back : back - ahead;
      if (here < STREAK_DAYS && isSet(from, from_offset, back)) set(into, into_offset, here);
    }
  },
  current(record, offset, now_ms) {
    if (record[offset]! < Math.floor(now_ms / DAY_MS) - 1) return 0;
    let days = 0;
    while (days < STREAK_DAYS && isSet(record, offset, days)) days++;
    return days;
  },
  longest(record, offset) {
    let longest = 0;
    let run = 0;
    for (let back = 0; back < STREAK_DAYS; back++) {
      run = isSet(record, offset, back) ? run + 1 : 0;
      if (run > longest) longest = run;
    }
    return longest;
  },
};
