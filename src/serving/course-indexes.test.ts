import { beforeEach, describe, expect, test } from "vitest";
import { FeatureReader } from "../features/feature-reader.ts";
import { FeatureWriter } from "../features/feature-writer.ts";
import { MemoryStore } from "../features/memory-store.ts";
import type { EntityName } from "../features/store.ts";
import { formatTime } from "../lib/time.ts";
import { CourseIndexes } from "./course-indexes.ts";
import type { OpenFeatures } from "./feature-source.ts";
import { START_MS, TestClock } from "./testing.ts";
import { Turns } from "./turns.ts";

/** Counts reads of courses, and tells of them. */
class WatchedStore extends MemoryStore {
  reads = 0;
  onRead = (): void => undefined;

  override get(entity: EntityName, id: string): Uint8Array | undefined {
    if (entity === "course") {
      this.reads++;
      this.onRead();
    }
    return super.get(entity, id);
  }
}

function open(courses: number): OpenFeatures & { readonly store: WatchedStore } {
  const store = new WatchedStore();
  const writer = new FeatureWriter(store);
  for (let i = 0; i < courses; i++) {
    const event = { id: `e${i}`, type: "course.repriced" as const, time: formatTime(START_MS), course_id: `c${i}`, price: 10 };
    writer.apply({ sequence: i + 1, broker_time_ms: START_MS, event_time_ms: START_MS, known_at_ms: START_MS, event });
  }
  writer.commit({ stream_created: "s", sequence: courses, message_hash: "" });
  store.reads = 0;
  return { store, reader: new FeatureReader(store) };
}

const GOOD_MAX_MS = 60_000;

let clock: TestClock;
let features: { current: OpenFeatures | undefined; reason: string };

beforeEach(() => {
  clock = new TestClock();
  features = { current: undefined, reason: "" };
});

const indexes = (courses_max?: number): CourseIndexes => new CourseIndexes(features, new Turns(), clock, courses_max);

describe("the index of courses", () => {
  test("is built once for everybody who asks meanwhile", async () => {
    const current = open(300);
    features.current = current;
    const all = indexes();
    const [a, b, c] = await Promise.all([all.of(current), all.of(current), all.of(current)]);
    expect(a?.courses).toBe(300);
    expect([b, c]).toEqual([a, a]);
    expect(current.store.reads).toBe(300);
    expect(all.courses).toBe(300);
  });

  test("is good for fifty times what building it took, but at least a second and at most a minute; as long again it is used while the next is built", async () => {
    const current = open(200);
    features.current = current;
    for (const [took_ms, good_ms] of [
      [0, 1_000],
      [100, 5_000],
      [5_000, 60_000],
    ] as const) {
      const all = indexes();
      let reads = 0;
      current.store.onRead = () => {
        if (++reads === 1) clock.time_ms += took_ms;
      };
      const first = await all.of(current);
      expect(first?.at_ms).toBe(clock.time_ms - took_ms);
      clock.time_ms += good_ms - 1;
      expect(await all.of(current)).toBe(first);
      expect(reads).toBe(200);
      clock.time_ms += 1;
      // Used, while the next is built once.
      expect([await all.of(current), await all.of(current)]).toEqual([first, first]);
      while ((await all.of(current)) === first) await clock.sleep();
      expect((await all.of(current))?.at_ms).toBe(clock.time_ms);
      expect(reads).toBe(400);
      // Nobody asked for longer than it is used: who does now waits for another.
      clock.time_ms += 2 * GOOD_MAX_MS;
      expect((await all.of(current))?.at_ms).toBe(clock.time_ms);
    }
  });

  test("of a store that another one replaces is given up, and never used for the other", async () => {
    const [before, after] = [open(300), open(5)];
    features.current = before;
    const all = indexes();
    before.store.onRead = () => {
      if (before.store.reads === 200) features.current = after;
    };
    expect(await all.of(before)).toBeUndefined();
    // No read of a store that may be closed by now.
    expect(before.store.reads).toBeLessThan(300);
    expect((await all.of(after))?.courses).toBe(5);
    features.current = undefined;
    expect(await indexes().of(after)).toBeUndefined();
  });

  test("of too many courses is refused, and found out only as often as an index is built", async () => {
    const current = open(50);
    features.current = current;
    const all = indexes(49);
    for (let i = 0; i < 3; i++) await expect(all.of(current)).rejects.toMatchObject({ code: "invalid_field", field: "sort", message: expect.stringContaining("more than 49 courses") as unknown });
    expect(current.store.reads).toBe(50);
    expect(all.courses).toBe(0);
  });

  test("that fails to be built fails for those who wait, and is built anew for the next", async () => {
    const current = open(10);
    features.current = current;
    const all = indexes();
    current.store.onRead = () => {
      throw new Error("unreadable");
    };
    const both = [all.of(current), all.of(current)];
    for (const failed of both) await expect(failed).rejects.toThrow("unreadable");
    current.store.onRead = () => undefined;
    const built = await all.of(current);
    expect(built?.courses).toBe(10);
    // One that fails while the last is still used leaves that as it is.
    clock.time_ms += 1_500;
    current.store.onRead = () => {
      throw new Error("unreadable");
    };
    for (let i = 0; i < 3; i++) {
      expect(await all.of(current)).toBe(built);
      await clock.sleep();
    }
    clock.time_ms += 500;
    await expect(all.of(current)).rejects.toThrow("unreadable");
  });
});
