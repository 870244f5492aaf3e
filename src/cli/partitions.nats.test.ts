import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { EntityReader } from "../features/entity-reader.ts";
import { openLmdbStore } from "../features/lmdb-store.ts";
import { MemoryStore } from "../features/memory-store.ts";
import { PartitionedStore } from "../features/partitioned-store.ts";
import { resolvedPath, StoreDirectory } from "../features/store-directory.ts";
import { entityNames } from "../features/store.ts";
import { freePort } from "../ingest/broker-config.ts";
import type { EmbeddedBroker } from "../ingest/embedded-broker.ts";
import { foldTo } from "../ingest/fold-to.ts";
import type { Broker } from "../ingest/nats.ts";
import { sampleEvents } from "../ingest/sample-events.ts";
import { startTestBroker, type TestBroker } from "../ingest/testing/test-broker.ts";
import { systemClock } from "../lib/clock.ts";

const MAIN = join(import.meta.dirname, "../../dist/src/main.js");
const EVENTS = 20_000;
const COUNT = 2;
let rig: TestBroker;
let directory: string;
let server: EmbeddedBroker;
let broker: Broker;

beforeAll(async () => {
  rig = await startTestBroker("partitions");
  ({ directory, server, broker } = rig);
});
afterAll(async () => {
  await rig.stop();
});

const dataDir = (index: number): string => join(directory, `host-${index}`);
const storePath = (index: number): string => resolvedPath(new StoreDirectory(join(dataDir(index), "features")).current);

function tidemark(data_dir: string, args: readonly string[], errors: "inherit" | "ignore" = "inherit"): ChildProcess {
  const env = { ...process.env, TIDEMARK_DATA_DIR: data_dir, TIDEMARK_NATS_URL: server.url, TIDEMARK_LOG_LEVEL: "error", TIDEMARK_ARCHIVE_DIR: "none" };
  return spawn(process.execPath, [MAIN, ...args], { env, stdio: ["ignore", "ignore", errors] });
}

async function folded(index: number): Promise<number> {
  try {
    const store = openLmdbStore(storePath(index), { readonly: true });
    const sequence = store.cursor(STREAM_EVENTS)?.sequence ?? 0;
    await store.close();
    return sequence;
  } catch {
    return 0;
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
  return child.exitCode;
}

test("hosts that fold a share each hold together what one fold gives, through kills; prices are served from them as from one", { timeout: 120_000 }, async () => {
  const publisher = broker.bulkPublisher({ window: 1_000 });
  for (const { subject, data } of sampleEvents("p", EVENTS, Date.now())) await publisher.publish(subject, data);
  await publisher.flush();
  const run = (index: number): ChildProcess => tidemark(dataDir(index), ["ingest", "--partition", `${index}/${COUNT}`]);
  const killed = run(0);
  while ((await folded(0)) < EVENTS / 4) await systemClock.sleep(3);
  await end(killed, "SIGKILL");
  const hosts = [run(0), run(1)];
  for (let index = 0; index < COUNT; index++) while ((await folded(index)) < EVENTS) await systemClock.sleep(10);
  // Another partition on a directory in use would sweep the store of the first away, and the same one would fold over it.
  for (const other of ["0/2", "1/2"]) expect((await once(tidemark(dataDir(0), ["ingest", "--partition", other], "ignore"), "exit"))[0]).toBe(2);
  for (const host of hosts) expect(await end(host, "SIGTERM")).toBe(0);

  const whole = new MemoryStore();
  await foldTo({ events: broker, control: broker, store: whole, sequence: EVENTS, control_sequence: 0, offers_sequence: 0 });
  const together = new PartitionedStore(Array.from({ length: COUNT }, (_, index) => openLmdbStore(storePath(index), { readonly: true })));
  const now_ms = Date.now();
  const [one, many] = [new EntityReader(whole), new EntityReader(together)];
  for (const entity of entityNames) {
    expect([...together.ids(entity)], entity).toEqual([...whole.ids(entity)]);
    for (const id of whole.ids(entity)) {
      const expected = one.read(entity, id, now_ms)!.values;
      const actual = many.read(entity, id, now_ms)!.values;
      expect([...actual].flatMap((value, i) => (Math.abs(value - expected[i]!) <= 1e-9 * Math.max(1, Math.abs(value)) ? [] : [{ entity, id, i, value, expected: expected[i] }]))).toEqual([]);
    }
  }
  for (const entity of ["course", "learner", "learner_course"] as const) {
    for (const id of whole.ids(entity)) expect(Buffer.from(together.get(entity, id)!.slice()).equals(Buffer.from(whole.get(entity, id)!))).toBe(true);
  }
  const course = [...whole.ids("course")].find((id) => one.read("course", id, now_ms)!.values.some((value) => value > 0))!;
  await together.close();

  const port = await freePort();
  const serving = tidemark(join(directory, "serving"), ["serve", "--port", String(port), "--serve-workers", "1", "--partition-dirs", [0, 1].map(dataDir).join(",")]);
  try {
    const response = await vi.waitFor(async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/features/course/${course}`);
      expect(answer.status).toBe(200);
      return answer;
    }, { timeout: 20_000, interval: 100 });
    expect(await response.json()).toMatchObject({ id: course });
  } finally {
    await end(serving, "SIGTERM");
  }
});
