import { DAY_MS } from "../../lib/time.ts";
import { mix32 } from "../distinct.ts";
import { naiveDistinct } from "./naive-distinct.ts";

/**
 * What each aggregator's readings are, recomputed from the values themselves, slowly and plainly: the oracle of single states, as
 * naive-features.ts is that of whole records.
 */
export interface Value {
  readonly value: number;
  readonly time_ms: number;
  readonly channel: number;
}

/** The readings at a time, over a window where there is one. */
export type Naive = (items: readonly Value[], now_ms: number, window_ms: number) => readonly number[];

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const valuesOf = (items: readonly Value[], ...channels: readonly number[]): number[] => items.filter(({ channel }) => channels.length === 0 || channels.includes(channel)).map(({ value }) => value);

export const naiveCount: Naive = (items) => [items.length];
export const naiveSum: Naive = (items) => [total(valuesOf(items))];
export const naiveMean: Naive = (items) => [items.length === 0 ? 0 : total(valuesOf(items)) / items.length];
export const naiveMaximum: Naive = (items) => [Math.max(0, ...valuesOf(items))];
export const naiveExtremes: Naive = (items) => (items.length === 0 ? [0, 0] : [Math.min(...valuesOf(items)), Math.max(...valuesOf(items))]);

/** The last of those with the latest time. */
export const naiveLast: Naive = (items) => {
  const latest_ms = Math.max(0, ...items.map(({ time_ms }) => time_ms));
  return [items.findLast(({ time_ms }) => time_ms === latest_ms)?.value ?? 0, latest_ms];
};

/** How many, then time and value of the latest, oldest first. */
export const naiveHistory =
  (kept: number): Naive =>
  (items) => [items.length, ...items.toSorted((a, b) => a.time_ms - b.time_ms).slice(-kept).flatMap(({ time_ms, value }) => [time_ms, value])];

/** In two passes. */
export const naiveMoments: Naive = (items) => {
  const mean = naiveMean(items, 0, 0)[0]!;
  const squares = total(valuesOf(items).map((value) => (value - mean) ** 2));
  return [mean, items.length < 2 ? 0 : squares / (items.length - 1)];
};

export const naiveRate =
  (half_life_ms: number): Naive =>
  (items, now_ms) => [total(items.map(({ value, time_ms }) => value * 2 ** ((time_ms - now_ms) / half_life_ms))) * ((Math.LN2 * DAY_MS) / half_life_ms)];

/** Channels: a trial with its outcome, a part, a whole. */
export const naiveRatio: Naive = (items) => {
  const part = total(valuesOf(items, 0, 1));
  const whole = valuesOf(items, 0).length + total(valuesOf(items, 2));
  return [part, whole, whole === 0 ? 0 : Math.min(1, part / whole)];
};

export const naiveRuns: Naive = (items, now_ms) => {
  const all = items.map(({ time_ms }) => Math.floor(time_ms / DAY_MS));
  const newest = Math.max(...all);
  const days = new Set(all.filter((day) => day > newest - 64));
  const run = (day: number): number => (days.has(day) ? 1 + run(day - 1) : 0);
  return [newest < Math.floor(now_ms / DAY_MS) - 1 ? 0 : run(newest), Math.max(0, ...[...days].map(run))];
};

/** Nearly: what linear counting over plain registers says of a few. */
export const naiveSketch =
  (precision: number): Naive =>
  (items) => [naiveDistinct(items.map(({ value }) => mix32(value)), precision)];

/** The window's tiles, and those before it, of what the ring still holds. */
export const naiveTiles =
  (tile_ms: number, tiles: number): Naive =>
  (items, now_ms, window_ms) => {
    const tileOf = (time_ms: number): number => Math.floor(time_ms / tile_ms);
    const newest = Math.max(...items.map(({ time_ms }) => tileOf(time_ms)));
    const between = (from: number, end: number): number => total(valuesOf(items.filter(({ time_ms }) => tileOf(time_ms) > newest - tiles && tileOf(time_ms) >= from && tileOf(time_ms) < end)));
    const start = tileOf(now_ms - window_ms);
    return [between(start, Number.POSITIVE_INFINITY), between(tileOf(now_ms - 2 * window_ms), start)];
  };

/** Mean x, exposures and enrollments of each occupied cell, lowest first. Channels: listed, exposed, enrolled. */
export const naiveDemand = (reference_price: number, cells: number, width: number, half_life_ms: number): Naive => naiveCells((value) => Math.log(value / reference_price), cells, width, half_life_ms);

export const naiveCells =
  (coordinate: (value: number) => number, cells: number, width: number, half_life_ms: number): Naive =>
  (items, now_ms) => {
    const found = new Map<number, { x: number; exposures: number; enrollments: number }>();
    for (const { value, time_ms, channel } of items) {
      if (channel === 0) continue;
      const x = coordinate(value);
      const index = Math.min(cells / 2 - 1, Math.max(-cells / 2, Math.floor(x / width)));
      const cell = found.get(index) ?? { x: 0, exposures: 0, enrollments: 0 };
      found.set(index, cell);
      const weight = 2 ** ((time_ms - now_ms) / half_life_ms);
      cell.x += weight * x;
      cell[channel === 1 ? "exposures" : "enrollments"] += weight;
    }
    return [...found].sort(([a], [b]) => a - b).flatMap(([, { x, exposures, enrollments }]) => [x / (exposures + enrollments), exposures, enrollments]);
  };

/** Log-odds of enrolling in now's hour and weekday less those of all, from shares that 20 average enrollments shrink. */
export const naiveClock =
  (half_life_ms: number): Naive =>
  (items, now_ms) =>
    [(time_ms: number) => new Date(time_ms).getUTCHours(), (time_ms: number) => new Date(time_ms).getUTCDay()].map((placeOf) => {
      const counted = (channel: number, place?: number): number =>
        items.filter((item) => item.channel === channel && (place === undefined || placeOf(item.time_ms) === place)).reduce((sum, { time_ms }) => sum + 2 ** ((time_ms - now_ms) / half_life_ms), 0);
      const [exposures, enrollments] = [counted(1), counted(2)];
      if (enrollments === 0) return 0;
      const average = Math.min(1, enrollments / exposures);
      const here = counted(2, placeOf(now_ms));
      const share = (here + 20) / (Math.max(here, counted(1, placeOf(now_ms))) + 20 / average);
      const logit = (p: number): number => Math.log(Math.min(0.999, p) / (1 - Math.min(0.999, p)));
      return logit(share) - logit(average);
    });
