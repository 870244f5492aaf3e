import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Event } from "../contracts/events.ts";
import { deadLetterSubject, eventSubject, STREAM_EVENTS } from "../contracts/subjects.ts";
import { freePort } from "../ingest/broker-config.ts";
import type { EmbeddedBroker } from "../ingest/embedded-broker.ts";
import type { Broker } from "../ingest/nats.ts";
import { startTestBroker, type TestBroker } from "../ingest/testing/test-broker.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";

const MAIN = join(import.meta.dirname, "../../dist/src/main.js");

let rig: TestBroker;
let directory: string;
let server: EmbeddedBroker;
let broker: Broker;
let environment: Record<string, string>;
let ingest: ChildProcess;
let log = "";

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function tidemark(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { env: environment }, (_, out, err) => resolve({ code: child.exitCode, out, err }));
  });
}

const metrics = async (): Promise<string> => (await fetch(`http://127.0.0.1:${environment["TIDEMARK_INGEST_METRICS_PORT"]}/metrics`)).text();
const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const view = (id: string, time_ms: number): Event => ({ id, type: "exposure.viewed", time: formatTime(time_ms), course_id: "c1", learner_id: "l1", price: 5 });

async function publish(event: Event): Promise<void> {
  await broker.publish(eventSubject(event), text(event));
}

beforeAll(async () => {
  rig = await startTestBroker("operator");
  ({ directory, server, broker } = rig);
  environment = { PATH: process.env["PATH"] ?? "", TIDEMARK_NATS_URL: server.url, TIDEMARK_DATA_DIR: join(directory, "data"), TIDEMARK_INGEST_METRICS_PORT: String(await freePort()) };
  ingest = spawn(process.execPath, [MAIN, "ingest"], { env: environment, stdio: ["ignore", "pipe", "inherit"] });
  ingest.stdout?.on("data", (chunk: Buffer) => (log += chunk.toString()));
});

afterAll(async () => {
  if (ingest.exitCode === null) ingest.kill("SIGKILL");
  await rig.stop();
});

async function folded(events: number): Promise<string> {
  return vi.waitFor(
    async () => {
      const told = await metrics();
      expect(told).toContain(`tidemark_ingest_events_total ${events}\n`);
      return told;
    },
    { timeout: 15_000, interval: 50 },
  );
}

test("ingest says how large its records are and tells its figures; late lists what came too late", async () => {
  const now_ms = Date.now();
  await publish(view("new", now_ms));
  await publish(view("old", now_ms - 300 * DAY_MS));
  await broker.publish("events.exposure.c1", text({ ...view("bad", now_ms), price: -1 }));
  await broker.publish("events.exposure.c1", new TextEncoder().encode("\u001b[2Jnot json"));
  const told = await folded(4);
  expect(told).toContain('tidemark_ingest_refused_total{reason="invalid_field"} 1\n');
  expect(told).toContain("tidemark_ingest_lag_events 0\n");
  expect(told).toMatch(/tidemark_ingest_store_bytes [1-9]/);
  expect(told).toMatch(/tidemark_ingest_commit_seconds_count [1-4]\n/);
  expect(told).toMatch(/tidemark_ingest_late_total\{state="course\.[a-z_0-9]+"\} 1\n/);

  const layout = log.split("\n").find((line) => line.includes('"record layout"')) ?? "{}";
  expect(JSON.parse(layout)).toMatchObject({ records: { course: { slots: expect.any(Number), bytes_max: expect.any(Number) }, learner: { slots: expect.any(Number) } } });

  expect(told).toContain("tidemark_ingest_folded_total 2\n");
  expect(told).toContain(`tidemark_ingest_watermark_seconds ${now_ms / 1000}\n`);
  expect(told).toMatch(/tidemark_ingest_store_pages [1-9]/);
  expect(told).toMatch(/tidemark_ingest_store_free_pages [1-9]/);

  // From the store, beside the ingest that writes it.
  const late = await tidemark("late");
  expect(late).toMatchObject({ code: 0, err: "" });
  expect(late.out).toMatch(/^ +1 {2}course\.exposures_by_hour$/m);
  expect(late.out).toMatch(/^ +2 {2}\S+ +300\.0 d {2}exposure\.viewed +learner\.exposures_by_day$/m);
  const json = JSON.parse((await tidemark("late", "--json", "--limit", "2")).out) as unknown;
  const update = { sequence: 2, type: "exposure.viewed", behind_ms: 300 * DAY_MS, event_time: formatTime(now_ms - 300 * DAY_MS), broker_time: expect.any(String) as unknown };
  expect(json).toEqual({
    states: { "course.exposures_by_day": 1, "course.exposures_by_hour": 1, "learner.exposures_by_day": 1 },
    listed: 3,
    updates: ["course.exposures_by_day", "learner.exposures_by_day"].map((state) => Object.assign({ state }, update)),
  });
  expect(await tidemark("late", "--data-dir", join(directory, "nowhere"))).toMatchObject({ code: 2, err: expect.stringContaining("no feature store") });
});

test("dlq list, show and retry", { timeout: 30_000 }, async () => {
  const event = view("fixed", Date.now());
  const letter = { stream: STREAM_EVENTS, sequence: 500, subject: eventSubject(event), broker_time_ms: Date.now(), reason: "unknown_type", field: "type", detail: "type is new", payload_base64: Buffer.from(text(event)).toString("base64") };
  await broker.publish(deadLetterSubject(STREAM_EVENTS, 500), text(letter));

  const list = await tidemark("dlq", "list");
  expect(list.code).toBe(0);
  const [invalid, garbage, fixable, summary] = list.out.split("\n");
  expect(invalid).toMatch(/^EVENTS 3 .* events\.exposure\.c1 {2}invalid_field \(price\): /);
  expect(garbage).toMatch(/^EVENTS 4 .* not_json: /);
  // What a producer wrote does not reach the terminal as it is.
  expect(list.out).not.toContain("\u001b");
  expect(fixable).toContain("EVENTS 500 ");
  expect(summary).toBe("3 dead letters.");
  const some = JSON.parse((await tidemark("dlq", "list", "--json", "--limit", "1", "--stream", "EVENTS", "--reason", "not_json")).out) as unknown;
  expect(some).toMatchObject({ matching: 1, letters: [{ sequence: 4, reason: "not_json", payload_bytes: 12, retried: null }] });

  const shown = await tidemark("dlq", "show", "3");
  expect(shown.out).toMatch(/reason +invalid_field\nfield +price\n/);
  expect(shown.out).toContain('"price":-1}');
  const base64 = await tidemark("dlq", "show", "4");
  expect(base64.out).toContain(`12 bytes, as base64\n\n${Buffer.from("\u001b[2Jnot json").toString("base64")}\n`);
  expect(await tidemark("dlq", "show", "77")).toMatchObject({ code: 2, err: expect.stringContaining("no dead letter of sequence 77") });

  expect(await tidemark("dlq", "retry", "3")).toMatchObject({ code: 2, out: expect.stringContaining("would be refused again, invalid_field (price)") });
  const all = await tidemark("dlq", "retry", "--all");
  expect(all.code).toBe(0);
  expect(all.out).toContain("EVENTS 500: published again as 5\n");
  expect(all.out).toContain("EVENTS 4: left: ");
  expect((await tidemark("dlq", "retry", "500")).out).toContain("was published again before, as 5");
  await folded(5);
  expect((await broker.streamInfo(STREAM_EVENTS))?.last_sequence).toBe(5);
  expect((await tidemark("dlq", "list")).out).toContain("[published again as 5]");
});

test("ingest stops cleanly with its figures being read", async () => {
  const ended = once(ingest, "exit");
  // A connection that is kept open must not hold up the end.
  await metrics();
  ingest.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  await expect(metrics()).rejects.toThrow("fetch failed");
});
