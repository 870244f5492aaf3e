import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StreamEvent } from "../contracts/events.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import type { DeduplicationLimits } from "./deduplication.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { openLmdbStore } from "./lmdb-store.ts";
import { MemoryStore } from "./memory-store.ts";
import { DatasetReplay } from "./replay.ts";
import type { FeatureStore, FeatureStoreReader } from "./store.ts";
import { STREAM_END_MS, STREAM_SPAN_MS, randomStream } from "./testing/random-events.ts";

/** The window as it is documented, by plain search: nothing is shared with what is tested. */
function deduplicated(events: readonly StreamEvent[], { block_ids, blocks }: DeduplicationLimits): StreamEvent[] {
  const accepted: string[] = [];
  const enrollments = new Set<string>();
  return events.filter(({ event }) => {
    const open_block = Math.max(0, Math.ceil(accepted.length / block_ids) - 1);
    if (accepted.slice(Math.max(0, open_block - blocks) * block_ids).includes(event.id)) return false;
    if (event.type === "enrollment.created") {
      if (enrollments.has(event.enrollment_id)) return false;
      enrollments.add(event.enrollment_id);
    }
    accepted.push(event.id);
    return true;
  });
}

/** Duplicates of any age anywhere: the event again, another one under its id, its enrollment under another id. */
const duplicates = fc.array(fc.record({ of: fc.nat(1000), at: fc.nat(1000), kind: fc.constantFrom("again" as const, "other body" as const, "other id" as const) }), { maxLength: 60, size: "max" });

function withDuplicates(events: readonly StreamEvent[], insertions: readonly { of: number; at: number; kind: "again" | "other body" | "other id" }[]): StreamEvent[] {
  const stream = [...events];
  for (const { of, at, kind } of insertions) {
    const original = stream[of % stream.length];
    const other = stream[at % stream.length];
    if (original === undefined || other === undefined) continue;
    const { event } = original;
    const id = kind === "other id" ? `${event.id}-again` : event.id;
    stream.splice(at % (stream.length + 1), 0, { ...original, event: { ...(kind === "other body" ? other.event : event), id } });
  }
  // A stream's sequences ascend, and a broker's clock does not go back.
  let known_at_ms = 0;
  return Array.from(stream, ({ event, event_time_ms, known_at_ms: at_ms }, i) => {
    known_at_ms = Math.max(known_at_ms, at_ms);
    return { sequence: i + 1, broker_time_ms: known_at_ms, event_time_ms, known_at_ms, event };
  });
}

const limits = fc.record({ block_ids: fc.integer({ min: 1, max: 5 }), blocks: fc.integer({ min: 0, max: 4 }), enrollments_kept: fc.constantFrom(0, 1, 1000) });
const batchEnds = fc.array(fc.nat(150), { maxLength: 30 }).map((ends) => new Set(ends));

function contents(store: FeatureStoreReader): string[] {
  return [...store.dump()].map(({ database, key, value }) => `${database} ${key} ${Buffer.from(value).toString("hex")}`);
}

/** Folds, committing after each of `ends`; a writer that starts again has only the store to go by. */
function fold(store: FeatureStore, events: readonly StreamEvent[], ends: ReadonlySet<number>, last_sequence: number, { restart = false, ...limits }: DeduplicationLimits & { readonly restart?: boolean }): number {
  let duplicates = 0;
  let writer = new FeatureWriter(store, { deduplication: limits });
  const commit = (sequence: number): void => writer.commit({ stream_created: "s", sequence, message_hash: "" });
  events.forEach((event, i) => {
    if (!writer.apply(event)) duplicates++;
    if (!ends.has(i)) return;
    commit(event.sequence);
    if (restart) writer = new FeatureWriter(store, { deduplication: limits });
  });
  commit(last_sequence);
  return duplicates;
}

describe("deduplication", () => {
  // With the same sequences and at the same cursor, every key and every value byte must be equal, those of the ids too.
  test("leaves what the stream without its duplicates leaves, whatever the batches, the window and the restarts", () => {
    fc.assert(
      fc.property(randomStream(400), duplicates, batchEnds, limits, (clean, insertions, ends, limits) => {
        const events = withDuplicates(clean, insertions);
        const kept = deduplicated(events, limits);
        const last = events.length;
        const expected = new MemoryStore();
        expect(fold(expected, kept, new Set(), last, limits)).toBe(0);
        for (const restart of [false, true]) {
          const store = new MemoryStore();
          expect(fold(store, events, ends, last, { ...limits, restart })).toBe(events.length - kept.length);
          expect(contents(store)).toEqual(contents(expected));
        }
      }),
      { numRuns: 200 },
    );
  });

  test("does the same on LMDB, reopened in between", async () => {
    await fc.assert(
      fc.asyncProperty(randomStream(300), duplicates, batchEnds, limits, async (clean, insertions, ends, limits) => {
        const events = withDuplicates(clean, insertions);
        const expected = new MemoryStore();
        fold(expected, deduplicated(events, limits), new Set(), events.length, limits);
        const path = mkdtempSync(join(tmpdir(), "tidemark-dedup-"));
        const half = events.length >> 1;
        for (const part of [events.slice(0, half), events.slice(half)]) {
          const store = openLmdbStore(path, { readonly: false });
          fold(store, part, ends, part.at(-1)?.sequence ?? 0, limits);
          await store.close();
        }
        const store = openLmdbStore(path, { readonly: true });
        const found = contents(store);
        await store.close();
        rmSync(path, { recursive: true, force: true });
        expect(found).toEqual(contents(expected));
      }),
      // The property above shrinks much faster.
      { numRuns: 15, endOnFailure: true },
    );
  });

  test("forgets an event id after the window, but never an enrollment", () => {
    const at = (sequence: number, id: string, enrollment_id: string): StreamEvent => ({
      sequence,
      broker_time_ms: 1,
      event_time_ms: 1,
      known_at_ms: 1,
      event: { id, type: "enrollment.created", time: "1970-01-01T00:00:00.001Z", enrollment_id, course_id: "C1", learner_id: "L1", price: 9 },
    });
    const store = new MemoryStore();
    const tiny = { block_ids: 2, blocks: 1, enrollments_kept: 0 };
    let writer = new FeatureWriter(store, { deduplication: tiny });
    const commit = (sequence: number): void => {
      writer.commit({ stream_created: "s", sequence, message_hash: "" });
      writer = new FeatureWriter(store, { deduplication: tiny });
    };
    expect([at(1, "a", "E1"), at(2, "b", "E2"), at(3, "a", "E3"), at(4, "c", "E1")].map((event) => writer.apply(event))).toEqual([true, true, false, false]);
    expect(writer.counters).toMatchObject({ events: 2, duplicates: 2 });
    commit(4);
    // A refused id is not in the window: "c" may come again. Four ids are known until a fifth opens the next block.
    expect(["c", "d", "a", "e", "a"].map((id, i) => writer.apply(at(5 + i, id, `E${5 + i}`)))).toEqual([true, true, false, true, true]);
    commit(9);
    expect(writer.apply(at(10, "f", "E1"))).toBe(false);
    expect([...store.idBlocks()].map(({ number, ids }) => [number, ids.length / 16])).toEqual([
      [1, 2],
      [2, 2],
    ]);
  });

  test("a batch larger than the whole window stores the window's end", () => {
    const stream = Array.from({ length: 103 }, (_, i): StreamEvent => ({
      sequence: i + 1,
      broker_time_ms: 1,
      event_time_ms: 1,
      known_at_ms: 1,
      event: { id: `v${i}`, type: "exposure.viewed", time: "1970-01-01T00:00:00.001Z", course_id: "C1", learner_id: "L1", price: 9 },
    }));
    const store = new MemoryStore();
    fold(store, stream, new Set([1, 2, 3]), 1, { block_ids: 4, blocks: 2, enrollments_kept: 10 });
    expect([...store.idBlocks()].map(({ number, ids }) => [number, ids.length / 16])).toEqual([
      [23, 4],
      [24, 4],
      [25, 3],
    ]);
  });

  test("is the same for datasets: a duplicate changes neither features nor labels, nor does it reach a cut-off", () => {
    const start_ms = STREAM_END_MS - STREAM_SPAN_MS;
    const at_ms = [0.01, 1, 4].map((days) => start_ms + days * DAY_MS);
    const time = formatTime(start_ms);
    const catalogue = ["C00001", "C00002", "C00003", "C00004"].map((course_id, i): StreamEvent => ({
      sequence: i + 1,
      broker_time_ms: start_ms,
      event_time_ms: start_ms,
      known_at_ms: start_ms,
      event: { id: course_id, type: "course.upserted", time, course_id, teacher_id: "T1", category: "data", difficulty_level: "expert", quality_tier: "basic", base_price: 100, launched_at: time },
    }));
    let courses = 0;
    fc.assert(
      fc.property(randomStream(300), duplicates, (clean, insertions) => {
        const events = withDuplicates([...catalogue, ...clean], insertions);
        const rows = (stream: readonly StreamEvent[]): readonly object[] => {
          const replay = new DatasetReplay({ at_ms, gap_ms: 0, horizon_ms: 30 * DAY_MS });
          for (const event of stream) replay.apply(event);
          return replay.finish();
        };
        const found = rows(events);
        courses += found.length;
        expect(found).toEqual(rows(deduplicated(events, { block_ids: 1000, blocks: 1, enrollments_kept: 0 })));
      }),
    );
    expect(courses).toBeGreaterThan(100);
  });
});
