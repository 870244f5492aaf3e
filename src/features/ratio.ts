import type { Aggregator, Reading } from "./aggregator.ts";

/** Channels: a whole with its outcome (1 = part of it, 0 = not), a part alone, a whole alone. */
export const TRIAL = 0;
export const PART = 1;
export const WHOLE = 2;

/** Two counts, a part and its whole, where part and whole may come as events of their own. Slots: part, whole. */
export const ratio: Aggregator = {
  kind: "ratio",
  width: 2,
  update(record, offset, value, _time_ms, channel) {
    if (channel !== WHOLE) record[offset] = record[offset]! + value;
    if (channel !== PART) record[offset + 1] = record[offset + 1]! + (channel === WHOLE ? value : 1);
    return true;
  },
  merge(into, into_offset, from, from_offset) {
    into[into_offset] = into[into_offset]! + from[from_offset]!;
    into[into_offset + 1] = into[into_offset + 1]! + from[from_offset + 1]!;
  },
};

export const ratioPart: Reading = (record, offset) => record[offset]!;
export const ratioWhole: Reading = (record, offset) => record[offset + 1]!;

/** Part of the whole, at most 1 (a part may come before its whole); 0 without any. */
export const ratioShare: Reading = (record, offset) => (record[offset + 1]! > 0 ? Math.min(1, record[offset]! / record[offset + 1]!) : 0);

/** The share with `weight` more wholes of which `prior` are parts: few outcomes say little. */
export function shrunkShare(prior: number, weight: number): Reading {
  return (record, offset) => Math.min(1, (record[offset]! + prior * weight) / (record[offset + 1]! + weight));
}
