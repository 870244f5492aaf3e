import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Event, EventOf, StreamEvent } from "../contracts/events.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import { courseFeatureIndex } from "./course-view.ts";
import { EntityReader, entityFeatureNames } from "./entity-reader.ts";
import { FeatureReader } from "./feature-reader.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { MemoryStore } from "./memory-store.ts";
import { courseBlockNames, type CourseRow, DatasetReplay } from "./replay.ts";
import { STREAM_END_MS, STREAM_SPAN_MS, randomStream } from "./testing/random-events.ts";

const START_MS = STREAM_END_MS - STREAM_SPAN_MS;
const day = (n: number): number => START_MS + n * DAY_MS;

/** Live events, known when they happened unless said otherwise. */
class Script {
  readonly events: StreamEvent[] = [];
  readonly #prefix: string;

  constructor(prefix = "e") {
    this.#prefix = prefix;
  }

  add(event: Omit<EventOf<"course.upserted">, "id" | "time"> | Omit<EventOf<"course.repriced">, "id" | "time"> | Omit<EventOf<"exposure.viewed">, "id" | "time"> | Omit<EventOf<"enrollment.created">, "id" | "time">, time_ms: number, known_at_ms = time_ms): this {
    const sequence = this.events.length + 1;
    const full: Event = { id: `${this.#prefix}${sequence}`, time: formatTime(time_ms), ...event };
    this.events.push({ sequence, broker_time_ms: known_at_ms, event_time_ms: time_ms, known_at_ms, event: full });
    return this;
  }

  upsert(course_id: string, time_ms: number): this {
    return this.add({ type: "course.upserted", course_id, teacher_id: "T1", category: "data", difficulty_level: "beginner", quality_tier: "basic", base_price: 100, launched_at: formatTime(START_MS) }, time_ms);
  }

  reprice(price: number, time_ms: number, base?: number): this {
    return this.add({ type: "course.repriced", course_id: "C1", price, ...(base === undefined ? {} : { jitter: { base, sigma: 0.1, probability: 0.5 } }) }, time_ms);
  }

  view(price: number, time_ms: number, known_at_ms = time_ms): this {
    return this.add({ type: "exposure.viewed", course_id: "C1", learner_id: "L1", price }, time_ms, known_at_ms);
  }

  enroll(price: number, time_ms: number): this {
    return this.add({ type: "enrollment.created", enrollment_id: `E${this.events.length}`, course_id: "C1", learner_id: "L1", price }, time_ms);
  }

  rows(at_ms: readonly number[], gap_days = 0, horizon_days = 7): CourseRow[] {
    return replay(this.events, at_ms, gap_days, horizon_days);
  }
}

function replay(events: readonly StreamEvent[], at_ms: readonly number[], gap_days = 0, horizon_days = 7): CourseRow[] {
  const dataset = new DatasetReplay({ at_ms, gap_ms: gap_days * DAY_MS, horizon_ms: horizon_days * DAY_MS });
  for (const event of events) dataset.apply(event);
  return dataset.finish();
}

const exposures = (row: CourseRow | undefined): number | undefined => row?.view[courseFeatureIndex("exposures_90d")];

describe("features of a dataset", () => {
  test("are, bit for bit, what serving read at the cut-off", () => {
    fc.assert(
      fc.property(randomStream(80), fc.uniqueArray(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 4 }), (events, days) => {
        const at_ms = days.sort((a, b) => a - b).map(day);
        const rows = replay(events, at_ms);
        at_ms.forEach((at, period) => {
          const reached = events.findIndex((event) => event.known_at_ms >= at);
          const ofPeriod = rows.filter((row) => row.period === period);
          const store = new MemoryStore();
          const writer = new FeatureWriter(store);
          // A cut-off that the stream never reached gives no rows.
          for (const event of events.slice(0, Math.max(0, reached))) writer.apply(event);
          writer.commit({ stream_created: "s", sequence: 1, message_hash: "" });
          const reader = new FeatureReader(store);
          const served = [...store.ids("course")].map((id) => reader.course(id, at)).filter((view) => view !== undefined && view.category !== "");
          expect(ofPeriod.map((row) => [row.course_id, row.category, [...row.view]]).sort()).toEqual(served.map((view) => [view!.course_id, view!.category, [...view!.features]]).sort());
        });
      }),
      { numRuns: 60 },
    );
  });

  test("handed over as blocks, with details, are what is read of a course at the cut-off, whatever the shares", () => {
    expect(courseBlockNames).toEqual(entityFeatureNames.course);
    fc.assert(
      fc.property(fc.noBias(randomStream(120)), fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 4 }), fc.constantFrom(1, 2, 3), (events, days, count) => {
        const at_ms = days.sort((a, b) => a - b).map(day);
        const rows: unknown[] = [];
        for (let index = 0; index < count; index++) {
          const dataset = new DatasetReplay({
            at_ms,
            gap_ms: 0,
            horizon_ms: 7 * DAY_MS,
            partition: count === 1 ? undefined : { index, count },
            onBlock: ({ period, ids, categories, features }) => {
              expect(ids).toEqual(ids.toSorted());
              ids.forEach((id, row) => rows.push([period, id, categories[row], [...features.subarray(row * courseBlockNames.length, (row + 1) * courseBlockNames.length)]]));
            },
          });
          for (const event of events) dataset.apply(event);
          expect(dataset.finish()).toEqual([]);
          at_ms.forEach((_, period) => dataset.outcomes(period).forEach((outcomes, row) => rows.push([period, row, index, outcomes])));
        }
        const expected: unknown[] = [];
        at_ms.forEach((at, period) => {
          const reached = events.findIndex((event) => event.known_at_ms >= at);
          const store = new MemoryStore();
          const writer = new FeatureWriter(store);
          for (const event of events.slice(0, Math.max(0, reached))) writer.apply(event);
          writer.commit({ stream_created: "s", sequence: 1, message_hash: "" });
          const reader = new EntityReader(store);
          for (const id of store.ids("course")) {
            const category = new FeatureReader(store).course(id, at)?.category ?? "";
            if (category !== "") expected.push([period, id, category, [...reader.read("course", id, at)!.values]]);
          }
        });
        const kept = replay(events, at_ms);
        const sorted = (all: unknown[]): string[] => all.map((row) => JSON.stringify(row)).toSorted();
        expect(sorted(rows.filter((row) => typeof (row as unknown[])[1] === "string"))).toEqual(sorted(expected));
        const outcome = ({ exposures, enrollments, mean_log_price, jitter_exposures, jitter_enrollments, mean_jitter }: CourseRow): unknown => ({ exposures, enrollments, mean_log_price, jitter_exposures, jitter_enrollments, mean_jitter });
        expect(sorted(rows.flatMap((row) => (typeof (row as unknown[])[1] === "number" ? [[(row as unknown[])[0], (row as unknown[])[3]]] : [])))).toEqual(sorted(kept.map((row) => [row.period, outcome(row)])));
      }),
      { numRuns: 60 },
    );
  });

  test("do not change by whatever is known from the cut-off on", () => {
    fc.assert(
      fc.property(randomStream(60), randomStream(60), fc.integer({ min: 0, max: 200 }), (past, future, days) => {
        const at = day(days);
        const known = past.filter((event) => event.known_at_ms < at);
        const last = known.at(-1)?.sequence ?? 0;
        // The first one reaches the cut-off; then anything at all, of any event time.
        const reaching = new Script("reaching").upsert("C9", at).events;
        const later = future.map((event) => ({ ...event, event: { ...event.event, id: `later-${event.event.id}` }, sequence: event.sequence + last + 1, known_at_ms: Math.max(at, event.known_at_ms) }));
        const features = (events: readonly StreamEvent[]): unknown => replay(events, [at]).map((row) => [row.course_id, [...row.view]]);
        expect(features([...known, ...reaching, ...later])).toEqual(features([...known, ...reaching]));
      }),
    );
  });

  test("leave out what comes after the cut-off was reached, even if it was known before", () => {
    const script = new Script().upsert("C1", day(0)).view(100, day(1)).view(100, day(10)).view(100, day(2), day(2)).view(100, day(20));
    const rows = script.rows([day(10), day(20)]);
    expect(rows.map(exposures)).toEqual([1, 3]);
  });

  test("know an event at known_at = cut-off only from the next cut-off on", () => {
    const rows = new Script().upsert("C1", day(0)).view(100, day(4), day(5)).view(100, day(9)).rows([day(5), day(6)]);
    expect(rows.map(exposures)).toEqual([0, 1]);
  });

  test("are of upserted courses only, and of cut-offs that the stream reached", () => {
    const rows = new Script().view(100, day(0)).upsert("C2", day(1)).view(100, day(3)).rows([day(1), day(2), day(4)]);
    expect(rows.map((row) => [row.course_id, row.period])).toEqual([["C2", 1]]);
  });
});

describe("labels of a dataset", () => {
  test("count by event time in (at + gap, at + gap + horizon], however late they come", () => {
    const script = new Script().upsert("C1", day(0)).view(100, day(6)).view(100, day(6) + 1).view(200, day(13)).view(100, day(13) + 1).enroll(100, day(8)).view(100, day(7), day(30));
    const [row] = script.rows([day(5)], 1, 7);
    expect(row).toMatchObject({ exposures: 3, enrollments: 1 });
    expect(row!.mean_log_price).toBeCloseTo((2 * Math.log(100) + Math.log(200)) / 3, 12);
  });

  test("overlap when the horizon is longer than the step", () => {
    const rows = new Script().upsert("C1", day(0)).view(100, day(6)).view(100, day(50)).rows([day(2), day(4), day(5), day(6)], 0, 3);
    expect(rows.map((row) => row.exposures)).toEqual([0, 1, 1, 0]);
  });

  test("fall back to the enrollments' price, then to the list price", () => {
    const rows = new Script().upsert("C1", day(0)).reprice(90, day(1)).enroll(50, day(6)).view(0, day(6)).view(100, day(50)).rows([day(5), day(20)]);
    expect(rows.map((row) => row.exposures)).toEqual([0, 0]);
    expect(rows[0]!.mean_log_price).toBeCloseTo(Math.log(50), 12);
    expect(rows[1]!.mean_log_price).toBeCloseTo(Math.log(90), 12);
  });

  test("hold the jitter of exposures at the list price in force", () => {
    const script = new Script().upsert("C1", day(0)).reprice(110, day(1), 100).reprice(120, day(7)).reprice(95, day(8), 100);
    // In force: 110 (jittered), 110 seen as another price, 120 (no jitter), 95 (jittered), enrollment at 95.
    script.view(110, day(6)).view(80, day(6)).view(120, day(7)).view(95, day(9)).enroll(95, day(9)).view(110, day(9)).view(1, day(40));
    const [row] = script.rows([day(5)]);
    expect(row).toMatchObject({ exposures: 5, enrollments: 1, jitter_exposures: 2, jitter_enrollments: 1 });
    expect(row!.mean_jitter).toBeCloseTo((Math.log(1.1) + Math.log(0.95)) / 2, 12);
  });

  test("count a price as jittered only where its own sigma and rounding explain it", () => {
    const jittered = (price: number, base: number): number | undefined =>
      new Script().upsert("C1", day(0)).reprice(price, day(1), base).view(price, day(6)).rows([day(5)])[0]?.jitter_exposures;
    // Sigma is 0.1: four standard deviations, and one token in the price, are 0.4 + 1/price.
    expect(jittered(100, 100 / Math.exp(0.409))).toBe(1);
    expect(jittered(100, 100 / Math.exp(0.411))).toBe(0);
    expect(jittered(100, 100 * Math.exp(0.409))).toBe(1);
    expect(jittered(100, 1e9)).toBe(0);
    expect(jittered(1, 1.6)).toBe(1);
  });

  test("count an event once, and say how many came again", () => {
    const { events } = new Script().upsert("C1", day(0)).view(100, day(10)).enroll(100, day(10)).view(100, day(20));
    const dataset = new DatasetReplay({ at_ms: [day(9)], gap_ms: 0, horizon_ms: 7 * DAY_MS });
    for (const [i, event] of [...events, events[1]!, events[2]!].entries()) dataset.apply({ ...event, sequence: i + 1 });
    expect(dataset.duplicates).toBe(2);
    expect(dataset.finish()).toMatchObject([{ exposures: 1, enrollments: 1 }]);
  });

  test("trials count what happened at each drawn price while it was in force, whatever the windows, and what of it the demand cells still hold", () => {
    const script = new Script().upsert("C1", day(0)).reprice(110, day(1), 100).reprice(120, day(7)).reprice(95, day(8), 100).reprice(95, day(70), 90);
    // At 110: two views, one late, and a sale. At 95 the first time: a view and two sales. Never: at another price, without jitter, at 0.
    script.view(110, day(2)).view(110, day(3), day(60)).enroll(110, day(3)).view(80, day(6)).view(120, day(7)).view(95, day(10)).enroll(95, day(10)).enroll(95, day(70) - 1).view(0, day(12));
    const dataset = new DatasetReplay({ at_ms: [day(30)], gap_ms: 0, horizon_ms: DAY_MS });
    for (const event of script.events) dataset.apply(event);
    const [trial, ...none] = dataset.trials(day(70));
    expect(none).toEqual([]);
    expect(trial).toMatchObject({ course_id: "C1", category: "data" });
    expect([...trial!.jitter]).toEqual([expect.closeTo(Math.log(1.1), 12), expect.closeTo(Math.log(0.95), 12)]);
    expect([[...trial!.exposures], [...trial!.enrollments]]).toEqual([[2, 1], [1, 2]]);
    const kept = (...days: number[]): unknown => expect.closeTo(days.reduce((sum, at) => sum + 2 ** (-(70 - at) / 60), 0), 6);
    expect([...trial!.held!.exposures]).toEqual([kept(2, 3), kept(10)]);
    expect([...trial!.held!.enrollments]).toEqual([kept(3), kept(10, 70)]);
  });

  test("trials hold of the demand cells exactly what the cells hold", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 69 }), fc.boolean()), { minLength: 1, maxLength: 30 }), (sales) => {
        const script = new Script().upsert("C1", day(0)).reprice(110, day(0), 100);
        for (const [at, sold] of sales) {
          script.view(110, day(at));
          if (sold) script.enroll(110, day(at));
        }
        const dataset = new DatasetReplay({ at_ms: [], gap_ms: 0, horizon_ms: DAY_MS });
        for (const event of script.events) dataset.apply(event);
        const store = new MemoryStore();
        const writer = new FeatureWriter(store);
        for (const event of script.events) writer.apply(event);
        writer.commit({ stream_created: "s", sequence: 1, message_hash: "" });
        const { cells } = new FeatureReader(store).course("C1", day(70))!;
        const [trial] = dataset.trials(day(70));
        expect(trial!.held!.exposures[0]).toBeCloseTo(cells[1]!, 9);
        expect(trial!.held!.enrollments[0]).toBeCloseTo(cells[2]!, 9);
      }),
      { numRuns: 50 },
    );
  });

  test("need ascending cut-offs", () => {
    expect(() => replay([], [2, 1])).toThrow(/ascend/);
  });
});
