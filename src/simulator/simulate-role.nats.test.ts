import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { type EmbeddedBroker, startEmbeddedBroker } from "../ingest/embedded-broker.ts";
import { Broker } from "../ingest/nats.ts";
import { must } from "../lib/assert.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { readPlatform } from "./platform-file.ts";
import { runSimulateRole, type SimulateRoleOptions } from "./simulate-role.ts";

let directory = "";
let server: EmbeddedBroker;
let broker: Broker;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-simulate-"));
  server = await startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger });
  broker = await Broker.connect({ url: server.url, name: "test" });
  await broker.ensureStreams();
});

afterEach(async () => {
  await broker.close();
  await server.stop();
  await rm(directory, { recursive: true });
});

const config = { learners: 200, courses: 40, teachers: 5, enrollments: 500, weeks: 8 };

function role(more: Partial<SimulateRoleOptions>): Promise<void> {
  const signal = more.signal ?? new AbortController().signal;
  return runSimulateRole({ broker, data_dir: directory, config, mode: "history", engine_url: "http://127.0.0.1:9", rate_per_s: 500, clock: systemClock, logger: silentLogger, ...more, signal });
}

const messages = async (): Promise<number> => must(await broker.streamInfo(STREAM_EVENTS), "the stream").messages;

test("brings the history once, and live traffic after it until the signal", async () => {
  await role({});
  const history = await messages();
  expect(history).toBeGreaterThan(5_000);
  const file = must(await readPlatform(directory), "platform.json");
  expect(file.config).toMatchObject(config);
  expect(file.published_to).toBe((await broker.streamInfo(STREAM_EVENTS))?.created);

  await role({ config: {} });
  expect(await messages()).toBe(history);

  const stop = new AbortController();
  const running = role({ config: {}, mode: "both", signal: stop.signal });
  while ((await messages()) < history + 20) await systemClock.sleep(20);
  stop.abort();
  await running;
  const last = must(await broker.getMessage(STREAM_EVENTS, { last_by_subject: "events.>" }), "a live event");
  expect(last.sequence).toBe(await messages());

  await expect(role({ config: { learners: 201 } })).rejects.toMatchObject({ code: "platform_differs" });
});

test("brings the history again to a stream that was lost", async () => {
  await role({});
  const history = await messages();
  await broker.close();
  await server.stop();
  await rm(join(directory, "nats"), { recursive: true });
  server = await startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger });
  broker = await Broker.connect({ url: server.url, name: "test" });
  await broker.ensureStreams();
  await role({});
  expect(await messages()).toBe(history);
});

test("a platform that cannot be made is not remembered: the next size asked for is taken", async () => {
  const impossible = { learners: 3, courses: 2, teachers: 1, enrollments: 5_000, weeks: 1 };
  await expect(role({ config: impossible })).rejects.toMatchObject({ code: "invalid_platform", message: expect.stringContaining("3 learners and 2 courses cannot make 5000 enrollments") });
  expect(await readPlatform(directory)).toBeUndefined();
  await role({ config });
  expect(await readPlatform(directory)).toMatchObject({ config, published_to: expect.any(String) });
});

test("live traffic alone remembers its platform, too", async () => {
  await role({ mode: "live", signal: AbortSignal.timeout(300) });
  expect(await readPlatform(directory)).toMatchObject({ config, calibration: { level: expect.any(Number) } });
});

test("says so when there is no stream to publish to", async () => {
  await expect(role({ broker: Object.assign(Object.create(broker), { streamInfo: () => Promise.resolve(undefined) }) })).rejects.toMatchObject({ code: "stream_missing" });
});
