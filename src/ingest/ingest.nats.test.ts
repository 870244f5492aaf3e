import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "nats";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type DeadLetter, deadLetterSchema } from "../contracts/dead-letter.ts";
import { deadLetterSubject, STREAM_CONTROL, STREAM_DLQ, STREAM_EVENTS } from "../contracts/subjects.ts";
import { FeatureWriter } from "../features/feature-writer.ts";
import { openLmdbStore } from "../features/lmdb-store.ts";
import { MemoryStore } from "../features/memory-store.ts";
import type { FeatureStore, FeatureStoreReader } from "../features/store.ts";
import { systemClock } from "../lib/clock.ts";
import { hexHash } from "../lib/hash128.ts";
import { type Logger, silentLogger } from "../lib/log.ts";
import { Prng } from "../lib/prng.ts";
import { formatTime } from "../lib/time.ts";
import { promoteModel } from "./control.ts";
import { DeadLetters } from "./dead-letters.ts";
import type { EmbeddedBroker } from "./embedded-broker.ts";
import { type IngestProgress, runIngest } from "./ingest.ts";
import type { Broker } from "./nats.ts";
import { replayEvents } from "./replay-events.ts";
import { type SampleEvent, sampleEvents } from "./sample-events.ts";
import { startTestBroker, type TestBroker } from "./testing/test-broker.ts";

const processPath = join(import.meta.dirname, "../../dist/src/ingest/ingest-process.js");

let rig: TestBroker;
let directory: string;
let server: EmbeddedBroker;
let broker: Broker;
let round = 0;

async function startBroker(): Promise<void> {
  rig = await startTestBroker("ingest");
  ({ directory, server, broker } = rig);
}

async function stopBroker(): Promise<void> {
  await rig.stop();
}

const storePath = (): string => join(directory, `features-${round++}`);

async function publishAll(events: readonly SampleEvent[]): Promise<void> {
  const publisher = broker.bulkPublisher({ window: 1000 });
  for (const event of events) await publisher.publish(event.subject, event.data);
  await publisher.flush();
}

const lastSequence = async (): Promise<number> => (await broker.streamInfo(STREAM_EVENTS))?.last_sequence ?? 0;

const hashAt = async (sequence: number): Promise<string> => hexHash((await broker.getMessage(STREAM_EVENTS, { sequence }))?.data ?? new Uint8Array(0));

/** Runs ingest until both streams are folded to these sequences. */
async function ingestUntil(store: FeatureStore, sequence: number, control_sequence = 0, batch_events_max = 300, logger: Logger = silentLogger): Promise<IngestProgress | undefined> {
  const stop = new AbortController();
  let last: IngestProgress | undefined;
  const onProgress = (progress: IngestProgress): void => {
    last = progress;
    if (progress.sequence >= sequence && progress.control_sequence >= control_sequence) stop.abort();
  };
  await runIngest({ broker, store, logger, clock: systemClock, batch_events_max, signal: stop.signal, onProgress });
  return last;
}

function contents(store: FeatureStoreReader): string[] {
  return [...store.dump()].map(({ database, key, value }) => `${database} ${key} ${Buffer.from(value).toString("hex")}`);
}

/** What one fold in one piece makes of the stream. */
async function cleanReplay(): Promise<string[]> {
  const store = new MemoryStore();
  await ingestUntil(store, await lastSequence(), (await broker.streamInfo(STREAM_CONTROL))?.last_sequence ?? 0, 1_000_000);
  return contents(store);
}

describe("ingest", () => {
  beforeAll(startBroker);
  afterAll(stopBroker);
  const events = sampleEvents("a", 1500, Date.now());

  it("folds the rest, and dead-letters poison with its reason and its bytes", async () => {
    const good = events.slice(0, 900);
    const time = formatTime(Date.now());
    const view = { id: "x", type: "exposure.viewed", time, course_id: "c1", learner_id: "l1", price: 3 };
    const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
    const poison: [DeadLetter["reason"], string | undefined, string, Uint8Array][] = [
      ["not_json", undefined, "events.exposure.c1", new Uint8Array([0xff, 0, 0x7b])],
      ["unknown_type", "type", "events.exposure.c1", text({ ...view, type: "exposure.hovered" })],
      ["invalid_field", "price", "backfill.exposure.c1", text({ ...view, price: -1 })],
      ["subject_mismatch", undefined, "events.exposure.c2", text(view)],
      ["time_in_future", "time", "events.exposure.c1", text({ ...view, time: "2999-01-01T00:00:00Z" })],
      ["too_large", undefined, "events.exposure.c1", text({ ...view, pad: "x".repeat(400_000) })],
      ["not_json", undefined, "events.exposure.c1", new Uint8Array(0)],
    ];
    const sequences: number[] = [];
    for (const [index, event] of good.entries()) {
      await broker.publish(event.subject, event.data);
      const bad = poison[index / 100];
      if (bad !== undefined) sequences.push((await broker.publish(bad[2], bad[3])).sequence);
    }
    const store = new MemoryStore();
    const progress = await ingestUntil(store, await lastSequence());
    expect(progress).toMatchObject({ events: good.length + poison.length, dead_letters: poison.length, dead_letters_dropped: 0, lag: 0, time_ms: expect.any(Number) });
    expect(Object.fromEntries(progress?.dead_letters_by_reason ?? [])).toEqual({ not_json: 2, unknown_type: 1, invalid_field: 1, subject_mismatch: 1, time_in_future: 1, too_large: 1 });
    expect(progress?.batch_events).toBeGreaterThan(0);
    expect(progress?.commit_ms).toBeGreaterThan(0);
    expect(Math.abs(Date.now() - (progress?.time_ms ?? 0))).toBeLessThan(60_000);
    for (const [index, [reason, field, subject, data]] of poison.entries()) {
      const stored = await broker.getMessage(STREAM_DLQ, { last_by_subject: deadLetterSubject(STREAM_EVENTS, sequences[index] ?? 0) });
      const letter = deadLetterSchema.parse(JSON.parse(Buffer.from(stored?.data ?? []).toString()));
      expect(letter).toMatchObject({ stream: STREAM_EVENTS, sequence: sequences[index], subject, reason });
      expect(letter.field).toBe(field);
      expect(Buffer.from(letter.payload_base64, "base64").equals(data)).toBe(true);
    }
    const clean = new MemoryStore();
    const writer = new FeatureWriter(clean);
    const range = await replayEvents(broker, {}, (event) => writer.apply(event));
    writer.commit({ stream_created: range.stream_created, sequence: range.last_sequence, message_hash: await hashAt(range.last_sequence) });
    expect(contents(store)).toEqual(contents(clean));
    // A second fold of the same poison changes nothing in the dead-letter stream.
    const before = await broker.streamInfo(STREAM_DLQ);
    await ingestUntil(new MemoryStore(), await lastSequence());
    expect(await broker.streamInfo(STREAM_DLQ)).toEqual(before);
  });

  it("resumes from the cursor in the store, whatever the batches", async () => {
    const path = storePath();
    const first = openLmdbStore(path, { readonly: false });
    const half = await lastSequence();
    await ingestUntil(first, half, 0, 17);
    expect(first.cursor(STREAM_EVENTS)?.sequence).toBe(half);
    await first.close();
    await publishAll(events.slice(900));
    const second = openLmdbStore(path, { readonly: false });
    const progress = await ingestUntil(second, await lastSequence(), 0, 1000);
    expect(progress?.events).toBe(600);
    expect(contents(second)).toEqual(await cleanReplay());
    await second.close();
  });

  it("folds live events as they come, with CONTROL beside them", async () => {
    const store = new MemoryStore();
    const promotion = { type: "model.promoted", time: formatTime(Date.now()), family: "elasticity", artifact: "a1", digest: "ab".repeat(32), version: "v1", reason: "test" } as const;
    const control_sequence = await promoteModel(broker, promotion);
    const released = vi.spyOn(store, "releaseDeadReaders");
    await ingestUntil(store, await lastSequence(), control_sequence);
    // At boot; the next time a minute later at the earliest.
    expect(released).toHaveBeenCalledTimes(1);
    expect(store.champion("elasticity")).toMatchObject({ artifact: "a1", version: "v1", sequence: control_sequence });
    const next = await promoteModel(broker, { ...promotion, version: "v2" });
    expect(next).toBe(control_sequence + 1);
    // Decided against the first, which is not in force any more.
    await expect(promoteModel(broker, { ...promotion, version: "v3", digest: "cd".repeat(32) }, control_sequence)).rejects.toMatchObject({ code: "wrong_last_sequence" });
    const running = ingestUntil(store, (await lastSequence()) + 50, next);
    for (const event of sampleEvents("live", 50, Date.now())) await broker.publish(event.subject, event.data);
    await running;
    expect(store.champion("elasticity")?.version).toBe("v2");
    expect(contents(store)).toEqual(await cleanReplay());
  });

  it("says what it leaves out, once a minute and only when there is more", async () => {
    const store = new MemoryStore();
    const said: object[] = [];
    const logger = { ...silentLogger, info: (fields: object) => void said.push(fields) };
    let now_ms = 0;
    const clock = { ...systemClock, now_ms: () => now_ms };
    const stop = new AbortController();
    const start = await lastSequence();
    new FeatureWriter(store).commit({ stream_created: (await broker.streamInfo(STREAM_EVENTS))?.created ?? "", sequence: start, message_hash: await hashAt(start) });
    const running = runIngest({ broker, store, logger, clock, signal: stop.signal });
    const view = async (at_ms: number): Promise<void> => {
      now_ms = at_ms;
      const body = { id: `x${at_ms}`, type: "exposure.viewed", time: formatTime(Date.now()), course_id: "nobodys", learner_id: "l1", price: 5 };
      const { sequence } = await broker.publish("events.exposure.nobodys", new TextEncoder().encode(JSON.stringify(body)));
      while ((store.cursor(STREAM_EVENTS)?.sequence ?? 0) < sequence) await systemClock.sleep(5);
    };
    await view(59_999);
    await view(60_000);
    await view(60_001);
    await view(120_000);
    stop.abort();
    await running;
    expect(said).toMatchObject([{ uncategorised: 2, late: 0, dead_letters: 0 }, { uncategorised: 4 }]);
  });

  it("counts what was published again, and folds it once", async () => {
    const path = storePath();
    const first = openLmdbStore(path, { readonly: false });
    const half = await lastSequence();
    await ingestUntil(first, half);
    const folded = (store: FeatureStoreReader): string[] => contents(store).filter((line) => !line.startsWith("events.meta cursor"));
    const before = folded(first);
    // By a producer that does not know whether it got through: within one run of ingest and across a restart of it.
    const again = events.slice(700, 1400);
    await publishAll(again);
    expect(await ingestUntil(first, half + again.length)).toMatchObject({ events: again.length, fold: { duplicates: again.length }, sequence: half + again.length });
    expect(folded(first)).toEqual(before);
    await first.close();
    await publishAll(again);
    const second = openLmdbStore(path, { readonly: false });
    expect(await ingestUntil(second, half + 2 * again.length)).toMatchObject({ events: again.length, fold: { duplicates: again.length } });
    expect(folded(second)).toEqual(before);
    expect(contents(second)).toEqual(await cleanReplay());
    await second.close();
  });

  it("ends replay at a given sequence", async () => {
    const seen: number[] = [];
    const range = await replayEvents(broker, { last_sequence: 40 }, (event) => seen.push(event.sequence));
    expect(range).toMatchObject({ first_sequence: 1, last_sequence: 40 });
    expect(seen.at(0)).toBe(1);
    expect(seen.at(-1)).toBe(40);
  });

  it("replay passes on what the callback throws", async () => {
    await expect(
      replayEvents(broker, {}, () => {
        throw new Error("fold bug");
      }),
    ).rejects.toThrow("fold bug");
    expect(broker.connected).toBe(true);
  });
});

describe("boot checks", () => {
  beforeEach(startBroker);
  afterEach(stopBroker);

  it("refuse a stream that does not continue the store, and say how to recover", async () => {
    await publishAll(sampleEvents("b", 200, Date.now()));
    const created = (await broker.streamInfo(STREAM_EVENTS))?.created ?? "";
    const failing = async (stream_created: string, sequence: number): Promise<unknown> => {
      const store = new MemoryStore();
      new FeatureWriter(store).commit({ stream_created, sequence, message_hash: "of another message" });
      const before = contents(store);
      const error: unknown = await ingestUntil(store, Number.MAX_SAFE_INTEGER).catch((reason: unknown) => reason);
      expect(contents(store)).toEqual(before);
      return error;
    };
    expect(await failing("1999-01-01T00:00:00Z", 100)).toMatchObject({ code: "stream_recreated", message: expect.stringContaining("delete its directory") });
    expect(await failing(created, 200)).toMatchObject({ code: "cursor_mismatch", message: expect.stringContaining("delete its directory") });
    expect(await failing(created, 201)).toMatchObject({ code: "cursor_ahead", message: expect.stringContaining("delete its directory") });
    await broker.ensureStreams({ EVENTS: { bytes_max: 10_000, age_max_ms: 0 } });
    const state = await broker.streamInfo(STREAM_EVENTS);
    expect(state?.first_sequence).toBeGreaterThan(2);
    expect(await failing(created, (state?.first_sequence ?? 0) - 2)).toMatchObject({ code: "gap_below_first", message: expect.stringContaining("delete its directory") });
    // The last position that is still continued, and a store that has folded nothing, go on.
    const store = new MemoryStore();
    new FeatureWriter(store).commit({ stream_created: created, sequence: (state?.first_sequence ?? 0) - 1, message_hash: "of a message that is gone" });
    expect(await ingestUntil(store, 200)).toMatchObject({ events: state?.messages });
    const warn = vi.fn<(fields: object, message: string) => void>();
    expect(await ingestUntil(new MemoryStore(), 200, 0, 300, { ...silentLogger, warn })).toMatchObject({ events: state?.messages });
    // The way out of a refusal: what it cannot bring back is said.
    expect(warn.mock.calls).toEqual([[{ stream: STREAM_EVENTS, first_sequence: state?.first_sequence }, expect.stringContaining("no longer has its beginning")]]);
  });

  it("refuse a stream that was restored from a copy and written to since, and a message that is gone passes with a word", async () => {
    const copy = join(directory, "copy");
    const whileStopped = async (work: () => Promise<void>): Promise<void> => {
      await server.stop();
      await work();
      server = await rig.startAgain();
      while (!broker.connected) await systemClock.sleep(5);
    };
    await publishAll(sampleEvents("b", 100, Date.now()));
    await whileStopped(() => cp(join(directory, "nats"), copy, { recursive: true }));
    await publishAll(sampleEvents("c", 50, Date.now()));
    const store = new MemoryStore();
    await ingestUntil(store, 150);
    // The same stream goes on as ever.
    expect(await ingestUntil(store, 150)).toMatchObject({ events: 0, sequence: 150 });
    await whileStopped(async () => {
      await rm(join(directory, "nats"), { recursive: true });
      await cp(copy, join(directory, "nats"), { recursive: true });
    });
    await publishAll(sampleEvents("d", 60, Date.now()));
    const state = await broker.streamInfo(STREAM_EVENTS);
    // Neither identity nor range tell.
    expect(state).toMatchObject({ created: store.cursor(STREAM_EVENTS)?.stream_created, first_sequence: 1, last_sequence: 160 });
    const before = contents(store);
    await expect(ingestUntil(store, 160)).rejects.toMatchObject({ code: "cursor_mismatch", message: expect.stringContaining("sequence 150") });
    expect(contents(store)).toEqual(before);

    const connection = await connect({ servers: server.url });
    await (await connection.jetstreamManager()).streams.deleteMessage(STREAM_EVENTS, 150);
    await connection.close();
    const warn = vi.fn<(fields: object, message: string) => void>();
    const stop = new AbortController();
    const onProgress = (progress: IngestProgress): void => {
      if (progress.sequence === 160) stop.abort();
    };
    await runIngest({ broker, store, logger: { ...silentLogger, warn }, clock: systemClock, signal: stop.signal, onProgress });
    expect(warn.mock.calls).toEqual([[{ stream: STREAM_EVENTS, sequence: 150 }, expect.stringContaining("cannot be compared")]]);
  });
});

describe("without a broker", () => {
  beforeEach(startBroker);
  afterEach(stopBroker);

  it("waits at boot and later, says so once, goes on, and stops when told to", { timeout: 60_000 }, async () => {
    const restart = async (): Promise<void> => {
      server = await rig.startAgain();
    };
    const said: string[] = [];
    const say = (_fields: object, message: string): void => void said.push(message);
    const logger = { ...silentLogger, info: say, warn: say };
    const store = new MemoryStore();
    const folded = async (sequence: number): Promise<void> => {
      while ((store.cursor(STREAM_EVENTS)?.sequence ?? 0) < sequence) await systemClock.sleep(5);
    };
    await publishAll(sampleEvents("w", 100, Date.now()));
    await server.stop();
    while (broker.connected) await systemClock.sleep(5);
    const stop = new AbortController();
    const running = runIngest({ broker, store, logger, clock: systemClock, signal: stop.signal });
    await systemClock.sleep(400);
    expect(store.cursor(STREAM_EVENTS)).toBeUndefined();
    await restart();
    await folded(100);
    await server.stop();
    while (broker.connected) await systemClock.sleep(5);
    await systemClock.sleep(300);
    await restart();
    while (!broker.connected) await systemClock.sleep(5);
    await publishAll(sampleEvents("x", 100, Date.now()));
    await folded(200);
    await server.stop();
    while (broker.connected) await systemClock.sleep(5);
    stop.abort();
    await running;
    // One stream each at boot; then one line a change.
    expect(said).toEqual([...new Array(3).fill("waiting for the broker"), "broker is back, going on", "broker lost, waiting for it", "broker is back, going on", "broker lost, waiting for it"]);
    await restart();
    while (!broker.connected) await systemClock.sleep(5);
    expect(contents(store)).toEqual(await cleanReplay());
  });

  it("does not pass a dead letter that could not be stored", async () => {
    const warned: object[] = [];
    const letters = new DeadLetters(broker, STREAM_EVENTS, { ...silentLogger, warn: (fields: object) => void warned.push(fields) }, systemClock);
    const message = { subject: "events.course.c1", sequence: 5, time_ms: 1, data: new Uint8Array([1]) };
    letters.add(message, { reason: "not_json", detail: "" });
    await server.stop();
    while (broker.connected) await systemClock.sleep(5);
    expect(await letters.settle(AbortSignal.abort())).toBe(false);
    server = await rig.startAgain();
    while (!broker.connected) await systemClock.sleep(5);
    letters.add(message, { reason: "not_json", detail: "" });
    expect(await letters.settle(AbortSignal.abort())).toBe(true);
    expect(warned).toEqual([{ stream: STREAM_EVENTS, sequence: 5, error: expect.any(String) }]);
    // Without a dead-letter stream it waits for one, and says so.
    const connection = await connect({ servers: server.url });
    await (await connection.jetstreamManager()).streams.delete(STREAM_DLQ);
    await connection.close();
    letters.add({ ...message, sequence: 7 }, { reason: "not_json", detail: "" });
    const settling = letters.settle(new AbortController().signal);
    await vi.waitFor(() => expect(warned).toHaveLength(2));
    await broker.ensureStreams();
    expect(await settling).toBe(true);
    // A full dead-letter stream is counted, and stops nothing.
    await broker.ensureStreams({ DLQ: { bytes_max: 1, age_max_ms: 0 } });
    letters.add({ ...message, sequence: 6 }, { reason: "not_json", detail: "" });
    expect(await letters.settle(new AbortController().signal)).toBe(true);
    expect(letters).toMatchObject({ count: 4, dropped: 1, waiting: 0 });
  });
});

describe("a dead letter whose place in DLQ is taken", () => {
  beforeEach(startBroker);
  afterEach(stopBroker);

  it("is there already, or is one of a stream that was replaced: then it counts as dropped, and says what to do", async () => {
    const error = vi.fn<(fields: object, message: string) => void>();
    const letters = new DeadLetters(broker, STREAM_EVENTS, { ...silentLogger, error }, systemClock);
    const message = { subject: "events.course.c1", sequence: 5, time_ms: 1_000, data: new Uint8Array([1]) };
    const settle = async (time_ms: number, data = message.data): Promise<void> => {
      letters.add({ ...message, time_ms, data }, { reason: "not_json", detail: "" });
      expect(await letters.settle(new AbortController().signal)).toBe(true);
    };
    await settle(1_000);
    await settle(1_000);
    await settle(1_000, new Uint8Array(0));
    expect(letters).toMatchObject({ count: 3, dropped: 0 });
    expect(error).not.toHaveBeenCalled();
    await settle(2_000);
    await settle(2_000);
    expect(letters).toMatchObject({ count: 5, dropped: 2 });
    expect(error.mock.calls).toEqual([[expect.objectContaining({ sequence: 5, error: expect.stringContaining("purge") }), expect.any(String)]]);
    expect((await broker.streamInfo(STREAM_DLQ))?.messages).toBe(1);
  });
});

describe("kill -9", () => {
  beforeEach(startBroker);
  afterEach(stopBroker);

  /** A fold process on a store; `until` kills or stops it once it has committed that far. */
  async function runProcess(path: string, sequence: number, extra_ms: number, signal: "SIGKILL" | "SIGTERM"): Promise<{ killed: boolean; committed: number }> {
    const child = spawn(process.execPath, [processPath, server.url, path], { stdio: ["ignore", "pipe", "inherit"] });
    let committed = -1;
    let text = "";
    let timer: NodeJS.Timeout | undefined;
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      committed = Number(lines.at(-1) ?? committed);
      if (committed >= sequence) timer ??= setTimeout(() => child.kill(signal), extra_ms);
    });
    const killed = await new Promise<boolean>((resolve) => {
      child.once("exit", (_code, by) => resolve(by === "SIGKILL"));
    });
    clearTimeout(timer);
    return { killed, committed };
  }

  it("of ingest at 20 random points leaves what one clean fold gives", { timeout: 120_000 }, async () => {
    expect(existsSync(processPath), "run the build first").toBe(true);
    const random = new Prng("kill");
    const events = sampleEvents("k", 20_000, Date.now());
    const path = storePath();
    const step = events.length / 20;
    for (let kill = 0; kill < 20; kill++) {
      // The stream grows while the process folds, so that kills hit reading, folding and committing.
      const publishing = publishAll(events.slice(kill * step, (kill + 1) * step));
      const target = kill * step + random.integer(step - 200);
      const { killed } = await runProcess(path, target, random.integer(8), "SIGKILL");
      expect(killed).toBe(true);
      await publishing;
    }
    const end = await runProcess(path, await lastSequence(), 0, "SIGTERM");
    expect(end.killed).toBe(false);
    const store = openLmdbStore(path, { readonly: true });
    const dump = contents(store);
    expect(store.cursor(STREAM_EVENTS)?.sequence).toBe(events.length);
    await store.close();
    expect(dump).toEqual(await cleanReplay());
  });

  it("of the broker under load loses and doubles nothing that was acknowledged", { timeout: 120_000 }, async () => {
    const random = new Prng("broker");
    const events = sampleEvents("s", 12_000, Date.now());
    const store = new MemoryStore();
    const folding = ingestUntil(store, events.length);
    let next = 0;
    const acknowledged = new Set<string>();
    const publisher = async (): Promise<void> => {
      for (let event = events[next++]; event !== undefined; event = events[next++]) {
        await broker.publish(event.subject, event.data, { message_id: event.id });
        acknowledged.add(event.id);
      }
    };
    const killing = (async () => {
      for (let kill = 1; kill <= 5; kill++) {
        while (acknowledged.size < (kill * events.length) / 6) await systemClock.sleep(2);
        const pid = server.pid();
        await systemClock.sleep(random.integer(10));
        process.kill(pid, "SIGKILL");
        while (server.pid() === pid || !broker.connected) await systemClock.sleep(5);
      }
    })();
    await Promise.all([...Array.from({ length: 64 }, publisher), killing]);
    expect(acknowledged.size).toBe(events.length);
    const stored: string[] = [];
    await replayEvents(broker, {}, ({ event }) => stored.push(event.id));
    expect(stored.length).toBe(events.length);
    expect(new Set(stored)).toEqual(acknowledged);
    await folding;
    expect(contents(store)).toEqual(await cleanReplay());
  });
});
