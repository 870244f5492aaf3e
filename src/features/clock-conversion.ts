import { log } from "../lib/exp-log.ts";
import { DAY_MS, HOUR_MS } from "../lib/time.ts";
import type { Aggregator, Reading } from "./aggregator.ts";
import { DEMAND_HALF_LIFE_MS, EXPOSED, demandCellScale, demandCellWeight } from "./demand-cells.ts";

const HOURS = 24;
const WEEKDAYS = 7;
/** 1970-01-01 was a Thursday; weeks begin on Monday. */
const EPOCH_WEEKDAY = 3;
/** Enrollments' worth of the average that an hour's or weekday's own conversion is shrunk with. */
const PRIOR_ENROLLMENTS = 20;
const CONVERSION_MAX = 0.999;

function cycle(value: number, length: number): number {
  return ((value % length) + length) % length;
}

function hourOf(time_ms: number): number {
  return cycle(Math.floor(time_ms / HOUR_MS), HOURS);
}

function weekdayOf(time_ms: number): number {
  return cycle(Math.floor(time_ms / DAY_MS) + EPOCH_WEEKDAY, WEEKDAYS);
}

/**
 * Decayed exposures and enrollments by hour of the day and by weekday, UTC, with the demand cells' half-life; channels as theirs. Slots: n and q of each
 * hour, then of each weekday.
 */
export const clockConversion: Aggregator = {
  kind: `clock_conversion:${DEMAND_HALF_LIFE_MS}`,
  width: 2 * (HOURS + WEEKDAYS),
  update(record, offset, _value, time_ms, channel) {
    const weight = demandCellWeight(time_ms);
    const hour = offset + 2 * hourOf(time_ms) + channel - EXPOSED;
    const weekday = offset + 2 * (HOURS + weekdayOf(time_ms)) + channel - EXPOSED;
    record[hour] = record[hour]! + weight;
    record[weekday] = record[weekday]! + weight;
    return true;
  },
  merge(into, into_offset, from, from_offset) {
    for (let i = 0; i < clockConversion.width; i++) into[into_offset + i] = into[into_offset + i]! + from[from_offset + i]!;
  },
};

function logOdds(conversion: number): number {
  const share = Math.min(CONVERSION_MAX, conversion);
  return log(share / (1 - share));
}

/** Log-odds of enrolling in the place of the clock that holds now, less those of all places; shrunk, and 0 while nobody has enrolled. */
function lift(record: Float64Array, first: number, places: number, place: number, scale: number): number {
  let exposures = 0;
  let enrollments = 0;
  for (let i = first; i < first + 2 * places; i += 2) {
    exposures += record[i]!;
    enrollments += record[i + 1]!;
  }
  if (enrollments === 0) return 0;
  const average = enrollments / Math.max(exposures, enrollments);
  const q = record[first + 2 * place + 1]! * scale;
  const n = Math.max(record[first + 2 * place]! * scale, q);
  return logOdds((q + PRIOR_ENROLLMENTS) / (n + PRIOR_ENROLLMENTS / average)) - logOdds(average);
}

export const hourLift: Reading = (record, offset, now_ms) => lift(record, offset, HOURS, hourOf(now_ms), demandCellScale(now_ms));
export const weekdayLift: Reading = (record, offset, now_ms) => lift(record, offset + 2 * HOURS, WEEKDAYS, weekdayOf(now_ms), demandCellScale(now_ms));
