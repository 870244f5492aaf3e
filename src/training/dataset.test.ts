import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { courseFeatureIndex, courseFeatureNames } from "../features/course-view.ts";
import type { CourseRow } from "../features/replay.ts";
import type { BrokerMessage } from "../ingest/nats.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import { elasticityFeatureNames } from "../models/elasticity-features.ts";
import { countData, usableRows, weeksBefore } from "./dataset.ts";
import { HeldOut } from "./evaluation.ts";
import { rowsBefore, splitPeriods } from "./split.ts";
import { knownUpTo } from "./stream-range.ts";

const WEEK_MS = 7 * DAY_MS;

function row(course_id: string, period: number, exposures: number, enrollments: number): CourseRow {
  const view = new Float64Array(courseFeatureNames.length);
  view[courseFeatureIndex("reference_price_tokens")] = 100;
  return { course_id, category: "k", period, view, exposures, enrollments, mean_log_price: Math.log(110), jitter_exposures: 0, jitter_enrollments: 0, mean_jitter: 0 };
}

describe("dataset", () => {
  test("weeks are whole, end at the last event, and leave a week of history", () => {
    expect(weeksBefore(0, 10 * WEEK_MS + 5)).toEqual(Array.from({ length: 9 }, (_, k) => 5 + (k + 1) * WEEK_MS));
    expect(weeksBefore(0, 2 * WEEK_MS - 1)).toEqual([]);
    expect(weeksBefore(0, 2 * WEEK_MS)).toEqual([WEEK_MS]);
    expect(weeksBefore(0, 1000 * WEEK_MS)).toHaveLength(104);
  });

  test("ends at the last moment known, whatever is imported after it", async () => {
    const message = (sequence: number, root: "events" | "backfill", days: number): BrokerMessage => {
      const event = { id: "e", type: "exposure.viewed", time: formatTime(days * DAY_MS), course_id: "c", learner_id: "l", price: 5 };
      return { subject: `${root}.exposure.c`, sequence, time_ms: 1_000 * DAY_MS + sequence, data: new TextEncoder().encode(JSON.stringify(event)) };
    };
    const upTo = (...messages: BrokerMessage[]): Promise<number> =>
      knownUpTo(
        {
          getMessage: (_stream, which) =>
            Promise.resolve("sequence" in which ? messages.find(({ sequence }) => sequence === which.sequence) : messages.findLast(({ subject }) => subject.startsWith("events."))),
        },
        messages.length,
      );
    expect(await upTo(message(1, "backfill", 300), message(2, "backfill", 400))).toBe(400 * DAY_MS);
    expect(await upTo(message(1, "backfill", 300), message(2, "events", 999))).toBe(1_000 * DAY_MS + 2);
    expect(await upTo(message(1, "events", 999), message(2, "backfill", 10))).toBe(1_000 * DAY_MS + 1);
    const poison = { ...message(2, "events", 999), data: new Uint8Array(1) };
    expect(await upTo(message(1, "backfill", 300), poison, message(3, "backfill", 10))).toBe(300 * DAY_MS);
  });

  test("the split goes forward in time: four weeks each when there are enough, fewer otherwise, never none", () => {
    expect(splitPeriods(51)).toEqual({ train_end: 43, validation_end: 47 });
    for (let periods = 4; periods < 60; periods++) {
      const { train_end, validation_end } = splitPeriods(periods);
      expect(train_end).toBeGreaterThanOrEqual(periods / 2);
      expect(validation_end - train_end).toBe(periods - validation_end);
      expect(periods - validation_end).toBeGreaterThanOrEqual(1);
    }
    expect(() => splitPeriods(3)).toThrow(expect.objectContaining({ code: "too_little_data" }));
  });

  test("rows before a period are those that a scan counts", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 40 }), fc.integer({ min: -1, max: 11 }), (periods, end) => {
        expect(rowsBefore(Int32Array.from(periods).sort(), end)).toBe(periods.filter((period) => period < end).length);
      }),
    );
  });

  test("rows without views or sales say nothing; the rest go by time, then course, whatever order they came in", () => {
    const rows = [row("b", 1, 3, 1), row("a", 2, 5, 0), row("c", 0, 0, 0), row("a", 1, 0, 2)];
    const order = (from: CourseRow[]): string[] => usableRows(from).map(({ course_id, period }) => `${course_id}${period}`);
    expect(order(rows)).toEqual(["a1", "b1", "a2"]);
    expect(order(rows.toReversed())).toEqual(order(rows));
  });

  test("matrices are shared, and a sale without its view counts as one", () => {
    const data = countData(usableRows([row("b", 1, 3, 1), row("a", 1, 0, 2)]));
    expect([...data.y]).toEqual([2, 1]);
    expect([...data.exposure]).toEqual([2, 3]);
    expect([...data.period]).toEqual([1, 1]);
    expect(data.features.values[elasticityFeatureNames.length]).toBeCloseTo(Math.log(1.1), 12);
    for (const array of [data.features.values, data.y, data.exposure, data.period]) expect(array.buffer).toBeInstanceOf(SharedArrayBuffer);
  });
});

describe("held-out judgement", () => {
  test("a known elasticity is found by differences, and the trailing conversion has no skill over itself", () => {
    const held = new HeldOut([row("a", 1, 50, 3), row("b", 1, 20, 2), row("b", 2, 20, 0)]);
    const rate = (_: ArrayLike<number>, log_price: number): number => 0.2 * Math.exp(-1.3 * (log_price - Math.log(100)));
    expect(held.elasticity(rate)).toBeCloseTo(-1.3, 9);
    // Nothing known of any course: the naive forecast is the platform's prior conversion.
    expect(held.metrics(() => 0.05).skill).toBeCloseTo(0, 12);
    expect(held.metrics(() => 5 / 90).skill).toBeGreaterThan(0);
  });
});
