import { execFile } from "node:child_process";
import { mkdir, readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BUCKET_SNAPSHOTS, STREAM_EVENTS } from "../contracts/subjects.ts";
import { layoutIdentity } from "../features/feature-set.ts";
import { openLmdbStore } from "../features/lmdb-store.ts";
import { MemoryStore } from "../features/memory-store.ts";
import { partitionLayout } from "../features/partition.ts";
import { StoreDirectory } from "../features/store-directory.ts";
import type { FeatureStore, FeatureStoreReader } from "../features/store.ts";
import { promoteModel } from "../ingest/control.ts";
import type { EmbeddedBroker } from "../ingest/embedded-broker.ts";
import { runIngest } from "../ingest/ingest.ts";
import type { Broker } from "../ingest/nats.ts";
import { sampleEvents } from "../ingest/sample-events.ts";
import { SnapshotKeeper } from "../ingest/snapshot-keeper.ts";
import { Snapshots } from "../ingest/snapshots.ts";
import { startTestBroker, type TestBroker } from "../ingest/testing/test-broker.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { HOUR_MS, formatTime } from "../lib/time.ts";

const MAIN = join(import.meta.dirname, "../../dist/src/main.js");
const events = sampleEvents("e", 12_000, Date.now());
let rig: TestBroker;
let directory: string;
let server: EmbeddedBroker;
let broker: Broker;
let snapshots: Snapshots;

beforeAll(async () => {
  rig = await startTestBroker("snapshot");
  ({ directory, server, broker } = rig);
  await promoteModel(broker, { type: "model.promoted", time: formatTime(Date.now()), family: "elasticity", artifact: "elasticity/x", digest: "0".repeat(64), version: "x", reason: "a test" });
  snapshots = new Snapshots(broker, join(directory, "scratch"));
});
afterAll(async () => {
  await rig.stop();
});

async function publish(from: number, to: number): Promise<void> {
  const publisher = broker.bulkPublisher({ window: 1_000 });
  for (const { subject, data } of events.slice(from, to)) await publisher.publish(subject, data);
  await publisher.flush();
}

async function foldUntil(store: FeatureStore, sequence: number): Promise<void> {
  const stop = new AbortController();
  const onProgress = (progress: { sequence: number; control_sequence: number }): void => {
    if (progress.sequence >= sequence && progress.control_sequence >= 1) stop.abort();
  };
  await runIngest({ broker, store, logger: silentLogger, clock: systemClock, batch_events_max: 300, signal: stop.signal, onProgress });
}

const contents = (store: FeatureStoreReader): string[] => [...store.dump()].map(({ database, key, value }) => `${database} ${key} ${Buffer.from(value).toString("hex")}`);

interface Ended {
  readonly code: number;
  readonly output: string;
}

async function tidemark(data_dir: string, ...args: string[]): Promise<Ended> {
  const env = { ...process.env, TIDEMARK_DATA_DIR: data_dir, TIDEMARK_NATS_URL: server.url, TIDEMARK_ARCHIVE_DIR: "none", TIDEMARK_SNAPSHOTS_KEPT: "2" };
  return promisify(execFile)(process.execPath, [MAIN, ...args], { env }).then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({ code: error.code, output: error.stdout + error.stderr }),
  );
}

test("a store that was restored goes on to what a fold of everything gives, byte by byte", { timeout: 60_000 }, async () => {
  const first = join(directory, "first");
  const second = join(directory, "second");
  expect((await tidemark(first, "snapshot", "create")).output).toContain("there is no feature store");
  expect((await tidemark(second, "snapshot", "restore")).output).toContain("there is no snapshot");
  await publish(0, 8_000);
  const store = openLmdbStore(new StoreDirectory(join(first, "features")).prepare(layoutIdentity).path, { readonly: false });
  await foldUntil(store, 3_000);
  // While it is written.
  const folding = foldUntil(store, 8_000);
  const created = await tidemark(first, "snapshot", "create", "--json");
  expect(created.code).toBe(0);
  const { sequence, name, raw_bytes, bytes } = JSON.parse(created.output) as { sequence: number; name: string; raw_bytes: number; bytes: number };
  expect(sequence).toBeGreaterThanOrEqual(3_000);
  expect(bytes).toBeLessThan(raw_bytes);
  await folding;
  await store.close();
  await publish(8_000, events.length);

  expect((await tidemark(second, "snapshot", "verify")).output).toContain("byte by byte");
  expect(await tidemark(second, "snapshot", "restore")).toMatchObject({ code: 0, output: expect.stringContaining("start ingest") });
  expect((await tidemark(second, "snapshot", "restore", name)).output).toContain("there is a feature store");
  const restored = openLmdbStore(new StoreDirectory(join(second, "features")).prepare(layoutIdentity).path, { readonly: false });
  expect(restored.cursor(STREAM_EVENTS)?.sequence).toBe(sequence);
  expect(restored.champion("elasticity")?.version).toBe("x");
  await foldUntil(restored, events.length);
  const whole = new MemoryStore();
  await foldUntil(whole, events.length);
  expect(contents(restored)).toEqual(contents(whole));
  await restored.close();
  expect(await readdir(join(second, "scratch"))).toEqual([]);
});

test("keeps the newest, lists them, and verify finds a store that was changed", { timeout: 60_000 }, async () => {
  const data_dir = join(directory, "second");
  const path = new StoreDirectory(join(data_dir, "features")).prepare(layoutIdentity).path;
  expect((await tidemark(data_dir, "snapshot", "create")).code).toBe(0);
  const store = openLmdbStore(path, { readonly: false });
  const record = Uint8Array.from(store.get("learner", [...store.ids("learner")][0]!)!);
  const cursor = store.cursor(STREAM_EVENTS)!;
  store.commit((batch) => {
    batch.put("learner", "nobody", record);
    batch.putCursor(STREAM_EVENTS, { ...cursor, sequence: cursor.sequence - 1 });
  });
  await store.close();
  expect((await tidemark(data_dir, "snapshot", "create")).code).toBe(0);
  const listed = JSON.parse((await tidemark(data_dir, "snapshot", "list", "--json")).output) as { name: string }[];
  expect(listed).toHaveLength(2);
  const verified = await tidemark(data_dir, "snapshot", "verify");
  expect(verified).toMatchObject({ code: 2, output: expect.stringContaining("differs") });
  expect((await tidemark(data_dir, "snapshot", "verify", listed[0]!.name)).code).toBe(0);
  expect((await tidemark(data_dir, "snapshot", "verify", "x/1-1")).output).toContain("there is no snapshot x/1-1");
});

test("of partitions, each keeps its own", async () => {
  const store_path = new StoreDirectory(join(directory, "second", "features")).prepare(layoutIdentity).path;
  const before = (await snapshots.list()).map(({ name }) => name);
  const stored = (await broker.getObject(BUCKET_SNAPSHOTS, before[0]!))!;
  const metadata = (await broker.listObjects(BUCKET_SNAPSHOTS)).find(({ name }) => name === before[0])!.metadata;
  const put = (layout: string, sequence: number): Promise<void> =>
    broker.putObjectStream(BUCKET_SNAPSHOTS, `${layout}/${sequence}-0`, { ...metadata, layout, sequence: String(sequence) }, (async function* () {
      yield stored;
    })());
  const parts = [0, 1].map((index) => partitionLayout({ index, count: 2 }));
  for (const layout of [...parts, "3-old", "3-old-0of2"]) await put(layout, 7);
  await put(parts[0]!, 8);
  expect(await snapshots.prune(parts[0]!, 1)).toBe(2);
  const left = (): Promise<string[]> => snapshots.list().then((all) => all.map(({ name }) => name).filter((name) => !before.includes(name)));
  expect((await left()).toSorted()).toEqual([`${parts[0]}/8-0`, `${parts[1]}/7-0`, "3-old/7-0"].toSorted());
  expect(await snapshots.prune(layoutIdentity, before.length)).toBe(1);
  expect((await left()).toSorted()).toEqual([`${parts[0]}/8-0`, `${parts[1]}/7-0`].toSorted());
  for (const name of await left()) await broker.deleteObject(BUCKET_SNAPSHOTS, name);

  // What a process left that was killed while it took one.
  const scratch = join(directory, "scratch");
  for (const [name, age_s] of [["snapshot-dead", 25 * 3_600], ["snapshot-alive", 3_600], ["other", 25 * 3_600]] as const) {
    await mkdir(join(scratch, name), { recursive: true });
    await utimes(join(scratch, name), Date.now() / 1000 - age_s, Date.now() / 1000 - age_s);
  }
  await snapshots.create(store_path);
  expect((await readdir(scratch)).toSorted()).toEqual(["other", "snapshot-alive"]);
});

test("one that is damaged, cut off or of another stream is refused, and leaves nothing behind", { timeout: 60_000 }, async () => {
  const snapshot = await snapshots.find(layoutIdentity);
  const stored = (await broker.getObject(BUCKET_SNAPSHOTS, snapshot.name))!;
  const metadata = (await broker.listObjects(BUCKET_SNAPSHOTS)).find(({ name }) => name === snapshot.name)!.metadata;
  const flipped = Uint8Array.from(stored);
  flipped[flipped.length >> 1]! ^= 1;
  const bad: [string, Uint8Array, Record<string, string>][] = [
    ["cut", stored.subarray(0, stored.length >> 1), {}],
    ["flipped", flipped, {}],
    ["empty", new Uint8Array(0), {}],
    ["digest", stored, { raw_sha256: "0".repeat(64) }],
    ["position", stored, { sequence: "5" }],
    ["stream", stored, { stream_created: "2020-01-01T00:00:00Z" }],
  ];
  for (const [what, bytes, said] of bad) {
    const name = `${layoutIdentity}/bad-${what}`;
    await broker.putObjectStream(BUCKET_SNAPSHOTS, name, { ...metadata, ...said }, (async function* () {
      yield bytes;
    })());
    const data_dir = join(directory, what);
    const { code, output } = await tidemark(data_dir, "snapshot", "restore", name);
    expect([what, code === 0, /snapshot_damaged|cannot be read whole|digest|position|another|created at/.test(output)]).toEqual([what, false, true]);
    expect((await readdir(join(data_dir, "features")).catch(() => [])).filter((entry) => entry !== "current")).toEqual([]);
    await broker.deleteObject(BUCKET_SNAPSHOTS, name);
  }
});

test("is taken when one is due, and not before", { timeout: 60_000 }, async () => {
  const store_path = new StoreDirectory(join(directory, "second", "features")).prepare(layoutIdentity).path;
  let now_ms = Date.now() + 2 * HOUR_MS;
  const clock = { now_ms: () => now_ms, sleep: () => Promise.resolve() };
  const created: string[] = [];
  const counting = {
    list: () => snapshots.list(),
    prune: (layout: string, kept: number) => snapshots.prune(layout, kept),
    create: async (path: string) => {
      const snapshot = await snapshots.create(path);
      created.push(snapshot.name);
      return snapshot;
    },
  };
  const keeper = new SnapshotKeeper({ snapshots: counting, store_path, layout: layoutIdentity, clock, logger: silentLogger, interval_ms: HOUR_MS, kept: 1 });
  await keeper.check();
  expect(created).toHaveLength(1);
  now_ms = Date.now();
  await keeper.check();
  expect(created).toHaveLength(1);
  expect(keeper.status.newest?.name).toBe(created[0]);
  expect((await snapshots.list()).map(({ name }) => name)).toEqual(created);
  const broken = new SnapshotKeeper({ snapshots: counting, store_path: join(directory, "nowhere"), layout: "another", clock, logger: silentLogger, interval_ms: HOUR_MS, kept: 1 });
  await broken.check();
  expect(broken.status.failures).toBe(1);
});

test("verify says when the streams do not reach back any more", { timeout: 60_000 }, async () => {
  await broker.purge(STREAM_EVENTS, 1_000);
  const { code, output } = await tidemark(join(directory, "second"), "snapshot", "verify");
  expect(code).toBe(2);
  expect(output).toContain("before sequence 1,000 is in neither stream nor archive");
});
