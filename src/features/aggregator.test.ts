import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DAY_MS, HOUR_MS } from "../lib/time.ts";
import { type Aggregator, type Reading, total } from "./aggregator.ts";
import { clockConversion, hourLift, weekdayLift } from "./clock-conversion.ts";
import { decayedRate } from "./decayed-rate.ts";
import { DEMAND_CELLS, DEMAND_CELL_WIDTH, DEMAND_HALF_LIFE_MS, DEMAND_READING_LENGTH_MAX, ENROLLED, EXPOSED, LISTED, demandCells, readDemandCells } from "./demand-cells.ts";
import { distinct, mix32 } from "./distinct.ts";
import { stateDefinitions } from "./feature-set.ts";
import { JITTER_CELLS, JITTER_CELL_WIDTH, JITTER_READING_LENGTH_MAX, jitterCells, readJitterCells } from "./jitter-cells.ts";
import { PRICES_KEPT, priceHistory, readPriceHistory } from "./price-history.ts";
import { PART, TRIAL, WHOLE, ratio, ratioPart, ratioShare, ratioWhole, shrunkShare } from "./ratio.ts";
import { count, extremes, highest, last, lastTime, lastValue, lowest, maximum, mean, meanValue, sum, welford, welfordMean, welfordVariance } from "./scalar-aggregators.ts";
import { decodeSlots, encodeSlots } from "./sparse-slots.ts";
import { STREAK_DAYS, streak } from "./streak.ts";
import * as naive from "./testing/naive-aggregators.ts";
import { naiveDistinct } from "./testing/naive-distinct.ts";
import { type TiledWindow, dayTiles, hourTiles, monthTiles, tiledWindow, weekTiles } from "./tiled-window.ts";

/** Values are fed through it: what counts hashes is not fed small numbers. */
const hashed = (aggregator: Aggregator): Aggregator => ({ ...aggregator, update: (record, offset, value, time_ms, channel) => aggregator.update(record, offset, mix32(value), time_ms, channel) });

const START_MS = Date.UTC(2026, 0, 1);
const OFFSET = 3;

const updates = (channel_min: number, channel_max: number): fc.Arbitrary<naive.Value[]> =>
  fc.array(fc.record({ value: fc.integer({ min: 1, max: 1_000 }), time_ms: fc.oneof(fc.integer({ min: 0, max: 30 * DAY_MS }), fc.integer({ min: 0, max: 150 * DAY_MS })).map((t) => START_MS + t), channel: fc.integer({ min: channel_min, max: channel_max }) }), { maxLength: 40 });

const rate = decayedRate(30 * DAY_MS);
const ring = tiledWindow(DAY_MS, 4);

interface Contract {
  readonly name: string;
  readonly aggregator: Aggregator;
  /** Merging gives the same bits in any grouping. */
  readonly exact: boolean;
  readonly channel_min?: number;
  readonly channel_max?: number;
  readonly read: (record: Float64Array, now_ms: number, window_ms: number) => readonly number[];
  readonly naive: naive.Naive;
}

const PRICE = 100;

const readings =
  (...list: readonly Reading[]) =>
  (record: Float64Array, now_ms: number, window_ms: number): number[] =>
    list.map((reading) => reading(record, OFFSET, now_ms, window_ms));

const tiles = (name: string, aggregator: TiledWindow): Contract => ({
  name,
  aggregator,
  exact: true,
  read: readings(aggregator.within, aggregator.before),
  naive: naive.naiveTiles(aggregator.tile_ms, aggregator.tiles),
});

function sketch(precision: number): Contract {
  const sketch = distinct(precision);
  return { name: `distinct, ${2 ** precision} registers`, aggregator: hashed(sketch), exact: true, read: readings(sketch.estimate), naive: naive.naiveSketch(precision) };
}

function demand(record: Float64Array, now_ms: number): readonly number[] {
  const out = new Float64Array(DEMAND_READING_LENGTH_MAX);
  return [...out.subarray(0, readDemandCells(record, OFFSET, now_ms, out))];
}

function jitter(record: Float64Array, now_ms: number): readonly number[] {
  const out = new Float64Array(JITTER_READING_LENGTH_MAX);
  return [...out.subarray(0, readJitterCells(record, OFFSET, now_ms, out))];
}

/** Values 1 to 1,000 as random parts of a log price, beyond the end cells too; 0 is not among them. */
const asJitter = (value: number): number => (value - 500.5) / 1_000;
const jittered: Aggregator = { ...jitterCells, update: (record, offset, value, time_ms, channel) => jitterCells.update(record, offset, asJitter(value), time_ms, channel) };

const history = (record: Float64Array): readonly number[] => [record[OFFSET]!, ...readPriceHistory(record, OFFSET).flatMap(({ time_ms, price }) => [time_ms, price])];

const contract: readonly Contract[] = [
  { name: "count", aggregator: count, exact: true, read: readings(total), naive: naive.naiveCount },
  { name: "sum", aggregator: sum, exact: true, read: readings(total), naive: naive.naiveSum },
  { name: "mean", aggregator: mean, exact: true, read: readings(meanValue), naive: naive.naiveMean },
  { name: "maximum", aggregator: maximum, exact: true, read: readings(total), naive: naive.naiveMaximum },
  { name: "last", aggregator: last, exact: true, read: readings(lastValue, lastTime), naive: naive.naiveLast },
  { name: "welford", aggregator: welford, exact: false, read: readings(welfordMean, welfordVariance), naive: naive.naiveMoments },
  { name: "decayed rate", aggregator: rate, exact: false, read: readings(rate.per_day), naive: naive.naiveRate(30 * DAY_MS) },
  { name: "extremes", aggregator: extremes, exact: true, read: readings(lowest, highest), naive: naive.naiveExtremes },
  { name: "ratio", aggregator: ratio, exact: true, channel_max: 2, read: readings(ratioPart, ratioWhole, ratioShare), naive: naive.naiveRatio },
  { name: "streak", aggregator: streak, exact: true, read: readings(streak.current, streak.longest), naive: naive.naiveRuns },
  sketch(4),
  sketch(6),
  sketch(11),
  tiles("month tiles", monthTiles),
  tiles("week tiles", weekTiles),
  tiles("hour tiles", hourTiles),
  tiles("day tiles", dayTiles),
  tiles("a short ring", ring),
  { name: "price history", aggregator: priceHistory, exact: true, read: history, naive: naive.naiveHistory(PRICES_KEPT) },
  { name: "demand cells", aggregator: demandCells, exact: false, channel_max: 2, read: demand, naive: naive.naiveDemand(PRICE, DEMAND_CELLS, DEMAND_CELL_WIDTH, DEMAND_HALF_LIFE_MS) },
  { name: "jitter cells", aggregator: jittered, exact: false, channel_min: 1, channel_max: 2, read: jitter, naive: naive.naiveCells(asJitter, JITTER_CELLS, JITTER_CELL_WIDTH, DEMAND_HALF_LIFE_MS) },
  { name: "conversion by the clock", aggregator: clockConversion, exact: false, channel_min: 1, channel_max: 2, read: readings(hourLift, weekdayLift), naive: naive.naiveClock(DEMAND_HALF_LIFE_MS) },
];

/** A state between guards, so that writing outside the slice shows. */
function state(aggregator: Aggregator, items: readonly naive.Value[]): Float64Array {
  const record = new Float64Array(OFFSET + aggregator.width + OFFSET);
  record.fill(-7, 0, OFFSET).fill(-7, OFFSET + aggregator.width);
  // Shares of a course know the same reference price.
  if (aggregator === demandCells) demandCells.update(record, OFFSET, PRICE, START_MS, LISTED);
  for (const { value, time_ms, channel } of items) aggregator.update(record, OFFSET, value, time_ms, channel);
  return record;
}

function merged(aggregator: Aggregator, a: Float64Array, b: Float64Array): Float64Array {
  const into = a.slice();
  aggregator.merge(into, OFFSET, b, OFFSET);
  return into;
}

function expectSame(actual: Float64Array, expected: Float64Array, exact: boolean): void {
  const tolerance = exact ? 0 : 1e-9;
  const wrong = [...actual.keys()].filter((i) => !(Math.abs(actual[i]! - expected[i]!) <= tolerance * Math.max(1, Math.abs(expected[i]!))));
  expect(wrong.map((slot) => ({ slot, actual: actual[slot], expected: expected[slot] }))).toEqual([]);
}

test("every aggregator that the fold uses is held to the contract", () => {
  const used = new Set(Object.values(stateDefinitions).flatMap((states) => states.map(({ aggregator }) => aggregator.kind)));
  expect([...used].filter((kind) => !contract.some(({ aggregator }) => aggregator.kind === kind))).toEqual([]);
});

describe.each(contract)("$name", ({ aggregator, exact, channel_min = 0, channel_max = 0, read, naive }) => {
  const some = updates(channel_min, channel_max);

  test("reads as what is recomputed from the values themselves", () => {
    const now = fc.integer({ min: 0, max: 200 }).map((days) => START_MS + days * DAY_MS + HOUR_MS / 2);
    const window = fc.oneof(fc.integer({ min: 0, max: 100 }).map((days) => days * DAY_MS), fc.integer({ min: 0, max: 30 }).map((hours) => hours * HOUR_MS));
    // A sketch's estimate is only nearly that of counting its empty registers, and only as long as most are empty.
    const precision = aggregator.kind.startsWith("distinct:") ? Number(aggregator.kind.slice("distinct:".length)) : undefined;
    const few = precision === undefined ? Number.POSITIVE_INFINITY : 2 ** precision / 8;
    const tolerance = (expected: number): number => (precision === undefined ? 1e-9 * Math.max(1, Math.abs(expected)) : 1);
    fc.assert(
      fc.property(some, now, window, (all, now_ms, window_ms) => {
        const items = all.slice(0, few);
        const expected = naive(items, now_ms, window_ms);
        const actual = read(state(aggregator, items), now_ms, window_ms);
        expect(actual).toHaveLength(expected.length);
        expect(actual.filter((value, i) => !(Math.abs(value - expected[i]!) <= tolerance(expected[i]!)))).toEqual([]);
      }),
    );
  });

  test("stays inside its slice", () => {
    fc.assert(
      fc.property(some, some, (a, b) => {
        const record = merged(aggregator, state(aggregator, a), state(aggregator, b));
        return [...record.subarray(0, OFFSET), ...record.subarray(OFFSET + aggregator.width)].every((guard) => guard === -7);
      }),
    );
  });

  test("merges associatively", () => {
    fc.assert(
      fc.property(some, some, some, (a, b, c) => {
        const [x, y, z] = [state(aggregator, a), state(aggregator, b), state(aggregator, c)];
        expectSame(merged(aggregator, merged(aggregator, x, y), z), merged(aggregator, x, merged(aggregator, y, z)), exact);
      }),
    );
  });

  test("merges with an empty state without change", () => {
    fc.assert(
      fc.property(some, (items) => {
        const full = state(aggregator, items);
        const empty = new Float64Array(full.length).fill(-7, 0, OFFSET).fill(-7, OFFSET + aggregator.width);
        expect(merged(aggregator, full, empty)).toEqual(full);
        expect(merged(aggregator, empty, full)).toEqual(full);
      }),
    );
  });

  test("merges the halves of a stream in order of time into the whole", () => {
    fc.assert(
      fc.property(some, fc.nat(40), (items, cut) => {
        const ordered = items.toSorted((a, b) => a.time_ms - b.time_ms);
        const halves = merged(aggregator, state(aggregator, ordered.slice(0, cut)), state(aggregator, ordered.slice(cut)));
        expectSame(halves, state(aggregator, ordered), exact);
      }),
    );
  });

  test("decodes what it encoded", () => {
    fc.assert(
      fc.property(some, (items) => {
        const slots = state(aggregator, items);
        const bytes = new Uint8Array(slots.length * 11);
        const decoded = new Float64Array(slots.length).fill(1);
        decodeSlots(bytes, 0, encodeSlots(slots, bytes, 0), decoded);
        expect(decoded).toEqual(slots);
      }),
    );
  });
});

test("last goes by event time, and by order of arrival among equals", () => {
  const record = state(last, [
    { time_ms: 20, value: 1, channel: 0 },
    { time_ms: 10, value: 2, channel: 0 },
    { time_ms: 20, value: 3, channel: 0 },
  ]);
  expect(lastValue(record, OFFSET, 0, 0)).toBe(3);
});

test("welford gives mean and unbiased variance", () => {
  const record = state(welford, [2, 4, 4, 4, 5, 5, 7, 9].map((value) => ({ value, time_ms: 0, channel: 0 })));
  expect(welfordMean(record, OFFSET, 0, 0)).toBeCloseTo(5, 12);
  expect(welfordVariance(record, OFFSET, 0, 0)).toBeCloseTo(32 / 7, 12);
});

test("a decayed rate halves in a half-life, and approaches a steady stream's rate", () => {
  const record = new Float64Array(1);
  for (let hour = 0; hour < 24 * 365; hour++) rate.update(record, 0, 1, START_MS + hour * HOUR_MS, 0);
  const end_ms = START_MS + 365 * DAY_MS;
  const now = rate.per_day(record, 0, end_ms, 0);
  expect(now).toBeGreaterThan(23.9);
  expect(now).toBeLessThan(24);
  expect(rate.per_day(record, 0, end_ms + 30 * DAY_MS, 0)).toBeCloseTo(now / 2, 9);
});

describe("a tiled window", () => {
  const fill = (...days: number[]): Float64Array => {
    const record = new Float64Array(ring.width);
    for (const day of days) ring.update(record, 0, 1, START_MS + day * DAY_MS, 0);
    return record;
  };
  const within = (record: Float64Array, day: number, window: number): number => ring.within(record, 0, START_MS + day * DAY_MS, window * DAY_MS);

  test("counts from the tile that holds the start of the window", () => {
    const record = fill(0, 1, 2, 3);
    expect(within(record, 3, 0)).toBe(1);
    expect(within(record, 3.9, 2)).toBe(3);
    expect(within(record, 4.1, 2)).toBe(2);
    expect(within(record, 30, 3)).toBe(0);
  });

  test("amends a late event's tile while the ring holds it, and refuses older ones", () => {
    const record = fill(10);
    expect(ring.update(record, 0, 1, START_MS + 7 * DAY_MS, 0)).toBe(true);
    expect(ring.update(record, 0, 1, START_MS + 7 * DAY_MS - 1, 0)).toBe(false);
    expect(within(record, 10, 3)).toBe(2);
    expect(ring.update(new Float64Array(ring.width), 0, 1, -5 * DAY_MS, 0)).toBe(false);
  });

  test("sums the window before a window, as far as the ring holds it", () => {
    const wide = tiledWindow(DAY_MS, 9);
    const record = new Float64Array(wide.width);
    for (let day = 0; day < 9; day++) wide.update(record, 0, 10 ** day, START_MS + day * DAY_MS, 0);
    const before = (day: number, window: number): number => wide.before(record, 0, START_MS + day * DAY_MS, window * DAY_MS);
    expect(before(8.5, 2)).toBe(110_000);
    expect(before(8, 4)).toBe(1_111);
    expect(before(10, 4)).toBe(111_100);
    expect(before(8, 8)).toBe(0);
    expect(before(30, 2)).toBe(0);
    expect(wide.before(new Float64Array(wide.width), 0, START_MS, DAY_MS)).toBe(0);
  });

  test("forgets everything after a pause longer than the ring", () => {
    const record = fill(0, 1, 2, 3, 500);
    expect(within(record, 500, 3)).toBe(1);
  });
});

describe("demand cells", () => {
  const read = (record: Float64Array, now_ms: number): number[] => {
    const out = new Float64Array(DEMAND_READING_LENGTH_MAX);
    return [...out.subarray(0, readDemandCells(record, 0, now_ms, out))];
  };

  test("keep the first positive price as the reference, and leave prices of 0 out", () => {
    const record = new Float64Array(demandCells.width);
    demandCells.update(record, 0, 0, START_MS, EXPOSED);
    expect(read(record, START_MS)).toEqual([]);
    demandCells.update(record, 0, 100, START_MS, EXPOSED);
    demandCells.update(record, 0, 200, START_MS, LISTED);
    expect(record[0]).toBe(100);
    expect(read(record, START_MS)).toEqual([0, expect.closeTo(1, 12), 0]);
  });

  test("halve in a half-life and keep the mean of x", () => {
    const record = new Float64Array(demandCells.width);
    demandCells.update(record, 0, 100, START_MS, LISTED);
    demandCells.update(record, 0, 150, START_MS, EXPOSED);
    demandCells.update(record, 0, 150, START_MS, ENROLLED);
    const [x, exposures, enrollments] = read(record, START_MS + DEMAND_HALF_LIFE_MS);
    expect(x).toBeCloseTo(Math.log(1.5), 12);
    expect(exposures).toBeCloseTo(0.5, 12);
    expect(enrollments).toBeCloseTo(0.5, 12);
  });

  test("put prices beyond the ends into the end cells, finite and with their true x", () => {
    const record = new Float64Array(demandCells.width);
    demandCells.update(record, 0, 1_000, START_MS, LISTED);
    for (const price of [1, 1_000_000_000]) demandCells.update(record, 0, price, START_MS, EXPOSED);
    const cells = read(record, START_MS);
    expect(cells).toHaveLength(6);
    expect(cells[0]).toBeCloseTo(Math.log(0.001), 12);
    expect(cells[3]).toBeCloseTo(Math.log(1_000_000), 12);
  });
});

describe("a price history", () => {
  // Few times, so that there are equal ones, and more prices than are kept.
  const prices = fc.noBias(fc.array(fc.record({ value: fc.integer({ min: 1, max: 1_000_000_000 }), time_ms: fc.integer({ min: 0, max: 25 }), channel: fc.constant(0) }), { maxLength: 90, size: "max" }));
  const expected = naive.naiveHistory(PRICES_KEPT);

  test("keeps the latest by time, then arrival, in whatever order and however many they come", () => {
    let full = 0;
    fc.assert(
      fc.property(prices, (items) => {
        if (items.length > PRICES_KEPT) full++;
        expect(history(state(priceHistory, items))).toEqual(expected(items, 0, 0));
      }),
    );
    expect(full).toBeGreaterThan(20);
  });

  test("merges into the latest of both, those of the second part after equal ones of the first", () => {
    fc.assert(
      fc.property(prices, prices, prices, (a, b, c) => {
        const [x, y, z] = [state(priceHistory, a), state(priceHistory, b), state(priceHistory, c)];
        const whole = merged(priceHistory, merged(priceHistory, x, y), z);
        expect(history(whole)).toEqual(expected([...a, ...b, ...c], 0, 0));
        expect(merged(priceHistory, x, merged(priceHistory, y, z))).toEqual(whole);
      }),
    );
  });

  test("refuses times before 1970", () => {
    const record = new Float64Array(priceHistory.width);
    expect(priceHistory.update(record, 0, 5, -1, 0)).toBe(false);
    expect(readPriceHistory(record, 0)).toEqual([]);
    expect(priceHistory.update(record, 0, 5, 0, 0)).toBe(true);
    expect(readPriceHistory(record, 0)).toEqual([{ time_ms: 0, price: 5 }]);
  });
});

describe("distinct", () => {
  const estimate = (precision: number, hashes: readonly number[]): number => {
    const sketch = distinct(precision);
    const record = new Float64Array(sketch.width);
    for (const hash of hashes) sketch.update(record, 0, hash, START_MS, 0);
    return sketch.estimate(record, 0, START_MS, 0);
  };

  test("agrees with linear counting over plain registers while there are few", () => {
    fc.assert(fc.property(fc.array(fc.nat(4_294_967_295), { maxLength: 30 }), (hashes) => Math.abs(estimate(8, hashes) - naiveDistinct(hashes, 8)) <= 1));
  });

  test("is off by its stated error, over sizes from one to a million", () => {
    for (const precision of [6, 11]) {
      const { error } = distinct(precision);
      for (const size of [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]) {
        // Fewer repetitions of the large ones keep this short; the bound allows for the noise of their mean square.
        const repetitions = Math.max(2, Math.min(40, 100_000 / size));
        let square = 0;
        for (let r = 0; r < repetitions; r++) {
          const sketch = distinct(precision);
          const record = new Float64Array(sketch.width);
          for (let i = 0; i < size; i++) sketch.update(record, 0, mix32(r * 1_000_003 + i), START_MS, 0);
          square += (sketch.estimate(record, 0, START_MS, 0) / size - 1) ** 2 / repetitions;
        }
        expect(Math.sqrt(square), `${size} in 2^${precision} registers`).toBeLessThan(2.2 * error);
      }
    }
  });

  test("counts nothing as 0, and repetitions once, in any order", () => {
    expect(estimate(6, [])).toBe(0);
    fc.assert(
      fc.property(fc.array(fc.nat(4_294_967_295), { maxLength: 60 }), (hashes) => {
        expect(estimate(6, [...hashes, ...hashes].toReversed())).toBe(estimate(6, hashes));
      }),
    );
  });

  test("takes the hashes at both ends", () => {
    for (const precision of [4, 11, 14]) expect(estimate(precision, [0, 4_294_967_295])).toBe(2);
  });

  test("stays finite when every register is full", () => {
    expect(estimate(4, Array.from({ length: 16 }, (_, register) => register * 2 ** 28))).toBe(2 ** 32);
  });

  test("spreads ordinals evenly over registers", () => {
    const counts = new Float64Array(16);
    for (let i = 0; i < 16_000; i++) counts[mix32(i) >>> 28]!++;
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});

describe("a streak", () => {
  const days = fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 60 });
  const fill = (list: readonly number[]): Float64Array => {
    const record = new Float64Array(streak.width);
    for (const day of list) streak.update(record, 0, 1, START_MS + day * DAY_MS + HOUR_MS, 0);
    return record;
  };
  const current = (record: Float64Array, day: number): number => streak.current(record, 0, START_MS + day * DAY_MS, 0);
  const longest = (record: Float64Array): number => streak.longest(record, 0, 0, 0);

  test("is the same in any order", () => {
    fc.assert(
      fc.property(days, fc.nat(), (list, seed) => {
        const shuffled = list.map((day, i) => ({ day, key: mix32(seed + i) })).sort((a, b) => a.key - b.key);
        expect(fill(shuffled.map(({ day }) => day))).toEqual(fill(list));
      }),
    );
  });

  test("agrees with runs counted from the days", () => {
    fc.assert(
      fc.property(days, fc.integer({ min: 0, max: 3 }), (list, later) => {
        const record = fill(list);
        const newest = Math.max(...list);
        const kept = new Set(list.filter((day) => day > newest - STREAK_DAYS));
        const run = (day: number): number => (kept.has(day) ? 1 + run(day - 1) : 0);
        expect(longest(record)).toBe(Math.max(...[...kept].map(run)));
        expect(current(record, newest + later)).toBe(later > 1 ? 0 : run(newest));
      }),
    );
  });

  test("fills the whole bitmap, and refuses days that have left it", () => {
    const record = fill(Array.from({ length: 100 }, (_, i) => i));
    expect(longest(record)).toBe(STREAK_DAYS);
    expect(current(record, 99)).toBe(STREAK_DAYS);
    expect(streak.update(record, 0, 1, START_MS + 35 * DAY_MS, 0)).toBe(false);
    expect(streak.update(record, 0, 1, START_MS + 36 * DAY_MS, 0)).toBe(true);
    expect(streak.update(new Float64Array(3), 0, 1, -1, 0)).toBe(false);
    expect(current(new Float64Array(3), 0)).toBe(0);
  });
});

test("a ratio counts trials, and parts and wholes that come apart", () => {
  const record = new Float64Array(ratio.width);
  expect(ratioShare(record, 0, 0, 0)).toBe(0);
  expect(shrunkShare(0.5, 10)(record, 0, 0, 0)).toBe(0.5);
  ratio.update(record, 0, 1, START_MS, PART);
  expect(ratioShare(record, 0, 0, 0)).toBe(0);
  for (const value of [1, 0]) ratio.update(record, 0, value, START_MS, TRIAL);
  for (let i = 0; i < 2; i++) ratio.update(record, 0, 1, START_MS, WHOLE);
  expect([ratioPart(record, 0, 0, 0), ratioWhole(record, 0, 0, 0), ratioShare(record, 0, 0, 0)]).toEqual([2, 4, 0.5]);
  expect(shrunkShare(0.5, 10)(record, 0, 0, 0)).toBe(0.5);
  for (let i = 0; i < 9; i++) ratio.update(record, 0, 1, START_MS, PART);
  expect(ratioShare(record, 0, 0, 0)).toBe(1);
});

test("extremes hold values of either sign, from the first one on", () => {
  const record = new Float64Array(extremes.width);
  for (const value of [-3]) extremes.update(record, 0, value, START_MS, 0);
  expect([lowest(record, 0, 0, 0), highest(record, 0, 0, 0)]).toEqual([-3, -3]);
  for (const value of [-5, -1]) extremes.update(record, 0, value, START_MS, 0);
  expect([lowest(record, 0, 0, 0), highest(record, 0, 0, 0)]).toEqual([-5, -1]);
});
