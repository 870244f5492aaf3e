import * as fc from "fast-check";
import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Event } from "../contracts/events.ts";
import { eventSubject, STREAM_EVENTS } from "../contracts/subjects.ts";
import { distinct } from "../features/distinct.ts";
import { stateDefinitions } from "../features/feature-set.ts";
import { FeatureWriter } from "../features/feature-writer.ts";
import { MemoryStore } from "../features/memory-store.ts";
import { LEARNER_SKETCH_PRECISION } from "../features/platform-features.ts";
import { entityNames } from "../features/store.ts";
import { randomStream, STREAM_END_MS } from "../features/testing/random-events.ts";
import { ManualClock } from "../lib/clock.ts";
import { hexHash } from "../lib/hash128.ts";
import { silentLogger } from "../lib/log.ts";
import { hash32, Prng } from "../lib/prng.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import { compactArchive, type CompactionResult, eachMessage } from "./archive-compaction.ts";
import type { ArchivedMessage } from "./archive-segment.ts";
import type { BrokerMessage } from "./broker-message.ts";
import { decodeEvent, isRefusal } from "./decode.ts";
import { purgeForgotten } from "./erasure-purge.ts";
import { EventArchive } from "./event-archive.ts";
import { EventHistory } from "./event-history.ts";
import { erasureOf, mentions, pseudonymOf } from "./learner-erasure.ts";
import { readStream, type StreamSource } from "./read-stream.ts";
import { SegmentBuilder } from "./segment-builder.ts";
import { MemoryStream } from "./testing/memory-stream.ts";

const DELAY_MS = 30 * DAY_MS;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-compaction-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

function randomFrom(seed: string): (count: number) => Uint8Array {
  const prng = new Prng(seed);
  return (count) => Uint8Array.from({ length: count }, () => prng.integer(256));
}

function message(sequence: number, time_ms: number, event: Event, extra: object = {}): BrokerMessage {
  return { sequence, time_ms, subject: eventSubject(event), data: new TextEncoder().encode(JSON.stringify({ ...event, ...extra })) };
}

/** Everything up to `last_sequence`, in segments of a few messages. */
async function archiveAll(stream: MemoryStream, archive: EventArchive, last_sequence: number, segment_bytes = 1_500): Promise<void> {
  let builder = new SegmentBuilder(stream.created, 1, segment_bytes);
  for (const one of stream.messages.values()) {
    if (one.sequence > last_sequence) break;
    if (!builder.takes(one)) {
      await archive.add(builder.finish());
      builder = new SegmentBuilder(stream.created, builder.next_sequence, segment_bytes);
    }
    builder.add(one);
  }
  if (builder.messages > 0) await archive.add(builder.finish());
}

async function fold(source: StreamSource): Promise<string[]> {
  const store = new MemoryStore();
  const writer = new FeatureWriter(store);
  let cursor = { stream_created: "", sequence: 0, message_hash: "" };
  await readStream(source, STREAM_EVENTS, {}, (one) => {
    const decoded = decodeEvent(one);
    if (!isRefusal(decoded)) writer.apply(decoded);
    cursor = { stream_created: "", sequence: one.sequence, message_hash: hexHash(one.data) };
  });
  writer.commit(cursor);
  return [...store.dump()].map(({ database, key, value }) => `${database} ${key} ${Buffer.from(value).toString("hex")}`);
}

const compact = (archive: EventArchive, stream: MemoryStream, seed = "s", now_ms = STREAM_END_MS + 100 * DAY_MS): Promise<CompactionResult> =>
  compactArchive({ archive, stream_created: stream.created, clock: new ManualClock(now_ms), random: randomFrom(seed), logger: silentLogger, delay_ms: DELAY_MS });

async function archived(archive: EventArchive, stream: MemoryStream): Promise<ArchivedMessage[]> {
  const all: ArchivedMessage[] = [];
  for (const segment of (await archive.index(stream.created)).segments) await eachMessage(archive, segment, undefined, (one) => void all.push(one));
  return all;
}

/** What a producer and the network make of events: repetitions, nonsense, fields that nobody knows, personal ones that somebody does. */
function disturbed(events: readonly { readonly sequence: number; readonly broker_time_ms: number; readonly event: Event }[], seed: number): MemoryStream {
  const random = new Prng(String(seed));
  const stream = new MemoryStream();
  for (const { broker_time_ms, event, sequence } of events) {
    const at = Math.max(sequence * 3, stream.last_sequence + 1);
    const personal = event.type === "learner.upserted" ? { country: "DE", attributes: { city: "Ulm" } } : event.type === "exposure.viewed" ? { quote_id: "Q1" } : {};
    const one = message(at, broker_time_ms, { ...event, ...personal }, { note: "learner_id" in event ? `about ${event.learner_id}` : "" });
    stream.append(one);
    if (random.integer(12) === 0) stream.append(message(stream.last_sequence + 1, broker_time_ms, { id: `gone${at}`, type: "learner.erased", time: formatTime(broker_time_ms), learner_id: `L${1 + random.integer(3)}` }));
    // Published twice, or once more much later.
    if (random.integer(6) === 0) stream.append({ ...one, sequence: stream.last_sequence + 1 });
    if (random.integer(8) === 0) stream.append({ sequence: stream.last_sequence + 1, time_ms: broker_time_ms, subject: "events.token.L1", data: Buffer.from('{"learner_id":"L1", broken') });
    if (random.integer(8) === 0) {
      const earlier = [...stream.messages.values()][random.integer(stream.messages.size)]!;
      stream.append({ ...earlier, sequence: stream.last_sequence + 1, time_ms: broker_time_ms });
    }
  }
  const tail = stream.last_sequence + 1;
  stream.append(message(tail, STREAM_END_MS, { id: "tail", type: "market.competitor_price", time: formatTime(STREAM_END_MS), category: "data", price: 5 }));
  return stream;
}

describe("a compacted archive", () => {
  test("folds to the same bytes, holds nothing of who was erased, and EVENTS may then lose it too", { timeout: 60_000 }, async () => {
    let forgotten = 0;
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.noBias(randomStream(120)), fc.nat(), fc.noBias(fc.integer({ min: 0, max: 100 })), async (events, seed, percent) => {
        const stream = disturbed(events, seed);
        const original = await fold(stream);
        const before = [...stream.messages.values()];
        const archive = new EventArchive(join(directory, String(runs++)));
        const last_archived = before[Math.floor(((before.length - 2) * percent) / 100)]?.sequence ?? 0;
        await archiveAll(stream, archive, last_archived);
        const history = new EventHistory(stream, archive);
        expect(await fold(history)).toEqual(original);
        const result = await compact(archive, stream, String(seed));
        forgotten += result.forgotten;
        expect(await fold(history)).toEqual(original);
        // Sequences, times, event ids and enrollment ids are what they were.
        const after = await archived(archive, stream);
        expect(after.map(({ sequence, time_ms }) => [sequence, time_ms])).toEqual(before.filter(({ sequence }) => sequence <= last_archived).map(({ sequence, time_ms }) => [sequence, time_ms]));
        const erased = new Map<string, number>();
        for (const one of before) {
          const erasure = one.sequence <= last_archived ? erasureOf(one) : undefined;
          if (erasure !== undefined && original.length > 0 && !erased.has(`id ${erasure.id}`)) erased.set(erasure.learner_id, one.sequence).set(`id ${erasure.id}`, 0);
        }
        for (const [learner_id, sequence] of erased) {
          if (learner_id.startsWith("id ")) continue;
          expect(after.filter((one) => one.sequence <= sequence && mentions(one, learner_id)).map(({ data }) => Buffer.from(data).toString())).toEqual([]);
        }
        const rewritten = after.filter((one) => one.rewritten);
        const purged = rewritten.filter(({ sequence }) => sequence < last_archived);
        for (const { data } of rewritten) expect(Buffer.from(data).toString()).not.toMatch(/"DE"|"Ulm"|"Q1"|"about /);
        // Nothing is left to do, and a second fold is the same.
        expect(await compact(archive, stream, "again")).toMatchObject({ forgotten: 0 });
        expect(await purgeForgotten(stream, archive)).toBe(purged.length);
        for (const { sequence } of purged) expect(stream.messages.has(sequence)).toBe(false);
        expect(await purgeForgotten(stream, archive)).toBe(0);
        expect(await fold(history)).toEqual(original);
        stream.expire(last_archived);
        expect(await fold(history)).toEqual(original);
      }),
      { numRuns: 40 },
    );
    expect(forgotten).toBeGreaterThan(10);
  });
});

const T0 = Date.UTC(2026, 0, 1);

/** What L1 does on ten days, is erased on the eleventh, and does again from the twelfth on; L2 beside. */
function story(): MemoryStream {
  const stream = new MemoryStream();
  const put = (day: number, event: Event): void => stream.append(message(stream.last_sequence + 1, T0 + day * DAY_MS, event));
  for (let day = 0; day < 10; day++) {
    for (const learner_id of ["L1", "L2"]) put(day, { id: `v${day}${learner_id}`, type: "exposure.viewed", time: formatTime(T0 + day * DAY_MS), course_id: "C1", learner_id, price: 10 });
    put(day, { id: `t${day}`, type: "token.purchased", time: formatTime(T0 + day * DAY_MS), learner_id: "L1", amount: 5 });
  }
  put(10, { id: "gone", type: "learner.erased", time: formatTime(T0 + 10 * DAY_MS), learner_id: "L1" });
  for (let day = 11; day < 14; day++) put(day, { id: `b${day}`, type: "token.purchased", time: formatTime(T0 + day * DAY_MS), learner_id: "L1", amount: 7 });
  return stream;
}

describe("compaction", () => {
  test("waits until the erasure is old enough; what the learner does afterwards is theirs", async () => {
    const stream = story();
    const archive = new EventArchive(directory);
    await archiveAll(stream, archive, stream.last_sequence);
    const day = (n: number): number => T0 + n * DAY_MS;
    expect(await compact(archive, stream, "s", day(10) + DELAY_MS - 1)).toEqual({ forgotten: 0, segments: 0, messages: 0, waiting: 1 });
    expect(await compact(archive, stream, "s", day(10) + DELAY_MS)).toMatchObject({ forgotten: 1, messages: 21, waiting: 0 });
    const after = await archived(archive, stream);
    expect(after.filter((one) => mentions(one, "L1")).map(({ sequence }) => sequence)).toEqual([32, 33, 34]);
    expect(after.filter((one) => mentions(one, "L2")).length).toBe(10);
    const names = new Set(after.flatMap((one) => (one.rewritten ? [(JSON.parse(Buffer.from(one.data).toString()) as { learner_id: string }).learner_id] : [])));
    expect([...names]).toEqual([expect.stringMatching(/^erased-[A-Za-z0-9_-]{20}-/)]);
  });

  test("another run gives another name", async () => {
    const names = await Promise.all(["a", "b", "c"].map((seed) => pseudonymOf("L00042", randomFrom(seed))));
    expect(new Set(names).size).toBe(3);
  });

  test("a store that folded some of a learner and not their erasure is refused; one before or behind is not", async () => {
    const stream = story();
    const archive = new EventArchive(directory);
    await archiveAll(stream, archive, stream.last_sequence - 2);
    const history = new EventHistory(stream, archive);
    await compact(archive, stream);
    const start = async (start_sequence: number): Promise<void> => (await history.consume(STREAM_EVENTS, { start_sequence }, () => undefined)).stop();
    await expect(start(2)).rejects.toMatchObject({ code: "erased_since", message: expect.stringContaining("erased at 31") });
    await expect(start(31)).rejects.toMatchObject({ code: "erased_since" });
    await start(1);
    await start(32);
    // What the archive holds under another name cannot be compared with what was folded; the rest can.
    stream.expire(stream.last_sequence);
    expect(await history.getMessage(STREAM_EVENTS, { sequence: 1 })).toBeUndefined();
    expect((await history.getMessage(STREAM_EVENTS, { sequence: 2 }))?.sequence).toBe(2);
  });

  test("a fold that reads while it happens ends rather than mix both names", async () => {
    const stream = story();
    const archive = new EventArchive(directory);
    await archiveAll(stream, archive, stream.last_sequence - 1, 400);
    const history = new EventHistory(stream, archive);
    const seen: number[] = [];
    const consumption = await history.consume(STREAM_EVENTS, { start_sequence: 1 }, ({ sequence }) => {
      if (seen.push(sequence) === 6) consumption.pause();
    });
    await vi.waitFor(() => expect(seen.length).toBe(6));
    await compact(archive, stream);
    consumption.resume();
    expect(await consumption.closed).toMatchObject({ code: "erased_since" });
  });

  test("of two at once one changes nothing; one that died on the way leaves what the next clears away", async () => {
    const stream = story();
    const archive = new EventArchive(directory);
    await archiveAll(stream, archive, stream.last_sequence - 1, 400);
    const results = await Promise.allSettled([compact(archive, stream, "a"), compact(new EventArchive(directory), stream, "b")]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(results.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "archive_busy" } });
    const original = await fold(story());
    expect(await fold(new EventHistory(stream, new EventArchive(directory)))).toEqual(original);

    const folder = join(directory, (await readdir(directory))[0]!);
    const [any] = (await archive.index(stream.created)).segments;
    const orphan = await archive.addReplacement(new SegmentBuilder(stream.created, any!.header.first_sequence).finish(any!.header.last_sequence));
    // A file that was cut off was never acted on.
    const { generation } = await archive.compaction(stream.created);
    const broken = { generation: generation + 1, replaced: {}, spans: "cut" };
    await archive.commitCompaction(stream.created, broken as never);
    expect(await fold(new EventHistory(stream, new EventArchive(directory)))).toEqual(original);
    const old_s = Date.now() / 1000 - 7_200;
    await utimes(join(folder, orphan), old_s, old_s);
    await archive.sweep(stream.created, Date.now());
    const names = await readdir(folder);
    expect(names).not.toContain(orphan);
    expect(await fold(new EventHistory(stream, new EventArchive(directory)))).toEqual(original);
    // The originals are gone from the disk.
    const { replaced } = await archive.compaction(stream.created);
    expect(Object.keys(replaced).length).toBeGreaterThan(3);
    for (const name of Object.keys(replaced)) expect(names).not.toContain(name);
  });
});

describe("a pseudonym", () => {
  test("takes its learner's place in every sketch of learners", async () => {
    const precisions = entityNames.flatMap((entity) => stateDefinitions[entity].map(({ aggregator }) => Number(/^distinct:(\d+)$/.exec(aggregator.kind)?.[1] ?? 0))).filter((precision) => precision > 0);
    expect(Math.max(...precisions)).toBe(LEARNER_SKETCH_PRECISION);
    for (let i = 0; i < 20; i++) {
      const learner_id = `L${i * 977}`;
      const name = await pseudonymOf(learner_id, randomFrom(String(i)));
      expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
      for (const precision of new Set(precisions)) {
        const sketch = distinct(precision);
        const [mine, theirs] = [new Float64Array(sketch.width), new Float64Array(sketch.width)];
        sketch.update(mine, 0, hash32(learner_id), 0, 0);
        sketch.update(theirs, 0, hash32(name), 0, 0);
        expect(theirs).toEqual(mine);
      }
    }
  });
});
