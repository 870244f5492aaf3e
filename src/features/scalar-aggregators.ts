import type { Aggregator, Reading } from "./aggregator.ts";

function mergeBySum(into: Float64Array, into_offset: number, from: Float64Array, from_offset: number): void {
  into[into_offset] = into[into_offset]! + from[from_offset]!;
}

/** How many events there were. */
export const count: Aggregator = {
  kind: "count",
  width: 1,
  update(record, offset) {
    record[offset] = record[offset]! + 1;
    return true;
  },
  merge: mergeBySum,
};

/** Sum of the values; exact while the values are whole and the sum is below 2^53. */
export const sum: Aggregator = {
  kind: "sum",
  width: 1,
  update(record, offset, value) {
    record[offset] = record[offset]! + value;
    return true;
  },
  merge: mergeBySum,
};

/** How many values there were and their sum: a mean that merges exactly while the values are whole. Slots: count, sum. */
export const mean: Aggregator = {
  kind: "mean",
  width: 2,
  update(record, offset, value) {
    record[offset] = record[offset]! + 1;
    record[offset + 1] = record[offset + 1]! + value;
    return true;
  },
  merge(into, into_offset, from, from_offset) {
    into[into_offset] = into[into_offset]! + from[from_offset]!;
    into[into_offset + 1] = into[into_offset + 1]! + from[from_offset + 1]!;
  },
};

/** 0 without any. */
export const meanValue: Reading = (record, offset) => (record[offset]! > 0 ? record[offset + 1]! / record[offset]! : 0);

/** Largest value, and at least 0: lower ones, such as times before 1970, are refused. */
export const maximum: Aggregator = {
  kind: "maximum",
  width: 1,
  update(record, offset, value) {
    if (value > record[offset]!) record[offset] = value;
    return value >= 0;
  },
  merge(into, into_offset, from, from_offset) {
    if (from[from_offset]! > into[into_offset]!) into[into_offset] = from[from_offset]!;
  },
};

/** Smallest and largest value. Slots: how many there were, minimum, maximum. */
export const extremes: Aggregator = {
  kind: "extremes",
  width: 3,
  update(record, offset, value) {
    const n = record[offset]!;
    record[offset] = n + 1;
    if (n === 0 || value < record[offset + 1]!) record[offset + 1] = value;
    if (n === 0 || value > record[offset + 2]!) record[offset + 2] = value;
    return true;
  },
  merge(into, into_offset, from, from_offset) {
    const right = from[from_offset]!;
    if (right === 0) return;
    const left = into[into_offset]!;
    into[into_offset] = left + right;
    if (left === 0 || from[from_offset + 1]! < into[into_offset + 1]!) into[into_offset + 1] = from[from_offset + 1]!;
    if (left === 0 || from[from_offset + 2]! > into[into_offset + 2]!) into[into_offset + 2] = from[from_offset + 2]!;
  },
};

/** Both 0 without any value. */
export const lowest: Reading = (record, offset) => record[offset + 1]!;
export const highest: Reading = (record, offset) => record[offset + 2]!;

/** The value of the latest event time; of equal times, the later sequence. Times before 1970 are refused. Slots: time, value. */
export const last: Aggregator = {
  kind: "last",
  width: 2,
  update(record, offset, value, time_ms) {
    if (time_ms >= record[offset]!) {
      record[offset] = time_ms;
      record[offset + 1] = value;
    }
    return time_ms >= 0;
  },
  merge(into, into_offset, from, from_offset) {
    const time_ms = from[from_offset]!;
    if (time_ms !== 0 && time_ms >= into[into_offset]!) {
      into[into_offset] = time_ms;
      into[into_offset + 1] = from[from_offset + 1]!;
    }
  },
};

export const lastValue: Reading = (record, offset) => record[offset + 1]!;
/** Event time of that value; 0 = none. */
export const lastTime: Reading = (record, offset) => record[offset]!;

/** Count, mean and sum of squared deviations (Welford 1962; merged as Chan, Golub, LeVeque 1979). */
export const welford: Aggregator = {
  kind: "welford",
  width: 3,
  update(record, offset, value) {
    const n = record[offset]! + 1;
    const delta = value - record[offset + 1]!;
    const mean = record[offset + 1]! + delta / n;
    record[offset] = n;
    record[offset + 1] = mean;
    record[offset + 2] = record[offset + 2]! + delta * (value - mean);
    return true;
  },
  merge(into, into_offset, from, from_offset) {
    const right = from[from_offset]!;
    if (right === 0) return;
    const left = into[into_offset]!;
    if (left === 0) {
      for (let i = 0; i < 3; i++) into[into_offset + i] = from[from_offset + i]!;
      return;
    }
    const n = left + right;
    const delta = from[from_offset + 1]! - into[into_offset + 1]!;
    into[into_offset] = n;
    into[into_offset + 1] = into[into_offset + 1]! + (delta * right) / n;
    into[into_offset + 2] = into[into_offset + 2]! + from[from_offset + 2]! + (delta * delta * left * right) / n;
  },
};

export const welfordMean: Reading = (record, offset) => record[offset + 1]!;

/** Unbiased sample variance; 0 below two values. */
export const welfordVariance: Reading = (record, offset) => (record[offset]! < 2 ? 0 : record[offset + 2]! / (record[offset]! - 1));
