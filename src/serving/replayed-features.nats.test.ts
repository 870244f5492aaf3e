import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DecisionRecord, decisionRecordSchema } from "../contracts/decision.ts";
import { eventSubject, STREAM_EVENTS, STREAM_QUOTES } from "../contracts/subjects.ts";
import { FeatureReader } from "../features/feature-reader.ts";
import { FeatureWriter } from "../features/feature-writer.ts";
import { MemoryStore } from "../features/memory-store.ts";
import { freePort } from "../ingest/broker-config.ts";
import type { EmbeddedBroker } from "../ingest/embedded-broker.ts";
import type { Broker } from "../ingest/nats.ts";
import { readStream } from "../ingest/read-stream.ts";
import { replayEvents } from "../ingest/replay-events.ts";
import { startTestBroker, type TestBroker } from "../ingest/testing/test-broker.ts";
import { must } from "../lib/assert.ts";
import { systemClock } from "../lib/clock.ts";
import { decodeDoubles } from "../lib/doubles.ts";
import { platformConfig } from "../simulator/config.ts";
import { publishHistory } from "../simulator/publish-history.ts";
import { sampleTraffic } from "../simulator/traffic.ts";
import { createWorld } from "../simulator/world.ts";

const MAIN = join(import.meta.dirname, "../../dist/src/main.js");
/** Longer than anything that serving reads is kept for: categories a second, views five. */
const SETTLED_MS = 6_000;
const PHASES = 2;
const config = platformConfig({ learners: 200, courses: 40, teachers: 8, enrollments: 800, weeks: 12, seed: 5, end_ms: Math.floor(Date.now() / 3_600_000) * 3_600_000 });

let rig: TestBroker;
let directory: string;
let server: EmbeddedBroker;
let broker: Broker;
const children: ChildProcess[] = [];
let url = "";

beforeAll(async () => {
  rig = await startTestBroker("replayed");
  ({ directory, server, broker } = rig);
  await publishHistory(broker, config, {});
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const environment = { ...process.env, TIDEMARK_DATA_DIR: directory, TIDEMARK_NATS_URL: server.url, TIDEMARK_PORT: String(port), TIDEMARK_SERVE_WORKERS: "1", TIDEMARK_LOG_LEVEL: "error", TIDEMARK_ARCHIVE_DIR: "none" };
  for (const role of ["ingest", "serve"]) children.push(fork(MAIN, [role], { env: environment, stdio: ["ignore", "ignore", "inherit", "ipc"] }));
  // What a process prices before it listens is of the moment in which the events arrive.
  while ((await fetch(`${url}/readyz`).catch(() => undefined))?.status !== 200) await systemClock.sleep(50);
}, 60_000);
afterAll(async () => {
  for (const child of children) {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  }
  await rig.stop();
});

async function price(course_id: string): Promise<boolean> {
  const answer = await fetch(`${url}/optimize_price`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ course_id }) }).catch(() => undefined);
  return answer?.status === 200;
}

async function decisions(): Promise<DecisionRecord[]> {
  const found: DecisionRecord[] = [];
  await readStream(broker, STREAM_QUOTES, {}, ({ data }) => void found.push(decisionRecordSchema.parse(JSON.parse(Buffer.from(data).toString()))));
  return found;
}

test("what a running engine served is, bit for bit, what a replay to that sequence reads at that time", { timeout: 90_000 }, async () => {
  const courses = Array.from({ length: config.courses }, (_, i) => `C${String(i).padStart(5, "0")}`);
  const traffic = sampleTraffic(createWorld(config), { seed: 1, start_ms: Date.now() - 60_000, rate_per_s: 20 });
  const ends: number[] = [];
  for (let phase = 0; phase < PHASES; phase++) {
    const events = Array.from({ length: 400 }, () => traffic.next().value);
    // All at once: each waits until it is on the disk.
    await Promise.all(events.map((event) => broker.publish(eventSubject(event), Buffer.from(JSON.stringify(event)))));
    ends.push(must(await broker.streamInfo(STREAM_EVENTS), "EVENTS").last_sequence);
    await systemClock.sleep(SETTLED_MS);
    for (const course_id of courses) {
      while (!(await price(course_id))) {
        expect(children.map(({ exitCode, signalCode }) => exitCode ?? signalCode)).toEqual([null, null]);
        await systemClock.sleep(50);
      }
    }
  }
  await systemClock.sleep(1_500);
  const recorded = (await decisions()).filter(({ cursor_sequence, inputs }) => ends.includes(cursor_sequence) && inputs.course_id !== null);
  // Decisions do not change with whatever has changed nothing in their course.
  expect(recorded.length).toBeGreaterThan(config.courses);

  for (const end of ends) {
    const store = new MemoryStore();
    const writer = new FeatureWriter(store);
    await replayEvents(broker, { last_sequence: end }, (event) => void writer.apply(event));
    writer.commit({ stream_created: "", sequence: end, message_hash: "" });
    const reader = new FeatureReader(store);
    const served = recorded.filter(({ cursor_sequence }) => cursor_sequence === end);
    expect(served.length).toBeGreaterThan(5);
    for (const { inputs } of served) {
      const replayed = must(reader.course(must(inputs.course_id ?? undefined, "a course"), inputs.now_ms), "a view");
      const bits = (values: Float64Array): string => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("hex");
      expect([inputs.course_id, inputs.record_sequence, inputs.category, inputs.updated_at_ms]).toEqual([replayed.course_id, replayed.sequence, replayed.category, replayed.updated_at_ms]);
      expect(bits(must(decodeDoubles(inputs.features), "features")), inputs.course_id ?? "").toBe(bits(replayed.features));
      expect(bits(must(decodeDoubles(inputs.cells), "cells")), inputs.course_id ?? "").toBe(bits(replayed.cells));
    }
  }
});
