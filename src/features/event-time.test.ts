import { beforeEach, describe, expect, test } from "vitest";
import type { Event } from "../contracts/events.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import { EntityReader, entityFeatureNames } from "./entity-reader.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { MemoryStore } from "./memory-store.ts";
import type { EntityName } from "./store.ts";

/** Windows are read at a time that the reader gives: nothing waits for an event, of whatever source. */
const START_MS = Date.UTC(2026, 0, 1);
const day = (n: number): number => START_MS + n * DAY_MS;

let store = new MemoryStore();
let writer = new FeatureWriter(store);
let sequence = 0;

function fold(time_ms: number, body: Partial<Event>): void {
  sequence++;
  // What is left out is put back here; the types of the rest are the caller's.
  const event = { id: `e${sequence}`, time: formatTime(time_ms), ...body } as Event;
  writer.apply({ sequence, broker_time_ms: day(500), event_time_ms: time_ms, known_at_ms: time_ms, event });
  writer.commit({ stream_created: "s", sequence, message_hash: "" });
}

const study = (time_ms: number, learner_id: string): void => fold(time_ms, { type: "activity.session", learner_id, minutes: 10 });
const view = (time_ms: number, course_id: string, learner_id = "L9"): void => fold(time_ms, { type: "exposure.viewed", course_id, learner_id, price: 10 });

function read(entity: EntityName, id: string, name: string, now_ms: number): number {
  const found = new EntityReader(store).read(entity, id, now_ms);
  const position = entityFeatureNames[entity].indexOf(name);
  expect(position, name).toBeGreaterThanOrEqual(0);
  return found?.values[position] ?? Number.NaN;
}

beforeEach(() => {
  store = new MemoryStore();
  writer = new FeatureWriter(store);
  sequence = 0;
  for (const [course_id, category] of [["C1", "quiet"], ["C2", "busy"]] as const) {
    fold(day(0), { type: "course.upserted", course_id, teacher_id: "T1", category, difficulty_level: "expert", quality_tier: "basic", base_price: 10, launched_at: formatTime(day(0)) });
  }
});

describe("a source that falls silent", () => {
  test("slides out of its windows while others go on", () => {
    for (let n = 0; n < 60; n++) {
      view(day(n), "C2");
      study(day(n), "busy");
      if (n >= 5) continue;
      view(day(n), "C1");
      study(day(n), "quiet");
    }
    const windows = (now_ms: number): number[] => ["quiet", "busy"].flatMap((id) => [read("category", id, "exposures_7d", now_ms), read("category", id, "exposures_30d", now_ms), read("learner", id, "session_minutes_14d", now_ms)]);
    expect(windows(day(4)).slice(0, 3)).toEqual([5, 5, 50]);
    expect(windows(day(59.5))).toEqual([0, 0, 0, 8, 31, 150]);
    expect(read("category", "quiet", "exposures_90d", day(59.5))).toBe(5);
    expect(read("learner", "quiet", "streak_days", day(59.5))).toBe(0);
    expect(read("learner", "busy", "streak_days", day(59.5))).toBe(60);
    expect(read("learner", "quiet", "session_minutes_trend", day(20))).toBe(-1);
  });

  test("and when all are silent, time alone empties the windows", () => {
    view(day(10), "C1");
    expect(["7d", "30d", "90d"].map((window) => read("category", "quiet", `exposures_${window}`, day(30)))).toEqual([0, 1, 1]);
    expect(["7d", "30d", "90d"].map((window) => read("category", "quiet", `exposures_${window}`, day(200)))).toEqual([0, 0, 0]);
    expect(writer.watermark?.event_time_ms).toBe(day(10));
  });
});

describe("a source that comes back, or lags", () => {
  test("is measured by its own newest event, not by how far the others are", () => {
    study(day(10), "quiet");
    for (let n = 10; n < 300; n += 10) study(day(n), "busy");
    // 280 days behind the watermark, and not late: nothing newer is known of this learner.
    study(day(12), "quiet");
    study(day(11), "quiet");
    expect(writer.counters.late).toBe(0);
    expect(read("learner", "quiet", "session_minutes_7d", day(13))).toBe(30);
    study(day(299), "quiet");
    expect(read("learner", "quiet", "session_minutes_7d", day(299))).toBe(10);
    study(day(100), "quiet");
    expect(writer.lateByState()).toEqual({ "learner.active_days": 1, "learner.session_minutes": 1 });
    expect(store.lateUpdates().map(({ state, behind_ms }) => [state, behind_ms])).toEqual([["learner.active_days", 199 * DAY_MS], ["learner.session_minutes", 199 * DAY_MS]]);
  });

  test("makes no other late by running ahead", () => {
    study(day(300), "ahead");
    study(day(10), "behind");
    expect(writer.counters.late).toBe(0);
    expect(writer.watermark?.event_time_ms).toBe(day(300));
    expect(read("learner", "behind", "session_minutes_7d", day(11))).toBe(10);
  });
});
