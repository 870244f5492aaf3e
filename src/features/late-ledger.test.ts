import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Event, StreamEvent } from "../contracts/events.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { LateLedger } from "./late-ledger.ts";
import { MemoryStore } from "./memory-store.ts";
import type { LateUpdate } from "./store.ts";

const START_MS = Date.UTC(2026, 5, 1);
const states = ["course.a", "course.b", "learner.c"];

function stream(sequence: number, event_time_ms: number): StreamEvent {
  const event = { id: `e${sequence}`, type: "exposure.viewed", time: formatTime(event_time_ms), course_id: "C1", learner_id: "L1", price: 10 } as const;
  return { sequence, broker_time_ms: START_MS + sequence, event_time_ms, known_at_ms: START_MS, event };
}

const printed = (store: MemoryStore): string[] => [...store.dump()].map(({ database, key, value }) => `${database} ${key} ${Buffer.from(value).toString("latin1")}`);

describe("the ledger of late updates", () => {
  test("stores counts and the newest, the same whatever the batches and the restarts", () => {
    const listed_max = 4;
    const updates = fc.array(fc.record({ state: fc.nat(2), behind_ms: fc.nat(1_000), commit: fc.boolean(), restart: fc.boolean() }), { maxLength: 40 });
    fc.assert(
      fc.property(updates, (list) => {
        const fold = (ends: (i: number) => { commit: boolean; restart: boolean }): MemoryStore => {
          const store = new MemoryStore();
          let ledger = new LateLedger(store, states, listed_max);
          const commit = (): void => {
            store.commit((batch) => ledger.write(batch));
            ledger.written();
          };
          list.forEach(({ state, behind_ms }, i) => {
            ledger.add(state, stream(i + 1, START_MS), START_MS + behind_ms);
            if (ends(i).commit) commit();
            if (ends(i).commit && ends(i).restart) ledger = new LateLedger(store, states, listed_max);
          });
          commit();
          return store;
        };
        const store = fold((i) => list[i]!);
        expect(printed(store)).toEqual(printed(fold(() => ({ commit: false, restart: false }))));
        const expected = list.map(({ state, behind_ms }, i): LateUpdate => ({ ordinal: i, sequence: i + 1, type: "exposure.viewed", state: states[state]!, event_time_ms: START_MS, broker_time_ms: START_MS + i + 1, behind_ms }));
        expect(store.lateUpdates()).toEqual(expected.slice(-listed_max));
        const counts = states.map((name, i) => [name, list.filter(({ state }) => state === i).length] as const).filter(([, count]) => count > 0);
        expect([...store.lateCounts()]).toEqual(counts);
      }),
    );
  });

  test("stays small however many come before a commit", () => {
    const store = new MemoryStore();
    const ledger = new LateLedger(store, states, 3);
    for (let i = 0; i < 10_000; i++) ledger.add(1, stream(i + 1, START_MS), START_MS);
    let written = 0;
    store.commit((batch) => ledger.write({ ...batch, putLateCount: () => undefined, putLateUpdate: () => void written++ }));
    expect(written).toBe(3);
    expect(ledger.byState()).toEqual({ "course.b": 10_000 });
  });
});

describe("a late event", () => {
  test("is listed once for each state that left it out, with how late it was, and stays listed", () => {
    const store = new MemoryStore();
    const writer = new FeatureWriter(store);
    writer.apply(stream(1, START_MS));
    writer.apply(stream(2, START_MS - 2 * DAY_MS));
    writer.apply(stream(3, START_MS - 91 * DAY_MS));
    writer.commit({ stream_created: "s", sequence: 3, message_hash: "" });
    const late = (sequence: number, days: number): Partial<LateUpdate> => ({ sequence, type: "exposure.viewed", event_time_ms: START_MS - days * DAY_MS, broker_time_ms: START_MS + sequence, behind_ms: days * DAY_MS });
    const ofCourse = store.lateUpdates().filter(({ state }) => state.startsWith("course."));
    expect(ofCourse).toEqual([
      expect.objectContaining({ ...late(2, 2), state: "course.exposures_by_hour" }),
      expect.objectContaining({ ...late(3, 91), state: "course.exposures_by_hour" }),
      expect.objectContaining({ ...late(3, 91), state: "course.exposures_by_day" }),
    ]);
    expect(Object.fromEntries(store.lateCounts())).toMatchObject({ "course.exposures_by_hour": 2, "course.exposures_by_day": 1 });
    // A later run counts on from there; its own counts begin at 0.
    const next = new FeatureWriter(store);
    expect(next.lateByState()).toEqual({});
    next.apply(stream(4, START_MS - 2 * DAY_MS));
    next.commit({ stream_created: "s", sequence: 4, message_hash: "" });
    expect(next.lateByState()).toEqual({ "course.exposures_by_hour": 1 });
    expect(Object.fromEntries(store.lateCounts())).toMatchObject({ "course.exposures_by_hour": 3 });
    expect(store.lateUpdates().map(({ ordinal }) => ordinal)).toEqual(store.lateUpdates().map((_update, i) => i));
    // Nothing of it says who it was.
    expect(printed(store).filter((line) => line.startsWith("events.late")).join()).not.toMatch(/L1|e2/);
  });
});

describe("an event from before 1970, which no state that keeps times can hold", () => {
  const OLD_MS = -DAY_MS;
  const fold = (body: Partial<Event>): [late: Record<string, number>, store: MemoryStore] => {
    const store = new MemoryStore();
    const writer = new FeatureWriter(store);
    // What is left out is put back here; the types of the rest are the caller's.
    const event = { id: "old", time: formatTime(OLD_MS), ...body } as Event;
    writer.apply({ sequence: 1, broker_time_ms: START_MS, event_time_ms: OLD_MS, known_at_ms: START_MS, event });
    writer.commit({ stream_created: "s", sequence: 1, message_hash: "" });
    expect(store.lateUpdates()).toHaveLength(writer.counters.late);
    return [writer.lateByState(), store];
  };

  test("is counted and listed by each of them", () => {
    const [described, store] = fold({ type: "course.upserted", course_id: "C1", teacher_id: "T1", category: "data", difficulty_level: "expert", quality_tier: "elite", base_price: 9, launched_at: "1969-01-01T00:00:00Z" });
    expect(Object.keys(described).sort()).toEqual(["base_price", "category", "difficulty", "launched_at", "quality", "teacher"].map((name) => `course.${name}`));
    expect(store.profile("C1")).toBeUndefined();
    expect(Object.keys(fold({ type: "enrollment.completed", enrollment_id: "E1", course_id: "C1", learner_id: "L1" })[0])).toEqual(["course.completions_by_day", "learner_course.completed"]);
    expect(Object.keys(fold({ type: "activity.forum", learner_id: "L1" })[0]).sort()).toEqual(["learner.active_days", "learner.forum_posts", "learner.last_activity"]);
    expect(fold({ type: "market.competitor_price", category: "data", price: 4 })[0]).toEqual({ "category.competitor_price": 1 });
  });

  test("counts where its time does not matter", () => {
    const [late, store] = fold({ type: "token.purchased", learner_id: "L1", amount: 5 });
    expect(late).toEqual({});
    expect([...store.ids("learner"), ...store.ids("platform")]).toEqual(["L1", "1969-12-31"]);
  });
});

describe("the watermark", () => {
  test("is the greatest event time and broker's time folded: no duplicate, late or reordered event moves it back", () => {
    const store = new MemoryStore();
    const writer = new FeatureWriter(store);
    expect([writer.watermark, store.watermark()]).toEqual([undefined, undefined]);
    writer.apply(stream(5, START_MS + 60_000));
    writer.apply(stream(6, START_MS));
    const watermark = { event_time_ms: START_MS + 60_000, broker_time_ms: START_MS + 6 };
    expect(writer.watermark).toEqual(watermark);
    writer.apply({ ...stream(6, START_MS + DAY_MS), sequence: 7, broker_time_ms: START_MS + DAY_MS });
    expect(writer.counters.duplicates).toBe(1);
    writer.commit({ stream_created: "s", sequence: 7, message_hash: "" });
    expect(store.watermark()).toEqual(watermark);
    const next = new FeatureWriter(store);
    expect(next.watermark).toEqual(watermark);
    next.apply(stream(8, START_MS - DAY_MS));
    expect(next.watermark).toEqual({ event_time_ms: START_MS + 60_000, broker_time_ms: START_MS + 8 });
  });
});
