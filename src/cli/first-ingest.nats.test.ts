import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { openLmdbStore } from "../features/lmdb-store.ts";
import { resolvedPath, StoreDirectory } from "../features/store-directory.ts";
import { startEmbeddedBroker } from "../ingest/embedded-broker.ts";
import { Broker } from "../ingest/nats.ts";
import { sampleEvents } from "../ingest/sample-events.ts";
import { silentLogger } from "../lib/log.ts";

const MAIN = join(import.meta.dirname, "../../dist/src/main.js");
const EVENTS = 500;
let directory: string;
beforeAll(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), "tidemark-first-ingest-")));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function ingest(url: string): { ended: Promise<number | null>; stop: () => void; errors: () => string } {
  const env = { ...process.env, TIDEMARK_DATA_DIR: join(directory, "host"), TIDEMARK_NATS_URL: url, TIDEMARK_LOG_LEVEL: "error" };
  const child = spawn(process.execPath, [MAIN, "ingest"], { env, stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (errors += text));
  return { ended: once(child, "close").then(([code]) => code as number | null), stop: () => void child.kill("SIGTERM"), errors: () => errors };
}

async function foldedTo(): Promise<number> {
  const store = openLmdbStore(resolvedPath(new StoreDirectory(join(directory, "host", "features")).current), { readonly: true });
  const sequence = store.cursor(STREAM_EVENTS)?.sequence ?? 0;
  await store.close();
  return sequence;
}

test("a new host makes the streams of a new broker, and never those of a broker that lost them", { timeout: 60_000 }, async () => {
  const first = await startEmbeddedBroker({ data_dir: join(directory, "nats-1"), logger: silentLogger });
  const broker = await Broker.connect({ url: first.url, name: "test" });
  const running = ingest(first.url);
  try {
    await vi.waitFor(async () => expect(await broker.streamInfo(STREAM_EVENTS)).toBeDefined(), { timeout: 20_000 });
    const publisher = broker.bulkPublisher({ window: 100 });
    for (const { subject, data } of sampleEvents("e", EVENTS, Date.now())) await publisher.publish(subject, data);
    await publisher.flush();
    await vi.waitFor(async () => expect(await foldedTo()).toBe(EVENTS), { timeout: 20_000 });
  } finally {
    running.stop();
    expect(await running.ended).toBe(0);
    await broker.close();
    await first.stop();
  }

  const second = await startEmbeddedBroker({ data_dir: join(directory, "nats-2"), logger: silentLogger });
  const bare = await Broker.connect({ url: second.url, name: "test" });
  try {
    const refused = ingest(second.url);
    expect(await refused.ended).not.toBe(0);
    expect(refused.errors()).toMatch(/no stream EVENTS.*another broker/s);
    expect(await bare.streamInfo(STREAM_EVENTS)).toBeUndefined();
    expect(await foldedTo()).toBe(EVENTS);
  } finally {
    await bare.close();
    await second.stop();
  }
});
