import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StreamEvent } from "../contracts/events.ts";
import { formatTime } from "../lib/time.ts";
import { EntityReader, entityFeatureNames } from "./entity-reader.ts";
import { FeatureReader } from "./feature-reader.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { MemoryStore } from "./memory-store.ts";
import { ownerOf, parsePartition, type Partition, partitionLayout } from "./partition.ts";
import { PartitionedStore } from "./partitioned-store.ts";
import { type EntityName, type FeatureStoreReader, entityNames } from "./store.ts";
import { STREAM_END_MS, randomStream } from "./testing/random-events.ts";

function fold(events: readonly StreamEvent[], partition?: Partition): MemoryStore {
  const store = new MemoryStore();
  const writer = new FeatureWriter(store, { partition });
  events.forEach((event, i) => {
    writer.apply(event);
    if (i % 11 === 0) writer.commit({ stream_created: "s", sequence: event.sequence, message_hash: "" });
  });
  writer.commit({ stream_created: "s", sequence: events.at(-1)?.sequence ?? 0, message_hash: "" });
  return store;
}

function two(ids: Iterable<string>): string[] {
  const page: string[] = [];
  for (const id of ids) if (page.push(id) === 2) break;
  return page;
}

const shared = new Set<EntityName>(["category", "teacher", "platform"]);
const records = (store: FeatureStoreReader, entity: EntityName): [string, string][] => [...store.ids(entity)].map((id) => [id, Buffer.from(store.get(entity, id)!).toString("hex")]);

describe("partitions", () => {
  test("of any number hold together what a single fold does", () => {
    fc.assert(
      fc.property(fc.noBias(randomStream(160)), fc.constantFrom(1, 2, 3, 4, 7), (events, count) => {
        const whole = fold(events);
        const stores = Array.from({ length: count }, (_, index) => fold(events, { index, count }));
        const together = new PartitionedStore(stores);
        // Owned records byte for byte, each in one partition.
        for (const entity of entityNames.filter((name) => !shared.has(name))) expect(records(together, entity), entity).toEqual(records(whole, entity));
        // What is shared is merged: whole numbers exactly, others within rounding.
        const now_ms = STREAM_END_MS;
        const [one, many] = [new EntityReader(whole), new EntityReader(together)];
        for (const entity of entityNames) {
          const ids = [...whole.ids(entity)];
          expect([...together.ids(entity)], entity).toEqual(ids);
          // Page by page, as a list is read.
          const paged: string[] = [];
          for (let page = two(together.ids(entity)); page.length > 0; page = two(together.ids(entity, "", page.at(-1)))) paged.push(...page);
          expect(paged, entity).toEqual(ids);
          for (const id of whole.ids(entity)) {
            const expected = one.read(entity, id, now_ms)!;
            const actual = many.read(entity, id, now_ms)!;
            expect([id, actual.sequence, actual.updated_at_ms]).toEqual([id, expected.sequence, expected.updated_at_ms]);
            const wrong = [...expected.values].flatMap((value, i) => (Number.isInteger(value) ? value === actual.values[i] : Math.abs(value - actual.values[i]!) <= 1e-9 * Math.max(1, Math.abs(value))) ? [] : [{ entity, id, i, value, actual: actual.values[i] }]);
            expect(wrong).toEqual([]);
          }
        }
        // What prices read.
        const [reader, partitioned] = [new FeatureReader(whole), new FeatureReader(together)];
        for (const id of whole.ids("course")) {
          const expected = reader.course(id, now_ms);
          const actual = partitioned.course(id, now_ms);
          expect(actual?.cells).toEqual(expected?.cells);
          expect(actual?.features.length).toBe(expected?.features.length);
          expected?.features.forEach((value, i) => expect(actual?.features[i]).toBeCloseTo(value, 9));
          expect(together.profile(id)).toEqual(whole.profile(id));
        }
      }),
      { numRuns: 120 },
    );
  });

  test("are read as they are now, although one is behind: days that were read before follow what its share adds to them", () => {
    const day_ms = STREAM_END_MS;
    const bought = (sequence: number, learner_id: string): StreamEvent => ({
      sequence,
      broker_time_ms: day_ms,
      event_time_ms: day_ms,
      known_at_ms: day_ms,
      event: { id: `e${sequence}`, type: "token.purchased", time: formatTime(day_ms), learner_id, amount: 10 },
    });
    const owned = (index: number): string => Array.from({ length: 20 }, (_, i) => `L${i}`).find((id) => ownerOf(id, 2) === index)!;
    const stream = [bought(1, owned(1)), bought(2, owned(0)), bought(3, owned(1)), bought(4, owned(0))];
    const stores = [new MemoryStore(), new MemoryStore()];
    const writers = stores.map((store, index) => new FeatureWriter(store, { partition: { index, count: 2 } }));
    const foldTo = (index: number, from: number, to: number): void => {
      for (const event of stream.slice(from, to)) writers[index]!.apply(event);
      writers[index]!.commit({ stream_created: "s", sequence: to, message_hash: "" });
    };
    foldTo(0, 0, 4);
    foldTo(1, 0, 1);
    const reader = new EntityReader(new PartitionedStore(stores));
    const sold = (): (number | undefined)[] => {
      const values = reader.read("platform", formatTime(day_ms).slice(0, 10), day_ms)?.values;
      return ["tokens_sold", "tokens_outstanding"].map((name) => values?.[entityFeatureNames.platform.indexOf(name)]);
    };
    expect(sold()).toEqual([30, 30]);
    foldTo(1, 1, 4);
    expect(sold()).toEqual([40, 40]);
  });

  test("own every entity once, evenly", () => {
    const owned = [0, 0, 0, 0];
    for (let i = 0; i < 40_000; i++) owned[ownerOf(`L${String(i).padStart(6, "0")}`, 4)]!++;
    for (const count of owned) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  test("refuse each other's stores", () => {
    const store = fold([], { index: 1, count: 4 });
    expect(store.layout()).toBe(partitionLayout({ index: 1, count: 4 }));
    for (const partition of [undefined, { index: 0, count: 4 }, { index: 1, count: 2 }]) expect(() => new FeatureWriter(store, { partition })).toThrow(expect.objectContaining({ code: "layout_mismatch" }));
    expect(() => new FeatureReader(store)).toThrow(expect.objectContaining({ code: "layout_mismatch" }));
    expect(() => new PartitionedStore([store, store])).toThrow(expect.objectContaining({ code: "layout_mismatch" }));
  });

  test("are written i/n", () => {
    expect(parsePartition("0/1")).toEqual({ index: 0, count: 1 });
    expect(parsePartition("3/4")).toEqual({ index: 3, count: 4 });
    for (const text of ["", "4/4", "1", "1/0", "-1/2", "1/2/3", "a/b", "0/2000", " 1/2"]) expect(parsePartition(text), text).toBeUndefined();
  });
});
