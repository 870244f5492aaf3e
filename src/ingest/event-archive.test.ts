import * as fc from "fast-check";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { ManualClock, systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { DAY_MS, HOUR_MS } from "../lib/time.ts";
import { type ArchivedMessage, decodeSegment, encodeSegment, SegmentReader } from "./archive-segment.ts";
import { EventArchiver } from "./archiver.ts";
import type { BrokerMessage } from "./broker-message.ts";
import { EventArchive } from "./event-archive.ts";
import { EventHistory } from "./event-history.ts";
import { readStream } from "./read-stream.ts";
import { SegmentBuilder } from "./segment-builder.ts";
import { MemoryStream } from "./testing/memory-stream.ts";

const START_MS = Date.UTC(2026, 0, 1, 12);
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-archive-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const messages = fc
  .array(
    fc.record({
      skipped: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 1_000_000 })),
      elapsed_ms: fc.oneof(fc.integer({ min: -50, max: 5_000 }), fc.constant(DAY_MS)),
      subject: fc.oneof(fc.constantFrom("events.exposure.c1", "backfill.token.l1"), fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 })),
      data: fc.uint8Array({ maxLength: 300 }),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((items) => {
    let sequence = 0;
    let time_ms = START_MS;
    return items.map(({ skipped, elapsed_ms, subject, data }): BrokerMessage => {
      sequence += 1 + skipped;
      time_ms += elapsed_ms;
      return { sequence, time_ms, subject, data };
    });
  });

const plain = (list: readonly BrokerMessage[]): unknown[] => list.map(({ sequence, time_ms, subject, data }) => [sequence, time_ms, subject, Buffer.from(data).toString("hex")]);

function readAll(reader: SegmentReader): ArchivedMessage[] {
  const all: ArchivedMessage[] = [];
  for (let message = reader.next(); message !== undefined; message = reader.next()) all.push(message);
  return all;
}

describe("a segment", () => {
  test("gives back what went in, byte for byte, and its flags", async () => {
    await fc.assert(
      fc.asyncProperty(messages, fc.nat(), async (list, seed) => {
        const builder = new SegmentBuilder("created", 1);
        list.forEach((message, i) => builder.add(message, (seed + i) % 3 === 0));
        const file = await encodeSegment(builder.finish());
        const reader = new SegmentReader(await decodeSegment(file, "file"));
        const found = readAll(reader);
        expect(plain(found)).toEqual(plain(list));
        expect(found.map(({ rewritten }) => rewritten)).toEqual(list.map((_, i) => (seed + i) % 3 === 0));
        expect(reader.header).toMatchObject({ first_sequence: 1, last_sequence: list.at(-1)!.sequence, messages: list.length, first_time_ms: list[0]!.time_ms, last_time_ms: list.at(-1)!.time_ms });
      }),
      { numRuns: 60 },
    );
  });

  test("says that it is damaged, whichever byte is changed, and wherever it is cut", async () => {
    const builder = new SegmentBuilder("created", 1);
    for (let i = 1; i <= 50; i++) builder.add({ sequence: i, time_ms: START_MS + i, subject: "events.exposure.c1", data: Buffer.from(`{"n":${i}}`) });
    const file = await encodeSegment(builder.finish());
    for (let at = 0; at < file.length; at += 3) {
      const bad = Buffer.from(file);
      bad[at] = bad[at]! ^ 0x10;
      await expect(decodeSegment(bad, "file"), `byte ${at}`).rejects.toMatchObject({ code: "archive_damaged" });
      await expect(decodeSegment(file.subarray(0, at), "file"), `cut at ${at}`).rejects.toMatchObject({ code: "archive_damaged" });
    }
  });
});

/** A stream of `count` messages, 100 bytes or so each, `gap_ms` apart. */
function filled(count: number, gap_ms = 1_000): MemoryStream {
  const stream = new MemoryStream();
  extend(stream, count, gap_ms);
  return stream;
}

function extend(stream: MemoryStream, count: number, gap_ms = 1_000): void {
  for (let i = 0; i < count; i++) {
    const sequence = stream.last_sequence + 1;
    stream.append({ sequence, time_ms: START_MS + sequence * gap_ms, subject: "events.exposure.c1", data: Buffer.from(`{"n":${sequence},"pad":"${"x".repeat(80)}"}`) });
  }
}

/** Runs an archiver until it has archived up to a sequence. */
async function archiveTo(stream: MemoryStream, archive: EventArchive, sequence: number, options: { segment_bytes?: number; clock?: ManualClock; archiver?: EventArchiver } = {}): Promise<EventArchiver> {
  const archiver = options.archiver ?? new EventArchiver({ broker: stream, archive, logger: silentLogger, clock: options.clock ?? systemClock, segment_bytes: options.segment_bytes ?? 2_000 });
  const stop = new AbortController();
  const running = archiver.run(stop.signal);
  await vi.waitFor(() => expect(archiver.status.sequence).toBeGreaterThanOrEqual(sequence), { timeout: 10_000, interval: 2 });
  stop.abort();
  await running;
  return archiver;
}

async function read(source: MemoryStream | EventHistory): Promise<BrokerMessage[]> {
  const all: BrokerMessage[] = [];
  await readStream(source, STREAM_EVENTS, {}, ({ sequence, time_ms, subject, data }) => all.push({ sequence, time_ms, subject, data: Buffer.from(data) }));
  return all;
}

describe("the archiver", () => {
  test("writes closed segments in order, and goes on where it was after a restart", async () => {
    const stream = filled(100);
    const archive = new EventArchive(directory);
    await archiveTo(stream, archive, 80);
    const before = (await archive.index(stream.created)).segments;
    expect(before.length).toBeGreaterThan(3);
    expect(before.map(({ header }) => header.first_sequence)).toEqual([1, ...before.slice(0, -1).map(({ header }) => header.last_sequence + 1)]);
    extend(stream, 100);
    // A new process, that knows nothing but the directory.
    const again = new EventArchive(directory);
    await archiveTo(stream, again, 180);
    const after = await again.index(stream.created);
    expect(after.segments.slice(0, before.length).map(({ name }) => name)).toEqual(before.map(({ name }) => name));
    expect(after.gaps()).toEqual([]);
    expect((await readdir(join(directory, (await readdir(directory))[0]!))).filter((name) => !name.endsWith(".seg"))).toEqual([]);
  });

  test("of several on one directory, each segment is written by who comes first; on another, the same files", async () => {
    const stream = filled(300, 600_000);
    const shared = [new EventArchive(directory), new EventArchive(directory), new EventArchive(directory)];
    const archivers = await Promise.all(shared.map((archive) => archiveTo(stream, archive, 280)));
    const index = await shared[0]!.index(stream.created);
    expect(index.gaps()).toEqual([]);
    // A tie may write the same file twice.
    expect(archivers.reduce((sum, { status }) => sum + status.segments, 0)).toBeLessThanOrEqual(3 * index.segments.length);
    const other = await mkdtemp(join(tmpdir(), "tidemark-archive-"));
    const alone = new EventArchive(other);
    await archiveTo(stream, alone, 280);
    const theirs = (await alone.index(stream.created)).segments;
    const common = index.segments.filter(({ name }) => theirs.some((one) => one.name === name));
    expect(common.length).toBeGreaterThanOrEqual(Math.min(index.segments.length, theirs.length) - 1);
    for (const { name, path } of common) expect((await readFile(path)).equals(await readFile(theirs.find((one) => one.name === name)!.path))).toBe(true);
    await rm(other, { recursive: true });
  });

  test("a segment holds one day; a quiet stream's last one is closed once its day is over", async () => {
    const stream = filled(10, 6 * HOUR_MS);
    const archive = new EventArchive(directory);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const clock = new ManualClock(START_MS + 2 * DAY_MS);
      const archiver = new EventArchiver({ broker: stream, archive, logger: silentLogger, clock, segment_bytes: 1_000_000 });
      const stop = new AbortController();
      const running = archiver.run(stop.signal);
      const until = async (sequence: number): Promise<void> => {
        while (archiver.status.sequence < sequence) {
          await vi.advanceTimersByTimeAsync(10_000);
          await new Promise(setImmediate);
        }
      };
      await until(9);
      expect((await archive.index(stream.created)).segments.map(({ header }) => [header.first_sequence, header.last_sequence])).toEqual([[1, 1], [2, 5], [6, 9]]);
      for (let i = 0; i < 30; i++) await vi.advanceTimersByTimeAsync(10_000);
      expect(archiver.status).toMatchObject({ sequence: 9, lag: 1 });
      clock.advance(2 * DAY_MS);
      await until(10);
      expect(archiver.status).toMatchObject({ sequence: 10, lag: 0, lost: 0, failures: 0 });
      stop.abort();
      await running;
    } finally {
      vi.useRealTimers();
    }
  });

  test("counts what the stream dropped before it was archived, and goes on after it", async () => {
    const stream = filled(100);
    const archive = new EventArchive(directory);
    await archiveTo(stream, archive, 80);
    const archived = (await archive.index(stream.created)).last_sequence;
    extend(stream, 100);
    stream.expire(archived + 31);
    const { status } = await archiveTo(stream, new EventArchive(directory), 180);
    expect(status.lost).toBe(30);
    const index = await archive.index(stream.created);
    expect(index.gaps()).toEqual([{ first_sequence: archived + 1, last_sequence: archived + 30 }]);
    // What comes before the gap leads nowhere.
    expect((await read(new EventHistory(stream, archive)))[0]?.sequence).toBe(archived + 31);
  });

  test("a deleted message is no gap", async () => {
    const stream = filled(200);
    for (const sequence of [1, 5, 6, 7, 50, 199]) await stream.deleteMessage(STREAM_EVENTS, sequence);
    const archive = new EventArchive(directory);
    const { status } = await archiveTo(stream, archive, 170);
    expect(status).toMatchObject({ lost: 0, failures: 0 });
    const before = await read(stream);
    stream.expire(150);
    expect(plain(await read(new EventHistory(stream, archive)))).toEqual(plain(before));
  });

  test("does not give up when it cannot write", async () => {
    const stream = filled(100);
    await writeFile(join(directory, "file"), "");
    const broken = new EventArchive(join(directory, "file"));
    const archiver = new EventArchiver({ broker: stream, archive: broken, logger: silentLogger, clock: systemClock, segment_bytes: 2_000 });
    const stop = new AbortController();
    const running = archiver.run(stop.signal);
    await vi.waitFor(() => expect(archiver.status.failures).toBe(1));
    stop.abort();
    await running;
  });
});

describe("history", () => {
  test("is the stream's, whatever the stream has dropped since, up to what it still has", async () => {
    const stream = filled(300);
    const before = plain(await read(stream));
    const archive = new EventArchive(directory);
    await archiveTo(stream, archive, 270);
    const history = new EventHistory(stream, archive);
    const archived = (await archive.index(stream.created)).last_sequence;
    for (const first of [1, 2, 100, archived, archived + 1]) {
      stream.expire(first);
      expect(plain(await read(history))).toEqual(before);
      expect(await history.streamInfo(STREAM_EVENTS)).toMatchObject({ first_sequence: 1, last_sequence: 300 });
    }
    for (const sequence of [1, 150, archived, 300]) expect((await history.getMessage(STREAM_EVENTS, { sequence }))?.sequence).toBe(sequence);
    expect(await history.getMessage(STREAM_EVENTS, { sequence: 301 })).toBeUndefined();
    for (const from_sequence of [1, 150, archived, archived + 1]) expect((await history.getMessage(STREAM_EVENTS, { from_sequence }))?.sequence).toBe(from_sequence);
  });

  test("the gap that neither has is refused, from before it", async () => {
    const stream = filled(300);
    const archive = new EventArchive(directory);
    await archiveTo(stream, archive, 200);
    const archived = (await archive.index(stream.created)).last_sequence;
    stream.expire(archived + 2);
    const history = new EventHistory(stream, archive);
    await expect(history.consume(STREAM_EVENTS, { start_sequence: 100 }, () => undefined)).rejects.toMatchObject({ code: "gap_below_first" });
    expect((await read(history))[0]?.sequence).toBe(archived + 2);
  });

  test("goes back to the archive when the stream drops what it was about to read", async () => {
    const stream = filled(300);
    const archive = new EventArchive(directory);
    const history = new EventHistory(stream, archive);
    const seen: number[] = [];
    const consumption = await history.consume(STREAM_EVENTS, { start_sequence: 1 }, (message) => {
      seen.push(message.sequence);
      if (message.sequence === 40) consumption.pause();
    });
    await vi.waitFor(() => expect(seen.length).toBe(40));
    await archiveTo(stream, archive, 270);
    stream.expire((await archive.index(stream.created)).last_sequence + 1);
    consumption.resume();
    await vi.waitFor(() => expect(seen.at(-1)).toBe(300));
    expect(seen).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
    extend(stream, 5);
    await vi.waitFor(() => expect(seen.at(-1)).toBe(305));
    await consumption.stop();
    expect(await consumption.closed).toBeUndefined();
  });

  test("pauses and ends within a segment, and passes on what the reader throws", async () => {
    const stream = filled(2_000);
    const archive = new EventArchive(directory);
    await archiveTo(stream, archive, 1_300, { segment_bytes: 160_000 });
    const history = new EventHistory(stream, archive);
    const seen: number[] = [];
    const consumption = await history.consume(STREAM_EVENTS, { start_sequence: 10 }, ({ sequence }) => {
      seen.push(sequence);
      if (sequence === 20) consumption.pause();
    });
    await vi.waitFor(() => expect(seen.length).toBeGreaterThanOrEqual(11));
    const paused_at = seen.length;
    for (let i = 0; i < 5; i++) await new Promise(setImmediate);
    expect(seen.length).toBe(paused_at);
    consumption.resume();
    await vi.waitFor(() => expect(seen.length).toBeGreaterThan(paused_at));
    await consumption.stop();
    const stopped_at = seen.length;
    await new Promise(setImmediate);
    expect(seen.length).toBe(stopped_at);
    const thrown = await history.consume(STREAM_EVENTS, { start_sequence: 1 }, ({ sequence }) => {
      if (sequence === 700) throw new Error("a bug");
    });
    expect(await thrown.closed).toMatchObject({ message: "a bug" });
  });

  test("refuses an archive that is ahead of its stream, and one that is damaged", async () => {
    const stream = filled(300);
    const archive = new EventArchive(directory);
    await archiveTo(stream, archive, 270);
    const behind = new MemoryStream(stream.created);
    extend(behind, 100);
    await expect(read(new EventHistory(behind, archive))).rejects.toMatchObject({ code: "archive_ahead" });
    const other = new MemoryStream("2026-02-02T00:00:00Z");
    extend(other, 10);
    // Of another stream: it has nothing to do with it.
    expect((await read(new EventHistory(other, archive))).length).toBe(10);
    const { path } = (await archive.index(stream.created)).segments[3]!;
    const bytes = await readFile(path);
    bytes[bytes.length - 40]! ^= 1;
    await writeFile(path, bytes);
    await expect(read(new EventHistory(stream, new EventArchive(directory)))).rejects.toMatchObject({ code: "archive_damaged", message: expect.stringContaining(path) });
  });
});
