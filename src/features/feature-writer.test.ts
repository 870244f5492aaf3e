import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Event, StreamEvent } from "../contracts/events.ts";
import { DAY_MS, HOUR_MS } from "../lib/time.ts";
import { courseFeatureNames } from "./course-view.ts";
import { EntityReader, entityFeatureNames } from "./entity-reader.ts";
import { FeatureReader } from "./feature-reader.ts";
import { perEntity } from "./feature-set.ts";
import { FeatureWriter, type CacheLimits, defaultCacheLimits } from "./feature-writer.ts";
import { MemoryStore } from "./memory-store.ts";
import type { EntityName, StoreBatch } from "./store.ts";
import { STREAM_END_MS, randomStream } from "./testing/random-events.ts";
import { naiveCategory, naiveCategoryOf, naiveCells, naiveCourse, naiveJitterCells, naivePriceHistory, naiveQuality } from "./testing/naive-features.ts";
import { naiveLearner, naiveLearnerCourse } from "./testing/naive-learners.ts";
import { naiveDays, naivePlatform, naiveTeacher, naiveTeacherOf } from "./testing/naive-platform.ts";

const courses = ["C00001", "C00002", "C00003", "C00004"];
const categories = ["data", "design", "music"];
const learners = ["L1", "L2", "L3"];
const teachers = ["T1", "T2"];

function fold(events: readonly StreamEvent[], batchEnds: ReadonlySet<number>, limits: CacheLimits, reopen = false): MemoryStore {
  const store = new MemoryStore();
  let writer = new FeatureWriter(store, { limits });
  events.forEach((event, i) => {
    writer.apply(event);
    if (!batchEnds.has(i)) return;
    writer.commit({ stream_created: "s", sequence: event.sequence, message_hash: "" });
    if (reopen) writer = new FeatureWriter(store, { limits });
  });
  writer.commit({ stream_created: "s", sequence: events.at(-1)?.sequence ?? 0, message_hash: "" });
  return store;
}

/** Keys and value bytes, printable. */
function dump(store: MemoryStore): string[] {
  return [...store.dump()].map(({ database, key, value }) => `${database} ${key} ${Buffer.from(value).toString("hex")}`);
}

const none = new Set<number>();

/** A store whose asynchronous commits are there only once they are let through, as on a slow disk. */
class SlowStore extends MemoryStore {
  #land: (() => void) | undefined;

  override commitAsync(write: (batch: StoreBatch) => void): Promise<void> {
    const writes: [keyof StoreBatch, unknown[]][] = [];
    const copied = (value: unknown): unknown => (value instanceof Uint8Array ? value.slice() : structuredClone(value));
    const recorder = new Proxy({} as StoreBatch, { get: (_, method: keyof StoreBatch) => (...values: unknown[]) => void writes.push([method, values.map(copied)]) });
    write(recorder);
    return new Promise((resolve) => {
      this.#land = (): void => {
        this.commit((batch) => {
          for (const [method, values] of writes) (batch[method] as (...values: unknown[]) => void)(...values);
        });
        resolve();
      };
    });
  }

  async land(): Promise<void> {
    this.#land?.();
    this.#land = undefined;
    // What awaits the commit goes on in a microtask.
    await Promise.resolve();
    await Promise.resolve();
  }
}

/** At these events a commit begins, at those the one in flight is durable; a commit that finds one in flight waits for it. */
async function foldSlowly(events: readonly StreamEvent[], begins: ReadonlySet<number>, lands: ReadonlySet<number>, limits: CacheLimits): Promise<MemoryStore> {
  const store = new SlowStore();
  const writer = new FeatureWriter(store, { limits, deduplication: { block_ids: 4, blocks: 2, enrollments_kept: 1 } });
  let flight: Promise<void> | undefined;
  const finish = async (): Promise<void> => {
    await store.land();
    await flight;
    flight = undefined;
  };
  for (const [i, event] of events.entries()) {
    writer.apply(event);
    if (begins.has(i)) {
      if (flight !== undefined) await finish();
      flight = writer.commitAsync({ stream_created: "s", sequence: event.sequence, message_hash: "" });
    }
    if (lands.has(i) && flight !== undefined) await finish();
  }
  if (flight !== undefined) await finish();
  writer.commit({ stream_created: "s", sequence: events.at(-1)?.sequence ?? 0, message_hash: "" });
  return store;
}

function expectClose(actual: ArrayLike<number> | undefined, expected: readonly number[] | undefined, what: string): void {
  expect(actual?.length, what).toBe(expected?.length);
  const wrong = (expected ?? []).flatMap((value, i) => (Math.abs((actual?.[i] ?? Number.NaN) - value) <= 1e-9 * Math.max(1, Math.abs(value)) ? [] : [{ what, i, actual: actual?.[i], expected: value }]));
  expect(wrong).toEqual([]);
}

describe("the fold", () => {
  test("stores the same bytes whatever the batches, the cache and the restarts", () => {
    const tiny: CacheLimits = perEntity(() => 1);
    const batches = fc.array(fc.nat(80), { maxLength: 30 }).map((ends) => new Set(ends));
    fc.assert(
      fc.property(randomStream(80), batches, (events, ends) => {
        const whole = dump(fold(events, none, defaultCacheLimits));
        expect(dump(fold(events, ends, defaultCacheLimits))).toEqual(whole);
        expect(dump(fold(events, ends, tiny))).toEqual(whole);
        expect(dump(fold(events, ends, defaultCacheLimits, true))).toEqual(whole);
      }),
      { numRuns: 100 },
    );
  });

  test("stores the same bytes however long commits are in flight while it goes on", async () => {
    const some = fc.array(fc.nat(80), { maxLength: 30 }).map((ends) => new Set(ends));
    await fc.assert(
      fc.asyncProperty(randomStream(80), some, some, async (events, begins, lands) => {
        const whole = dump(await foldSlowly(events, none, none, defaultCacheLimits));
        expect(dump(await foldSlowly(events, begins, lands, defaultCacheLimits))).toEqual(whole);
        expect(dump(await foldSlowly(events, begins, lands, perEntity(() => 1)))).toEqual(whole);
      }),
      { numRuns: 150 },
    );
  });

  test("agrees with features recomputed from the raw events", () => {
    // Soon after the last event: later, every window would be empty.
    const later_ms = fc.oneof(fc.constantFrom(0, 20 * HOUR_MS, STREAM_END_MS), fc.integer({ min: 0, max: 100 * DAY_MS }), fc.integer({ min: 0, max: 20 * DAY_MS }));
    const lastEventTime = (events: readonly StreamEvent[]): number => events.at(-1)?.broker_time_ms ?? 0;
    fc.assert(
      fc.property(randomStream(120), later_ms, (events, later) => {
        const now_ms = lastEventTime(events) + later;
        const store = fold(events, none, defaultCacheLimits);
        const reader = new FeatureReader(store);
        const entities = new EntityReader(store);
        const expectEntity = (entity: EntityName, id: string, expected: Readonly<Record<string, number>> | undefined): void =>
          expectClose(entities.read(entity, id, now_ms)?.values, expected && entityFeatureNames[entity].map((name) => expected[name]!), `${entity} ${id}`);
        for (const id of learners) expectEntity("learner", id, naiveLearner(events, id, now_ms));
        for (const id of teachers) expectEntity("teacher", id, naiveTeacher(events, id, now_ms));
        for (const learner_id of learners) for (const id of courses) expectEntity("learner_course", `${learner_id}/${id}`, naiveLearnerCourse(events, learner_id, id, now_ms));
        const days = naiveDays(events);
        expect([...store.ids("platform")]).toEqual(days);
        for (const day of days) expectEntity("platform", day, naivePlatform(events, day));
        for (const id of courses) {
          const expected = naiveCourse(events, id, now_ms);
          const view = reader.course(id, now_ms);
          const known = expected["price_tokens"]! > 0;
          expectClose(view?.features, known ? courseFeatureNames.map((name) => expected[name]!) : undefined, id);
          const teacher = naiveTeacherOf(events, id);
          const taught = teacher === undefined ? undefined : naiveTeacher(events, teacher, now_ms);
          const quality = { teacher_quality_score: taught?.["quality_given"] ?? 0.5, teacher_quality_from_outcomes: taught?.["quality_from_outcomes"] ?? naiveQuality(0, 0, 0, []) };
          if (known) expectEntity("course", id, { ...expected, ...quality });
          expectEntity("price_history", id, naivePriceHistory(events, id, now_ms));
          expectClose(view?.cells, known ? naiveCells(events, id, now_ms).flat() : undefined, `${id} cells`);
          expectClose(view?.jitter_cells, known ? naiveJitterCells(events, id, now_ms) : undefined, `${id} jitter cells`);
          expect(view?.category).toBe(known ? (naiveCategoryOf(events, id) ?? "") : undefined);
        }
        for (const category of categories) {
          const expected = naiveCategory(events, category, now_ms);
          if (reader.category(category) !== undefined) expectEntity("category", category, expected);
          const snapshot = reader.category(category);
          expect(snapshot?.courses ?? 0).toBe(expected["courses"]);
          expect(snapshot?.average_price_tokens ?? 0).toBe(expected["courses"]! > 0 ? expected["list_price_sum_tokens"]! / expected["courses"]! : 0);
          expect(snapshot?.competitor_price_tokens ?? 0).toBe(expected["competitor_price_tokens"]);
        }
      }),
      { numRuns: 80 },
    );
  });

  test("says in the header which event changed a record last, and the latest event time", () => {
    const at = (sequence: number, event_time_ms: number, course_id: string): StreamEvent => ({
      sequence,
      broker_time_ms: event_time_ms,
      event_time_ms,
      known_at_ms: event_time_ms,
      event: { id: `e${sequence}`, type: "exposure.viewed", time: "2026-01-01T00:00:00Z", course_id, learner_id: "L1", price: 10 },
    });
    const store = fold([at(3, 5_000, "C1"), at(7, 4_000, "C1"), at(9, 9_000, "C2")], none, defaultCacheLimits);
    const reader = new FeatureReader(store);
    expect(reader.courseSequence("C1")).toBe(7);
    expect(reader.course("C1", 10_000)).toMatchObject({ sequence: 7, updated_at_ms: 5_000 });
    expect(reader.courseSequence("C3")).toBeUndefined();
    expect(store.cursor("EVENTS")).toEqual({ stream_created: "s", sequence: 9, message_hash: "" });
  });

  test("counts what comes too late for a window, by state, and course events without a category", () => {
    const writer = new FeatureWriter(new MemoryStore());
    const at = (sequence: number, event_time_ms: number): boolean =>
      writer.apply({ sequence, broker_time_ms: STREAM_END_MS, event_time_ms, known_at_ms: STREAM_END_MS, event: { id: `e${sequence}`, type: "exposure.viewed", time: "2026-01-01T00:00:00Z", course_id: "C1", learner_id: "L1", price: 10 } });
    at(1, STREAM_END_MS);
    at(2, STREAM_END_MS - 24 * HOUR_MS);
    at(3, STREAM_END_MS - 25 * HOUR_MS);
    at(4, STREAM_END_MS - 91 * DAY_MS);
    expect(writer.lateByState()).toEqual({ "course.exposures_by_hour": 2, "course.exposures_by_day": 1, "learner.exposures_by_day": 1 });
    expect(writer.counters).toEqual({ events: 4, duplicates: 0, late: 4, uncategorised: 4, unenrolled: 0, unnamed: 0 });
  });

  describe("of a learner in a course", () => {
    const enroll = (learner_id: string, course_id: string, price: number): Partial<Event> => ({ type: "enrollment.created", enrollment_id: `E-${learner_id}-${course_id}`, learner_id, course_id, price });
    const study = (learner_id: string, course_id: string): Partial<Event> => ({ type: "activity.session", learner_id, course_id, minutes: 30 });
    const stream = (...bodies: Partial<Event>[]): StreamEvent[] =>
      bodies.map((body, i) => {
        const event = { id: `e${i}`, time: "2026-01-01T00:00:00Z", ...body } as Event;
        return { sequence: i + 1, broker_time_ms: STREAM_END_MS, event_time_ms: STREAM_END_MS + i, known_at_ms: STREAM_END_MS, event };
      });

    test("begins with an enrollment or its outcome, and counts what comes before", () => {
      const events = stream(study("L1", "C1"), enroll("L1", "C1", 70), study("L1", "C1"), { type: "enrollment.completed", enrollment_id: "E", learner_id: "L1", course_id: "C2" }, { type: "exposure.viewed", learner_id: "L1", course_id: "C3", price: 1 });
      const writer = new FeatureWriter(new MemoryStore());
      for (const event of events) writer.apply(event);
      expect(writer.counters.unenrolled).toBe(1);
      const store = fold(events, new Set([0, 1, 2]), perEntity(() => 1));
      expect([...store.ids("learner_course")]).toEqual(["L1/C1", "L1/C2"]);
      const { values } = new EntityReader(store).read("learner_course", "L1/C1", STREAM_END_MS + DAY_MS)!;
      expect(Object.fromEntries(entityFeatureNames.learner_course.map((name, i) => [name, values[i]]))).toMatchObject({ price_paid_tokens: 70, enrollments: 1, minutes: 30, enrolled_at_ms: STREAM_END_MS + 1 });
    });

    test("goes with the learner, stored or not, and no other learner's does", () => {
      const events = stream(enroll("L1", "C1", 1), enroll("L10", "C1", 1), enroll("L1", "C2", 1), { type: "learner.erased", learner_id: "L1" }, study("L1", "C1"), enroll("L1", "C4", 1));
      for (const ends of [[], [0], [0, 1, 2], [2, 3, 4]]) {
        const store = fold(events, new Set(ends), perEntity(() => 1));
        expect([...store.ids("learner_course")], `commits after ${ends.join()}`).toEqual(["L1/C4", "L10/C1"]);
        const { values } = new EntityReader(store).read("platform", "2026-07-20", STREAM_END_MS)!;
        expect(values[entityFeatureNames.platform.indexOf("enrollments")], "what was aggregated stays").toBe(4);
      }
    });
  });

  test("counts a course's outcomes for the teacher that the course had then", () => {
    const upsert = (sequence: number, teacher_id: string): StreamEvent => ({
      sequence,
      broker_time_ms: 9,
      event_time_ms: sequence,
      known_at_ms: 9,
      event: { id: `u${sequence}`, type: "course.upserted", time: "2026-01-01T00:00:00Z", course_id: "C1", teacher_id, category: "data", difficulty_level: "expert", quality_tier: "premium", base_price: 10, launched_at: "2026-01-01T00:00:00Z" },
    });
    const enroll = (sequence: number): StreamEvent => ({
      sequence,
      broker_time_ms: 9,
      event_time_ms: sequence,
      known_at_ms: 9,
      event: { id: `e${sequence}`, type: "enrollment.created", time: "2026-01-01T00:00:00Z", enrollment_id: `E${sequence}`, course_id: "C1", learner_id: "L1", price: sequence },
    });
    const store = fold([enroll(1), upsert(2, "T1"), enroll(3), upsert(4, "T2"), enroll(5), enroll(6)], none, defaultCacheLimits);
    const revenue = (id: string): number | undefined => new EntityReader(store).read("teacher", id, 9)?.values[entityFeatureNames.teacher.indexOf("revenue_tokens")];
    expect([revenue("T1"), revenue("T2")]).toEqual([3, 11]);
  });

  test("of some entities leaves the others out and changes nothing in those", () => {
    fc.assert(
      fc.property(randomStream(60), (events) => {
        const partial = new MemoryStore();
        const writer = new FeatureWriter(partial, { entities: ["course", "category"] });
        for (const event of events) writer.apply(event);
        writer.commit({ stream_created: "s", sequence: events.at(-1)?.sequence ?? 0, message_hash: "" });
        const kept = (store: MemoryStore): string[] => dump(store).filter((entry) => !/^events\.(learner|learner_course|teacher|platform|price_history|late) /.test(entry));
        const whole = fold(events, none, defaultCacheLimits);
        expect(kept(partial)).toEqual(kept(whole));
        expect([...partial.lateCounts()]).toEqual([...whole.lateCounts()].filter(([state]) => /^(course|category)\./.test(state)));
      }),
      { numRuns: 50 },
    );
    expect(() => new FeatureWriter(new MemoryStore(), { entities: ["learner"] })).toThrow(/without courses/);
  });

  test("refuses a store of another layout", () => {
    const store = new MemoryStore();
    store.commit((batch) => batch.putLayout("0-other"));
    expect(() => new FeatureWriter(store)).toThrow(/layout 0-other/);
    expect(() => new FeatureReader(store)).toThrow(/layout 0-other/);
  });

  test("keeps the profile of the latest upsert, and numbers names as they first appear", () => {
    const upsert = (sequence: number, event_time_ms: number, category: string, title: string): StreamEvent => ({
      sequence,
      broker_time_ms: 9,
      event_time_ms,
      known_at_ms: 9,
      event: { id: `u${sequence}`, type: "course.upserted", time: "2026-01-01T00:00:00Z", course_id: "C1", teacher_id: "T1", category, difficulty_level: "expert", quality_tier: "premium", base_price: 10, launched_at: "2026-01-01T00:00:00Z", title, prerequisites: ["C9"] },
    });
    const store = fold([upsert(1, 20, "music", "New"), upsert(2, 10, "data", "Old")], new Set([0]), defaultCacheLimits);
    expect(store.profile("C1")).toEqual({ title: "New", prerequisites: ["C9"], time_ms: 20 });
    expect(store.names("category")).toEqual(["music", "data"]);
    expect(store.name("teacher", 0)).toBe("T1");
    expect(store.name("teacher", 1)).toBeUndefined();
  });
});
