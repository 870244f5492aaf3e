import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { courseOrders } from "../contracts/catalogue.ts";
import type { StreamEvent } from "../contracts/events.ts";
import { formatTime } from "../lib/time.ts";
import { CourseIndex, type CoursePlace, type CourseSelection } from "./course-index.ts";
import { courseFeatureIndex } from "./course-view.ts";
import { FeatureReader } from "./feature-reader.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { MemoryStore } from "./memory-store.ts";
import { PartitionedStore } from "./partitioned-store.ts";
import { STREAM_END_MS, randomStream } from "./testing/random-events.ts";

function fold(events: readonly StreamEvent[], ...partition: { index: number; count: number }[]): MemoryStore {
  const store = new MemoryStore();
  const writer = new FeatureWriter(store, { partition: partition[0] });
  for (const event of events) writer.apply(event);
  writer.commit({ stream_created: "s", sequence: events.at(-1)?.sequence ?? 0, message_hash: "" });
  return store;
}

function finish<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

const features = { price: "price_tokens", enrollments: "enrollments_30d", exposures: "exposures_30d", revenue: "revenue_30d_tokens", conversion: "conversion_30d", rating: "rating_mean" } as const;

/** The whole selection, read and sorted plainly. */
function expected(store: MemoryStore, { sort, descending, category, teacher_id }: Omit<CourseSelection, "after" | "limit">): CoursePlace[] {
  const reader = new FeatureReader(store);
  const known = [...store.ids("course")].flatMap((id) => reader.course(id, STREAM_END_MS) ?? []);
  const places = known.flatMap((view, row) => {
    if ((category !== undefined && view.category !== category) || (teacher_id !== undefined && view.teacher_id !== teacher_id)) return [];
    return [{ value: sort === "id" ? row : view.features[courseFeatureIndex(features[sort])]!, course_id: view.course_id }];
  });
  const ascending = places.sort((a, b) => a.value - b.value || (a.course_id < b.course_id ? -1 : 1));
  return descending ? ascending.toReversed() : ascending;
}

/** Random events, spread over more courses than their own four. */
const stream = fc.noBias(randomStream(160)).map((events) =>
  events.map(({ event, ...rest }, i): StreamEvent => ({ ...rest, event: "course_id" in event && event.course_id !== undefined ? { ...event, course_id: `${event.course_id}-${i % 5}` } : event })),
);
const selection = fc.record({
  sort: fc.constantFrom(...courseOrders),
  descending: fc.boolean(),
  category: fc.option(fc.constantFrom("data", "design", "nothing"), { nil: undefined, freq: 2 }),
  teacher_id: fc.option(fc.constantFrom("T1", "T2", "nobody"), { nil: undefined, freq: 2 }),
});

describe("an index of courses", () => {
  test("selects every course once, page by page, in order", () => {
    let longest = 0;
    fc.assert(
      fc.property(stream, selection, fc.integer({ min: 1, max: 7 }), (events, what, limit) => {
        const store = fold(events);
        const index = finish(CourseIndex.build(store, STREAM_END_MS, 1_000))!;
        const found: CoursePlace[] = [];
        for (;;) {
          const page = finish(index.select({ ...what, after: found.at(-1), limit }));
          expect(page.length).toBeLessThanOrEqual(limit);
          found.push(...page);
          if (page.length < limit) break;
        }
        expect(found).toEqual(expected(store, what));
        longest = Math.max(longest, found.length);
      }),
      { numRuns: 200 },
    );
    expect(longest).toBeGreaterThan(10);
  });

  test("goes on from a place that nobody is at", () => {
    fc.assert(
      fc.property(stream, selection, fc.record({ value: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.double({ noNaN: true })), course_id: fc.constantFrom("", "C00002", "C00002-3", "C00003-", "z") }), (events, what, after) => {
        const store = fold(events);
        const index = finish(CourseIndex.build(store, STREAM_END_MS, 1_000))!;
        const sign = what.descending ? -1 : 1;
        const ids = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
        const rest = expected(store, what).filter(({ value, course_id }) => sign * ((what.sort === "id" ? 0 : value - after.value) || ids(course_id, after.course_id)) > 0);
        expect(finish(index.select({ ...what, after, limit: 500 }))).toEqual(rest);
      }),
      { numRuns: 200 },
    );
  });

  test("is the same of partitions", () => {
    fc.assert(
      fc.property(stream, selection, fc.integer({ min: 1, max: 4 }), (events, what, count) => {
        const whole = fold(events);
        const together = new PartitionedStore(Array.from({ length: count }, (_, index) => fold(events, { index, count })));
        const of = (store: MemoryStore | PartitionedStore): CoursePlace[] => finish(finish(CourseIndex.build(store, STREAM_END_MS, 1_000))!.select({ ...what, after: undefined, limit: 500 }));
        expect(of(together)).toEqual(of(whole));
      }),
      { numRuns: 50 },
    );
  });

  const priced = (count: number): StreamEvent[] =>
    Array.from({ length: count }, (_, i) => ({
      sequence: i + 1,
      broker_time_ms: STREAM_END_MS,
      event_time_ms: STREAM_END_MS,
      known_at_ms: STREAM_END_MS,
      event: { id: `e${i}`, type: "course.repriced" as const, time: formatTime(STREAM_END_MS), course_id: `C${String(i).padStart(6, "0")}`, price: 1 + (i % 1_000) },
    }));

  test("pauses every few courses while it is built, and every few thousand while it is searched, across its blocks", () => {
    const store = fold(priced(20_000));
    const build = CourseIndex.build(store, STREAM_END_MS, 20_000);
    let pauses = 0;
    let step = build.next();
    for (; step.done !== true; step = build.next()) pauses++;
    expect(pauses).toBe(Math.ceil(20_000 / 128));
    const all: CourseSelection = { sort: "price", descending: true, category: undefined, teacher_id: undefined, after: undefined, limit: 3 };
    expect([...step.value!.select(all)]).toHaveLength(4);
    expect(finish(step.value!.select(all)).map(({ course_id }) => course_id)).toEqual(["C019999", "C018999", "C017999"]);
    for (const what of [{ sort: "price" }, { sort: "id" }] as const) {
      for (const descending of [false, true]) {
        const found: CoursePlace[] = [];
        for (let before = -1; found.length > before; ) {
          before = found.length;
          found.push(...finish(step.value!.select({ ...all, ...what, descending, after: found.at(-1), limit: 777 })));
        }
        expect(found).toEqual(expected(store, { ...all, ...what, descending }));
      }
    }
  });

  test("is none beyond its limit", () => {
    const store = fold(priced(10));
    expect(finish(CourseIndex.build(store, STREAM_END_MS, 9))).toBeUndefined();
    expect(finish(CourseIndex.build(store, STREAM_END_MS, 10))?.courses).toBe(10);
  });

  test("leaves out courses without a price", () => {
    const [first] = priced(1);
    const rated: StreamEvent = { ...first!, sequence: 2, event: { id: "r", type: "activity.rating", time: formatTime(STREAM_END_MS), course_id: "A", learner_id: "L1", rating: 5 } };
    const index = finish(CourseIndex.build(fold([first!, rated]), STREAM_END_MS, 10))!;
    expect(finish(index.select({ sort: "id", descending: false, category: undefined, teacher_id: undefined, after: undefined, limit: 5 }))).toEqual([{ value: 0, course_id: "C000000" }]);
  });
});
