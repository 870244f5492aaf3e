import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { StreamEvent } from "../contracts/events.ts";
import { CourseSheetReader } from "./course-sheet.ts";
import { EntityReader } from "./entity-reader.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { MemoryStore } from "./memory-store.ts";
import { PartitionedStore } from "./partitioned-store.ts";
import type { FeatureStoreReader } from "./store.ts";
import { naivePrices } from "./testing/naive-features.ts";
import { naiveTeacher, naiveTeacherOf } from "./testing/naive-platform.ts";
import { STREAM_END_MS, randomStream } from "./testing/random-events.ts";

function fold(events: readonly StreamEvent[], partition?: { index: number; count: number }): MemoryStore {
  const store = new MemoryStore();
  const writer = new FeatureWriter(store, { partition });
  for (const event of events) writer.apply(event);
  writer.commit({ stream_created: "s", sequence: events.at(-1)?.sequence ?? 0, message_hash: "" });
  return store;
}

/** Prices of one course among the rest of a stream, more of them than are kept. */
const repricings = fc.array(fc.record({ price: fc.integer({ min: 1, max: 300 }), at: fc.nat(20) }), { maxLength: 50, size: "max" });
const stream = fc.tuple(fc.noBias(randomStream(60)), repricings).map(([events, prices]): StreamEvent[] =>
  events.concat(
    prices.map(({ price, at }, i) => {
      const time_ms = STREAM_END_MS + at;
      return { sequence: 10_000 + i, broker_time_ms: STREAM_END_MS, event_time_ms: time_ms, known_at_ms: time_ms, event: { id: `p${i}`, type: "course.repriced", time: "", course_id: "C00001", price } };
    }),
  ),
);

test("a sheet has what the raw events say, of a single fold and of partitions", () => {
  let kept = 0;
  fc.assert(
    fc.property(stream, fc.integer({ min: 1, max: 3 }), (events, count) => {
      const whole = fold(events);
      const stores: FeatureStoreReader[] = [whole, new PartitionedStore(Array.from({ length: count }, (_, index) => fold(events, { index, count })))];
      for (const store of stores) {
        const reader = new CourseSheetReader(store);
        for (const id of ["C00001", "C00002", "C00003", "C00004"]) {
          const teacher_id = naiveTeacherOf(events, id) ?? "";
          const sheet = reader.read(id, teacher_id, STREAM_END_MS);
          expect(sheet?.course).toEqual(new EntityReader(store).read("course", id, STREAM_END_MS));
          if (sheet === undefined) continue;
          const prices = naivePrices(events, id);
          expect(sheet.prices).toEqual(prices.slice(-32));
          expect(sheet.repricings).toBe(prices.length);
          expect(sheet.profile).toEqual(whole.profile(id));
          const { min_price_tokens = 0, max_price_tokens = 0 } = teacher_id === "" ? {} : (naiveTeacher(events, teacher_id, STREAM_END_MS) ?? {});
          expect(sheet.band).toEqual(min_price_tokens + max_price_tokens === 0 ? undefined : { min_price: min_price_tokens || null, max_price: max_price_tokens || null });
          kept = Math.max(kept, prices.length);
        }
      }
    }),
    { numRuns: 60 },
  );
  expect(kept).toBeGreaterThan(32);
});
