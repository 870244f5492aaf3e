import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventSubject, STREAM_EVENTS } from "../contracts/subjects.ts";
import { type EmbeddedBroker, startEmbeddedBroker } from "../ingest/embedded-broker.ts";
import { Broker } from "../ingest/nats.ts";
import { silentLogger } from "../lib/log.ts";
import { generateHistory } from "./history.ts";
import { publishHistory } from "./publish-history.ts";
import { smallPlatform } from "./test-platform.ts";
import { createWorld } from "./world.ts";

const config = smallPlatform({ enrollments: 1_200, duplicate_share: 0.02 });
const world = createWorld(config);

let directory = "";
let server: EmbeddedBroker;
let broker: Broker;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-history-"));
  server = await startEmbeddedBroker({ data_dir: directory, logger: silentLogger });
  broker = await Broker.connect({ url: server.url, name: "test" });
  await broker.ensureStreams();
});

afterEach(async () => {
  await broker.close();
  await server.stop();
  await rm(directory, { recursive: true });
});

/** Count and hash of subjects and bytes in stream order. */
async function streamContent(): Promise<{ count: number; hash: string }> {
  const info = await broker.streamInfo(STREAM_EVENTS);
  const hash = createHash("sha256");
  let count = 0;
  if (info === undefined || info.messages === 0) return { count, hash: hash.digest("hex") };
  let caughtUp = (): void => undefined;
  const done = new Promise<void>((resolve) => (caughtUp = resolve));
  const consumption = await broker.consume(STREAM_EVENTS, { start_sequence: 1 }, (message) => {
    hash.update(message.subject).update(message.data);
    count++;
    if (message.sequence === info.last_sequence) caughtUp();
  });
  await done;
  await consumption.stop();
  return { count, hash: hash.digest("hex") };
}

function expectedContent(): { count: number; hash: string } {
  const hash = createHash("sha256");
  let count = 0;
  for (const event of generateHistory(world)) {
    hash.update(eventSubject(event, "backfill")).update(JSON.stringify(event));
    count++;
  }
  return { count, hash: hash.digest("hex") };
}

test("an aborted publication goes on where it stopped, and ends with the stream of an uninterrupted one", async () => {
  for (const stopAfter of [1, 8_000, 16_000]) {
    const stop = new AbortController();
    const onProgress = (done: number): void => {
      if (done >= stopAfter) stop.abort();
    };
    const { complete } = await publishHistory(broker, config, { world, onProgress, signal: stop.signal });
    expect(complete).toBe(false);
  }
  const progress: number[] = [];
  const { published, total, complete } = await publishHistory(broker, config, { world, onProgress: (done) => progress.push(done) });
  expect(complete).toBe(true);
  expect(published).toBeLessThan(total);
  expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  expect(await streamContent()).toEqual(expectedContent());
  expect(await publishHistory(broker, config, { world })).toEqual({ published: 0, total, complete: true });
});

test("a broker killed again and again while the history is published loses nothing and stores nothing twice", async () => {
  let killed = 0;
  const onProgress = (done: number): void => {
    if (killed >= 2 || done < 4_000 * (2 * killed + 1)) return;
    killed++;
    process.kill(server.pid(), "SIGKILL");
  };
  const { complete } = await publishHistory(broker, config, { world, onProgress });
  expect(complete).toBe(true);
  expect(killed).toBe(2);
  expect(await streamContent()).toEqual(expectedContent());
}, 60_000);

test("live events in between do not disturb the resumption", async () => {
  const stop = new AbortController();
  await publishHistory(broker, config, { world, onProgress: () => stop.abort(), signal: stop.signal });
  await broker.publish("events.market.music", new TextEncoder().encode(JSON.stringify({ id: "x", type: "market.competitor_price", time: "2026-01-01T00:00:00Z", category: "music", price: 5 })));
  await publishHistory(broker, config, { world });
  const info = await broker.streamInfo(STREAM_EVENTS);
  expect(info?.messages).toBe(expectedContent().count + 1);
});

test("another platform's history in the stream is refused", async () => {
  const stop = new AbortController();
  await publishHistory(broker, config, { world, onProgress: () => stop.abort(), signal: stop.signal });
  const other = smallPlatform({ enrollments: 1_200, seed: 9 });
  await expect(publishHistory(broker, other, {})).rejects.toMatchObject({ code: "history_mismatch" });
});
