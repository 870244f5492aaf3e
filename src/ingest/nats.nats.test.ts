import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BUCKET_MODELS, STREAM_CONTROL, STREAM_DLQ, STREAM_EVENTS } from "../contracts/subjects.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { type EmbeddedBroker, startEmbeddedBroker } from "./embedded-broker.ts";
import { Broker, type Consumption, type DeliveredMessage } from "./nats.ts";

let directory: string;
let server: EmbeddedBroker;
let broker: Broker;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-nats-"));
  server = await startEmbeddedBroker({ data_dir: directory, logger: silentLogger });
  broker = await Broker.connect({ url: server.url, name: "test" });
  await broker.ensureStreams();
});

afterAll(async () => {
  await broker.close();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const last = async (stream = STREAM_EVENTS as string): Promise<number> => (await broker.streamInfo(stream))?.last_sequence ?? 0;
const subjectOf = (index: number): string => `events.exposure.c${index % 10}`;

async function fill(count: number, size = 20): Promise<number> {
  const start = await last();
  const publisher = broker.bulkPublisher({ window: 500 });
  for (let i = 1; i <= count; i++) await publisher.publish(subjectOf(i), bytes(`${start + i}`.padEnd(size)));
  await publisher.flush();
  expect(publisher.acknowledged).toBe(count);
  return start;
}

/** Consumes until a sequence and checks on the way that nothing is missing, doubled or out of order. */
async function consumeTo(from: number, to: number, during?: (message: DeliveredMessage, consumption: Consumption) => void): Promise<number> {
  let expected = from;
  let handle: Consumption | undefined;
  let reached: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const consumption = await broker.consume(STREAM_EVENTS, { start_sequence: from }, (message) => {
    if (message.sequence !== expected++) throw new Error(`expected ${expected - 1}, got ${message.sequence}`);
    if (handle !== undefined) during?.(message, handle);
    if (message.sequence === to) reached();
  });
  handle = consumption;
  const ended = await Promise.race([done, consumption.closed]);
  await consumption.stop();
  if (ended instanceof Error) throw ended;
  return expected - from;
}

describe("streams", () => {
  it("are the same after any number of set-ups, also at the same time", async () => {
    const before = await Promise.all(["EVENTS", "CONTROL", "QUOTES", "DLQ", "SIGNALS", "OBJ_MODELS", "OBJ_RUNS"].map((name) => broker.streamInfo(name)));
    expect(before).not.toContain(undefined);
    await Promise.all([broker.ensureStreams(), broker.ensureStreams()]);
    expect(await Promise.all(["EVENTS", "CONTROL", "QUOTES", "DLQ", "SIGNALS", "OBJ_MODELS", "OBJ_RUNS"].map((name) => broker.streamInfo(name)))).toEqual(before);
    expect(await broker.streamInfo("NOTHING")).toBeUndefined();
  });

  it("take new limits and keep their messages", async () => {
    const { sequence } = await broker.publish("control.policy.p", bytes("1"));
    const created = (await broker.streamInfo(STREAM_CONTROL))?.created;
    await broker.ensureStreams({ CONTROL: { bytes_max: 400, age_max_ms: 0 } });
    expect(await broker.streamInfo(STREAM_CONTROL)).toMatchObject({ created, last_sequence: sequence });
    // CONTROL refuses what it has no room for; it never forgets.
    await expect(broker.publish("control.policy.p", bytes("x".repeat(1000)))).rejects.toMatchObject({ code: "broker_refused" });
    expect(await broker.getMessage(STREAM_CONTROL, { sequence })).toBeDefined();
    await broker.ensureStreams();
    await broker.publish("control.policy.p", bytes("x".repeat(1000)));
  });

  it("DLQ keeps the first message of a subject", async () => {
    await broker.publish("dlq.EVENTS.1", bytes("first"));
    await expect(broker.publish("dlq.EVENTS.1", bytes("second"))).rejects.toMatchObject({ code: "broker_refused" });
    const kept = await broker.getMessage(STREAM_DLQ, { last_by_subject: "dlq.EVENTS.1" });
    expect(Buffer.from(kept?.data ?? []).toString()).toBe("first");
  });
});

describe("publish", () => {
  it("stores a message id once", async () => {
    const first = await broker.publish("events.course.c1", bytes("a"), { message_id: "m1" });
    expect(first.duplicate).toBe(false);
    expect(await broker.publish("events.course.c1", bytes("a"), { message_id: "m1" })).toEqual({ ...first, duplicate: true });
    const publisher = broker.bulkPublisher({ window: 10 });
    for (let i = 0; i < 25; i++) await publisher.publish("events.course.c1", bytes("b"), `m${i % 5}`);
    await publisher.flush();
    expect(await last()).toBe(first.sequence + 4);
  });

  it("refuses a write that expects another last message", async () => {
    const subject = "control.model.race";
    const { sequence } = await broker.publish(subject, bytes("1"), { expected_last_subject_sequence: 0 });
    await expect(broker.publish(subject, bytes("2"), { expected_last_subject_sequence: 0 })).rejects.toMatchObject({ code: "wrong_last_sequence" });
    await broker.publish(subject, bytes("3"), { expected_last_subject_sequence: sequence });
  });

  it("rejects what no stream takes, in bulk too", async () => {
    await expect(broker.publish("nobody.home", bytes("1"), { deadline_ms: 50 })).rejects.toMatchObject({ code: "broker_unreachable" });
    const publisher = broker.bulkPublisher({ window: 10 });
    void publisher.publish("nobody.home", bytes("1"));
    await expect(publisher.flush()).rejects.toMatchObject({ code: "broker_refused" });
    await expect(publisher.publish("events.course.c1", bytes("1"))).rejects.toMatchObject({ code: "broker_refused" });
    expect(publisher.acknowledged).toBe(0);
    await expect(broker.bulkPublisher({ window: 10 }).publish("events.course.c1", new Uint8Array(2_000_000))).rejects.toMatchObject({ code: "broker_refused" });
  });

  it("has stored messages and objects to give back", async () => {
    const { sequence } = await broker.publish("events.course.back", bytes("body"));
    const message = await broker.getMessage(STREAM_EVENTS, { last_by_subject: "events.course.back" });
    expect(message).toMatchObject({ sequence, subject: "events.course.back" });
    expect(Math.abs((message?.time_ms ?? 0) - systemClock.now_ms())).toBeLessThan(60_000);
    expect(await broker.getMessage(STREAM_EVENTS, { sequence: sequence + 1000 })).toBeUndefined();
    expect(await broker.getMessage(STREAM_EVENTS, { last_by_subject: "events.course.none" })).toBeUndefined();
    const artifact = new Uint8Array(700_000).map((_, index) => index % 251);
    await broker.putObject(BUCKET_MODELS, "artifact", artifact);
    expect(Buffer.from((await broker.getObject(BUCKET_MODELS, "artifact")) ?? []).equals(artifact)).toBe(true);
    expect(await broker.getObject(BUCKET_MODELS, "none")).toBeUndefined();
  });
});

describe("consume", () => {
  it("removes what is left of an object whose writer died, and nothing else", async () => {
    const bucket = "UNFINISHED";
    await broker.putObject(bucket, "whole", new Uint8Array(300_000));
    const messages = async (): Promise<number> => (await broker.streamInfo(`OBJ_${bucket}`))?.messages ?? 0;
    const whole = await messages();
    const writer = await Broker.connect({ url: server.url, name: "writer" });
    const put = writer.putObjectStream(bucket, "half", {}, (async function* () {
      yield new Uint8Array(300_000);
      await writer.close();
      yield new Uint8Array(300_000);
    })());
    await expect(put).rejects.toMatchObject({ code: "broker_closed" });
    expect(await messages()).toBeGreaterThan(whole);
    expect(await broker.removeUnfinished(bucket, 60_000)).toBe(0);
    expect(await broker.removeUnfinished(bucket, 0)).toBe(1);
    expect(await messages()).toBe(whole);
    expect((await broker.getObject(bucket, "whole"))?.length).toBe(300_000);
    expect(await broker.removeUnfinished("NOWHERE", 0)).toBe(0);
  });

  it("goes on past every window, from any sequence", async () => {
    const start = await fill(10_000);
    expect(await consumeTo(start + 1, start + 10_000)).toBe(10_000);
    expect(await consumeTo(start + 9_990, start + 10_000)).toBe(11);
  });

  it("goes on past the byte bound of a request", async () => {
    const start = await fill(60, 300_000);
    expect(await consumeTo(start + 1, start + 60)).toBe(60);
  });

  it("hands over subject, time and what still follows", async () => {
    const start = await fill(3);
    const seen: DeliveredMessage[] = [];
    const consumption = await broker.consume(STREAM_EVENTS, { start_sequence: start + 1 }, (message) => seen.push(message));
    while (seen.length < 3) await systemClock.sleep(5);
    await consumption.stop();
    expect(seen.map((message) => message.pending)).toEqual([2, 1, 0]);
    for (const { subject, sequence, time_ms, data } of seen) {
      const stored = await broker.getMessage(STREAM_EVENTS, { sequence });
      expect({ subject, sequence, time_ms, text: Buffer.from(data).toString() }).toEqual({ subject, sequence, time_ms: stored?.time_ms, text: `${sequence}`.padEnd(20) });
      expect(stored?.subject).toBe(subject);
    }
  });

  it("filters by one subject", async () => {
    const { sequence } = await broker.publish("events.market.rare", bytes("1"));
    const seen: number[] = [];
    const consumption = await broker.consume(STREAM_EVENTS, { start_sequence: 1, subject: "events.market.rare" }, (message) => seen.push(message.sequence));
    while (seen.length < 1) await systemClock.sleep(5);
    await consumption.stop();
    expect(seen).toEqual([sequence]);
  });

  it("finds the next message at or after a sequence, and the last of many subjects", async () => {
    const start = await fill(3);
    expect(await broker.getMessage(STREAM_EVENTS, { from_sequence: start + 2 })).toMatchObject({ sequence: start + 2 });
    expect(await broker.getMessage(STREAM_EVENTS, { from_sequence: start + 4 })).toBeUndefined();
    expect(await broker.getMessage(STREAM_EVENTS, { last_by_subject: "events.>" })).toMatchObject({ sequence: start + 3 });
    expect(await broker.getMessage(STREAM_EVENTS, { from_sequence: 0 })).toMatchObject({ sequence: 1 });
  });

  it("stops asking while paused and misses nothing", async () => {
    const start = await fill(12_000);
    let paused = 0;
    await consumeTo(start + 1, start + 12_000, (message, consumption) => {
      if (message.sequence % 3000 !== 0) return;
      consumption.pause();
      paused++;
      setTimeout(() => consumption.resume(), 20);
    });
    expect(paused).toBe(4);
  });

  it("ends with what its callback throws, and calls it no more", async () => {
    const start = await fill(10);
    let calls = 0;
    const consumption = await broker.consume(STREAM_EVENTS, { start_sequence: start + 1 }, () => {
      calls++;
      throw new Error("bug");
    });
    expect(await consumption.closed).toMatchObject({ message: "bug" });
    expect(calls).toBe(1);
    await consumption.stop();
    expect(broker.connected).toBe(true);
  });

  it("delivers nothing after stop", async () => {
    const seen: number[] = [];
    const consumption = await broker.consume(STREAM_EVENTS, { start_sequence: (await last()) + 1 }, (message) => seen.push(message.sequence));
    await consumption.stop();
    expect(await consumption.closed).toBeUndefined();
    await fill(5);
    expect(seen).toEqual([]);
  });

  it("refuses a start beyond the end, and a stream that does not exist", async () => {
    await expect(broker.consume(STREAM_EVENTS, { start_sequence: (await last()) + 2 }, () => undefined)).rejects.toMatchObject({ code: "cursor_ahead" });
    await expect(broker.consume("NOTHING", { start_sequence: 1 }, () => undefined)).rejects.toMatchObject({ code: "stream_missing" });
  });

  it("survives kill -9 of the broker without gap or duplicate, idle or busy", { timeout: 60_000 }, async () => {
    const start = await fill(6_000);
    const total = 6_000 + 3 * 100;
    const changes: boolean[] = [];
    const forget = broker.onStatus((connected) => changes.push(connected));
    let killed = 0;
    const consuming = consumeTo(start + 1, start + total, () => {
      // In the middle of the backlog, where messages are under way.
      if (killed === 0) process.kill(server.pid(), "SIGKILL");
      killed = 1;
    });
    for (let round = 0; round < 3; round++) {
      const pid = server.pid();
      if (round > 0) process.kill(pid, "SIGKILL");
      while (broker.connected) await systemClock.sleep(2);
      for (let i = 0; i < 100; i++) await broker.publish(subjectOf(i), bytes("x"), { message_id: `k${round}-${i}` });
    }
    await consuming;
    expect(await last()).toBe(start + total);
    expect(changes).toEqual([false, true, false, true, false, true]);
    forget();
  });

  it("rejects bulk publishing when the connection is lost", { timeout: 60_000 }, async () => {
    const publisher = broker.bulkPublisher({ window: 200 });
    let sent = 0;
    const publishing = (async () => {
      for (;;) {
        await publisher.publish(subjectOf(sent), bytes("y"));
        if (++sent === 2_000) process.kill(server.pid(), "SIGKILL");
      }
    })();
    await expect(publishing).rejects.toMatchObject({ code: "broker_unreachable" });
    await expect(publisher.flush()).rejects.toMatchObject({ code: "broker_unreachable" });
    while (!broker.connected) await systemClock.sleep(5);
    const start = await fill(100);
    expect(start).toBeGreaterThanOrEqual(publisher.acknowledged);
  });

  it("ends when the connection is closed for good", async () => {
    const other = await Broker.connect({ url: server.url, name: "other" });
    const consumption = await other.consume(STREAM_EVENTS, { start_sequence: 1 }, () => undefined);
    await other.close();
    expect(await consumption.closed).toMatchObject({ code: "broker_closed" });
    expect(other.connected).toBe(false);
    await expect(other.publish("events.course.c1", bytes("1"))).rejects.toMatchObject({ code: "broker_closed" });
  });
});
