import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { openLmdbStore } from "../features/lmdb-store.ts";
import { MemoryStore } from "../features/memory-store.ts";
import type { FeatureStoreReader } from "../features/store.ts";
import { must } from "../lib/assert.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { Prng } from "../lib/prng.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import { forgetErased } from "./archive-keeper.ts";
import { EventArchiver } from "./archiver.ts";
import { listDeadLetters } from "./dead-letter-queue.ts";
import { type EmbeddedBroker, startEmbeddedBroker } from "./embedded-broker.ts";
import { EventArchive } from "./event-archive.ts";
import { EventHistory } from "./event-history.ts";
import { runIngest } from "./ingest.ts";
import { mentions } from "./learner-erasure.ts";
import { Broker } from "./nats.ts";
import { dropArchived } from "./stream-retention.ts";
import type { StreamSource } from "./read-stream.ts";
import { sampleEvents } from "./sample-events.ts";

const processPath = join(import.meta.dirname, "../../dist/src/ingest/ingest-process.js");
let directory: string;
let server: EmbeddedBroker;
let broker: Broker;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-archive-"));
  server = await startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger });
  broker = await Broker.connect({ url: server.url, name: "test" });
});
afterEach(async () => {
  await broker.close();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

const stream = async (): Promise<{ created: string; first_sequence: number; last_sequence: number }> => must(await broker.streamInfo(STREAM_EVENTS), "EVENTS");

async function publish(events: readonly { readonly subject: string; readonly data: Uint8Array }[]): Promise<void> {
  const publisher = broker.bulkPublisher({ window: 500 });
  for (const { subject, data } of events) await publisher.publish(subject, data);
  await publisher.flush();
}

const contents = (store: FeatureStoreReader): string[] => [...store.dump()].map(({ database, key, value }) => `${database} ${key} ${Buffer.from(value).toString("hex")}`);

async function fold(events: StreamSource): Promise<string[]> {
  const { last_sequence } = await stream();
  const store = new MemoryStore();
  const stop = new AbortController();
  const onProgress = ({ sequence }: { sequence: number }): void => {
    if (sequence >= last_sequence) stop.abort();
  };
  await runIngest({ broker, events, store, logger: silentLogger, clock: systemClock, signal: stop.signal, onProgress });
  return contents(store);
}

it("folds again what the stream has dropped", { timeout: 60_000 }, async () => {
  await broker.ensureStreams({ EVENTS: { bytes_max: 400_000, age_max_ms: 0 } });
  const archive = new EventArchive(join(directory, "archive"));
  const stop = new AbortController();
  const archiver = new EventArchiver({ broker, archive, logger: silentLogger, clock: systemClock, segment_bytes: 30_000 });
  const archiving = archiver.run(stop.signal);
  const all = new MemoryStore();
  const live = new AbortController();
  let folded = 0;
  const folding = runIngest({ broker, store: all, logger: silentLogger, clock: systemClock, signal: live.signal, onProgress: ({ sequence }) => (folded = sequence) });
  const events = sampleEvents("a", 6_000, Date.now());
  for (let i = 0; i < events.length; i += 300) {
    await publish(events.slice(i, i + 300));
    await vi.waitFor(() => expect(Math.max(i + 300 - archiver.status.sequence, i + 300 - folded)).toBeLessThan(1_000), 10_000);
  }
  await vi.waitFor(() => expect(folded).toBe(events.length), 10_000);
  live.abort();
  await folding;
  stop.abort();
  await archiving;
  expect((await stream()).first_sequence).toBeGreaterThan(1_000);
  await expect(fold(broker)).resolves.not.toEqual(contents(all));
  expect(await fold(new EventHistory(broker, archive))).toEqual(contents(all));
  expect(archiver.status).toMatchObject({ lost: 0, failures: 0 });
});

it("lets the stream go of the oldest that is archived, whole segments that can be read, and never of more", { timeout: 60_000 }, async () => {
  await broker.ensureStreams();
  const archive = new EventArchive(join(directory, "archive"));
  const stop = new AbortController();
  const archiver = new EventArchiver({ broker, archive, logger: silentLogger, clock: systemClock, segment_bytes: 60_000 });
  const archiving = archiver.run(stop.signal);
  await publish(sampleEvents("r", 3_000, Date.now()));
  const whole = await fold(broker);
  await vi.waitFor(() => expect(archiver.status.sequence).toBeGreaterThan(2_500), 10_000);
  stop.abort();
  await archiving;
  const purges: number[] = [];
  const counting = {
    streamInfo: (name: string) => broker.streamInfo(name),
    purge: (name: string, sequence: number) => {
      purges.push(sequence);
      return broker.purge(name, sequence);
    },
  };
  const drop = (retention: { bytes_max: number; age_max_ms: number }, now_ms = Date.now()): Promise<number> => dropArchived({ broker: counting, archive, retention, clock: { ...systemClock, now_ms: () => now_ms }, logger: silentLogger });
  const { bytes } = must(await broker.streamInfo(STREAM_EVENTS), "EVENTS");
  expect(await drop({ bytes_max: bytes, age_max_ms: 0 })).toBe(0);
  expect(await drop({ bytes_max: bytes, age_max_ms: DAY_MS })).toBe(0);
  const whole_index = await archive.index((await stream()).created);
  // By size: about half, then no more.
  const half = await drop({ bytes_max: bytes / 2, age_max_ms: 0 });
  expect(half).toBeGreaterThan(1_000);
  expect(must(await broker.streamInfo(STREAM_EVENTS), "EVENTS").bytes).toBeLessThanOrEqual(bytes / 2);
  expect(await drop({ bytes_max: bytes / 2, age_max_ms: 0 })).toBe(0);
  // Few at a time, so that producers need not wait for long.
  expect(whole_index.segments[0]!.header.messages).toBeGreaterThan(300);
  purges.forEach((sequence, i) => expect(sequence - (purges[i - 1] ?? 1)).toBeLessThanOrEqual(250));
  expect(await fold(new EventHistory(broker, archive))).toEqual(whole);
  // A damaged segment stays in the stream, and what comes after it.
  const { first_sequence } = await stream();
  const next = must((await archive.index((await stream()).created)).find(first_sequence), "a segment");
  const original = await readFile(next.path);
  const damaged = Buffer.from(original);
  damaged[damaged.length - 50]! ^= 1;
  await writeFile(next.path, damaged);
  await expect(drop({ bytes_max: 0, age_max_ms: 0 })).rejects.toMatchObject({ code: "archive_damaged" });
  expect((await stream()).first_sequence).toBe(first_sequence);
  await writeFile(next.path, original);
  // By age: everything that is archived but for its last segment.
  await drop({ bytes_max: bytes, age_max_ms: DAY_MS }, Date.now() + 2 * DAY_MS);
  const index = await archive.index((await stream()).created);
  expect((await stream()).first_sequence).toBe(must(index.segments.at(-1), "a segment").header.first_sequence);
  expect(await fold(new EventHistory(broker, archive))).toEqual(whole);
});

it("is whole whenever its writer is killed, and so is what is folded from it", { timeout: 120_000 }, async () => {
  expect(existsSync(processPath), "run the build first").toBe(true);
  await broker.ensureStreams();
  const random = new Prng("archive");
  const events = sampleEvents("k", 8_000, Date.now());
  const store_path = join(directory, "features");
  const archive_path = join(directory, "archive");
  const run = async (signal: "SIGKILL" | "SIGTERM", until: () => Promise<boolean>): Promise<void> => {
    const child = spawn(process.execPath, [processPath, server.url, store_path, archive_path], { stdio: ["ignore", "ignore", "inherit"] });
    const ended = once(child, "exit");
    while (child.exitCode === null && !(await until())) await systemClock.sleep(2);
    child.kill(signal);
    await ended;
  };
  const archive = new EventArchive(archive_path);
  const archived = async (): Promise<number> => (await archive.index((await stream()).created)).last_sequence;
  for (let kill = 0; kill < 8; kill++) {
    const publishing = publish(events.slice(kill * 1_000, (kill + 1) * 1_000));
    const wanted = (await archived()) + random.integer(700);
    await run("SIGKILL", async () => (await archived()) >= wanted);
    await publishing;
  }
  const last = (await stream()).last_sequence;
  let folded = 0;
  await run("SIGTERM", async () => {
    const store = existsSync(join(store_path, "data.mdb")) ? openLmdbStore(store_path, { readonly: true }) : undefined;
    folded = store?.cursor(STREAM_EVENTS)?.sequence ?? 0;
    await store?.close();
    return folded >= last && (await archived()) > last - 200;
  });
  const index = await archive.index((await stream()).created);
  expect(index.gaps()).toEqual([]);
  expect(index.segments[0]?.header.first_sequence).toBe(1);
  const store = openLmdbStore(store_path, { readonly: true });
  const dump = contents(store);
  await store.close();
  expect(await fold(broker)).toEqual(dump);
  expect(await fold(new EventHistory(broker, archive))).toEqual(dump);
});

it("forgets an erased learner in the archive and in the stream, and folds to the same", { timeout: 60_000 }, async () => {
  await broker.ensureStreams();
  const now_ms = Date.now();
  const encode = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  const learner_id = "Somebody-1";
  const view = (n: number, who: string): { subject: string; data: Uint8Array } => ({ subject: "events.exposure.C1", data: encode({ id: `v${n}${who}`, type: "exposure.viewed", time: formatTime(now_ms - 1_000), course_id: "C1", learner_id: who, price: 5 }) });
  await publish(Array.from({ length: 400 }, (_, n) => view(n, n % 3 === 0 ? learner_id : `L${n % 7}`)));
  // Refused by every fold; two name the learner, one with another's id that begins alike.
  const odd = (who: string): { subject: string; data: Uint8Array } => ({ subject: "events.exposure.C1", data: encode({ id: `odd-${who}`, type: "exposure.hovered", learner_id: who }) });
  await publish([odd(learner_id), odd(`${learner_id}0`), { subject: `events.learner.${learner_id}`, data: Buffer.from("{") }]);
  const { created } = await stream();
  const snapshot = (sequence: number, stream_created = created): Promise<void> =>
    broker.putObjectStream("SNAPSHOTS", `l/${stream_created.length}-${sequence}`, { layout: "l", stream_created, sequence: String(sequence), control_sequence: "0", raw_bytes: "1", raw_sha256: "0".repeat(64) }, (async function* () {
      yield Uint8Array.of(1);
    })());
  // Nobody was viewed before the first message, and the erasure is the 404th.
  for (const sequence of [0, 1, 403, 404]) await snapshot(sequence);
  await snapshot(10, "2020-01-01T00:00:00Z");
  await publish([{ subject: `events.learner.${learner_id}`, data: encode({ id: "gone", type: "learner.erased", time: formatTime(now_ms), learner_id }) }]);
  await publish(sampleEvents("z", 400, now_ms));
  // Of the erased learner too, but after the erasure: theirs again.
  await publish([odd(learner_id)]);
  const before = await fold(broker);
  const letters = async (): Promise<number[]> => (await listDeadLetters(broker, { limit: 100 })).letters.map(({ letter }) => letter.sequence);
  const last = (await stream()).last_sequence;
  expect(await letters()).toEqual([401, 402, 403, last]);
  const archive = new EventArchive(join(directory, "archive"));
  const stop = new AbortController();
  const archiver = new EventArchiver({ broker, archive, logger: silentLogger, clock: systemClock, segment_bytes: 8_000 });
  const archiving = archiver.run(stop.signal);
  await vi.waitFor(() => expect(archiver.status.sequence).toBeGreaterThan(600), 10_000);
  stop.abort();
  await archiving;
  const options = { broker, archive, logger: silentLogger, clock: systemClock };
  expect(await forgetErased({ ...options, erasure_delay_ms: DAY_MS })).toMatchObject({ forgotten: 0, waiting: 1, purged: 0 });
  expect(await forgetErased({ ...options, erasure_delay_ms: 0 })).toMatchObject({ forgotten: 1, messages: 137, purged: 137, letters: 2, snapshots: 2 });
  expect(await letters()).toEqual([402, last]);
  expect((await broker.listObjects("SNAPSHOTS")).map(({ name }) => name).toSorted()).toEqual(["l/20-10", `l/${created.length}-0`, `l/${created.length}-404`].toSorted());
  const history = new EventHistory(broker, archive);
  expect(await fold(history)).toEqual(before);
  // A fold from the beginning tells nothing of what is empty now.
  expect(await letters()).toEqual([402, last]);
  const named: number[] = [];
  for (let sequence = 1; sequence <= last; sequence++) {
    const message = await broker.getMessage(STREAM_EVENTS, { sequence });
    if (message !== undefined && mentions(message, learner_id)) named.push(sequence);
  }
  expect(named).toEqual([last]);
});
