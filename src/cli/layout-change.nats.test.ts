import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { layoutIdentity } from "../features/feature-set.ts";
import { openLmdbStore } from "../features/lmdb-store.ts";
import { MemoryStore } from "../features/memory-store.ts";
import { resolvedPath, StoreDirectory } from "../features/store-directory.ts";
import type { FeatureStoreReader } from "../features/store.ts";
import type { EmbeddedBroker } from "../ingest/embedded-broker.ts";
import { runIngest } from "../ingest/ingest.ts";
import type { Broker } from "../ingest/nats.ts";
import { sampleEvents } from "../ingest/sample-events.ts";
import { startTestBroker, type TestBroker } from "../ingest/testing/test-broker.ts";
import { must } from "../lib/assert.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";

const MAIN = join(import.meta.dirname, "../../dist/src/main.js");
const EVENTS = 30_000;
let rig: TestBroker;
let directory: string;
let server: EmbeddedBroker;
let broker: Broker;

beforeAll(async () => {
  rig = await startTestBroker("layout");
  ({ directory, server, broker } = rig);
  const publisher = broker.bulkPublisher({ window: 1_000 });
  for (const { subject, data } of sampleEvents("e", EVENTS, Date.now())) await publisher.publish(subject, data);
  await publisher.flush();
});
afterAll(async () => {
  await rig.stop();
});

const contents = (store: FeatureStoreReader): string[] => [...store.dump()].map(({ database, key, value }) => `${database} ${key} ${Buffer.from(value).toString("hex")}`);

async function cleanFold(): Promise<string[]> {
  const store = new MemoryStore();
  const stop = new AbortController();
  await runIngest({ broker, store, logger: silentLogger, clock: systemClock, signal: stop.signal, onProgress: ({ sequence }) => void (sequence >= EVENTS && stop.abort()) });
  return contents(store);
}

test("a store of another layout is read until the new one has caught up, through kills, and then replaced", { timeout: 90_000 }, async () => {
  const stores = new StoreDirectory(join(directory, "features"));
  const deadline_ms = performance.now() + 75_000;
  const fill = async (path: string): Promise<void> => {
    const old = openLmdbStore(path, { readonly: false });
    old.commit((batch) => {
      batch.putLayout("0-older");
      batch.put("course", "of the old store", Uint8Array.of(1, 1, 0));
    });
    await old.close();
  };
  await fill(stores.prepare("0-older").path);

  const environment = { ...process.env, TIDEMARK_DATA_DIR: directory, TIDEMARK_NATS_URL: server.url, TIDEMARK_LOG_LEVEL: "warn", TIDEMARK_ARCHIVE_DIR: "none" };
  const folded = async (): Promise<number> => {
    try {
      const store = openLmdbStore(stores.of(layoutIdentity), { readonly: true });
      const sequence = store.cursor(STREAM_EVENTS)?.sequence ?? 0;
      await store.close();
      return sequence;
    } catch {
      return 0;
    }
  };
  const too_early: number[] = [];
  let killed_at = 0;
  for (const [wanted, signal] of [[1, "SIGKILL"], [EVENTS / 3, "SIGKILL"], [EVENTS, "SIGTERM"]] as const) {
    const child = spawn(process.execPath, [MAIN, "ingest"], { env: environment, stdio: ["ignore", "ignore", "inherit"] });
    const ended = once(child, "exit");
    const replaced = (): boolean => resolvedPath(stores.current) === stores.of(layoutIdentity);
    const reached = (at: number): boolean => at >= wanted && (wanted < EVENTS || replaced());
    for (let at = 0; child.exitCode === null && !reached(at); ) {
      // Before the new store has caught up the old one is read.
      const early = replaced();
      at = await folded();
      if (early && at < EVENTS - 1_000) too_early.push(at);
      await systemClock.sleep(3);
    }
    child.kill(signal);
    await ended;
    const now = await folded();
    expect(now).toBeGreaterThanOrEqual(killed_at);
    killed_at = now;
  }
  expect(too_early).toEqual([]);
  expect((await readdir(stores.path)).sort()).toEqual([layoutIdentity, "current"].sort());
  // Killed between the promotion and the clearing away: the next start makes up for it.
  await fill(stores.of("0-older"));
  const again = spawn(process.execPath, [MAIN, "ingest"], { env: environment, stdio: ["ignore", "ignore", "inherit"] });
  const gone = once(again, "exit");
  while (again.exitCode === null && existsSync(stores.of("0-older")) && performance.now() < deadline_ms) await systemClock.sleep(20);
  again.kill("SIGTERM");
  await gone;
  expect((await readdir(stores.path)).sort()).toEqual([layoutIdentity, "current"].sort());
  const store = openLmdbStore(must(resolvedPath(stores.current), "a store"), { readonly: true });
  const dump = contents(store);
  await store.close();
  expect(dump).toEqual(await cleanFold());
});
