import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { openLmdbStore } from "../features/lmdb-store.ts";
import { resolvedPath, StoreDirectory } from "../features/store-directory.ts";
import { freePort } from "../ingest/broker-config.ts";
import type { EmbeddedBroker } from "../ingest/embedded-broker.ts";
import type { Broker } from "../ingest/nats.ts";
import { startTestBroker, type TestBroker } from "../ingest/testing/test-broker.ts";
import { systemClock } from "../lib/clock.ts";
import { Prng } from "../lib/prng.ts";
import { publishHistory } from "../simulator/publish-history.ts";
import { smallPlatform } from "../simulator/test-platform.ts";

const MAIN = join(import.meta.dirname, "../../dist/src/main.js");
const ASKED = 200;
let rig: TestBroker;
let directory: string;
let server: EmbeddedBroker;
let broker: Broker;
const children: ChildProcess[] = [];

beforeAll(async () => {
  rig = await startTestBroker("replicas");
  ({ directory, server, broker } = rig);
});
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await rig.stop();
});

const dataDir = (host: string): string => join(directory, host);
const environment = (host: string): NodeJS.ProcessEnv => ({ PATH: process.env["PATH"] ?? "", TIDEMARK_DATA_DIR: dataDir(host), TIDEMARK_NATS_URL: server.url, TIDEMARK_LOG_LEVEL: "error", TIDEMARK_ARCHIVE_DIR: "none", TIDEMARK_SNAPSHOT_INTERVAL_HOURS: "0" });

function run(host: string, ...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [MAIN, ...args], { env: environment(host), stdio: ["ignore", "ignore", "inherit"] });
  children.push(child);
  return child;
}

interface Compared {
  readonly code: number | null;
  readonly err: string;
  readonly json: Readonly<Record<string, unknown>>;
}

function tidemark(host: string, ...args: string[]): Promise<Compared> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { env: environment(host) }, (_, stdout, stderr) => resolve({ code: child.exitCode, err: stderr, json: stdout === "" ? {} : (JSON.parse(stdout) as Compared["json"]) }));
  });
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

const storePath = (host: string): string => resolvedPath(new StoreDirectory(join(dataDir(host), "features")).current);

async function folded(host: string): Promise<number> {
  try {
    const store = openLmdbStore(storePath(host), { readonly: true });
    const sequence = store.cursor(STREAM_EVENTS)?.sequence ?? 0;
    await store.close();
    return sequence;
  } catch {
    return 0;
  }
}

/** What a host answers for each course; without what depends on when it is asked. */
async function prices(url: string, courses: readonly string[]): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (const course_id of courses) {
    const response = await fetch(`${url}/optimize_price`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ course_id }) });
    const { quote_id: _quote, freshness_ms: _age, ...answer } = (await response.json()) as Record<string, unknown>;
    answers.push(answer);
  }
  return answers;
}

async function serving(host: string): Promise<string> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  run(host, "serve", "--port", String(port), "--serve-workers", "1");
  await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200), { timeout: 20_000, interval: 100 });
  return url;
}

test("two hosts that folded at their own pace, one through kills, have the same state and prices, and a wrong one is found out", { timeout: 120_000 }, async () => {
  const [one, two] = [run("one", "ingest"), run("two", "ingest")];
  const published = publishHistory(broker, smallPlatform(), {});
  while ((await folded("two")) < 5_000) await systemClock.sleep(5);
  await end(two, "SIGKILL");
  const { total } = await published;
  const again = run("two", "ingest");
  while ((await folded("two")) < 20_000) await systemClock.sleep(5);
  // One host is left behind: it is brought to where the other stands.
  await end(again, "SIGKILL");
  while ((await folded("one")) < total) await systemClock.sleep(20);

  const compared = await tidemark("one", "snapshot", "verify", "--against", dataDir("two"), "--json");
  expect(compared.json).toMatchObject({ equal: true, sequence: total, sequence_before: total, first_difference: null });
  expect(compared.json["sequence_against_before"]).toBeLessThan(total);
  expect(compared.code).toBe(0);
  // For hosts that cannot see each other's disks.
  const at = ["--sequence", String(total), "--control-sequence", String(compared.json["control_sequence"]), "--offers-sequence", String(compared.json["offers_sequence"])];
  const digests = await Promise.all(["one", "two"].map((host) => tidemark(host, "snapshot", "digest", "--json", ...at)));
  expect(digests.map(({ json }) => json["digest"])).toEqual([compared.json["digest"], compared.json["digest"]]);
  expect(await tidemark("one", "snapshot", "digest", "--json", "--sequence", "5")).toMatchObject({ code: 2, err: expect.stringContaining(`--sequence ${total}`) as string });

  const last = run("two", "ingest");
  while ((await folded("two")) < total) await systemClock.sleep(20);
  const urls = [await serving("one"), await serving("two")];
  const random = new Prng("replicas");
  const courses = Array.from({ length: ASKED }, () => `C${String(1 + random.integer(100)).padStart(5, "0")}`);
  const [left, right] = await Promise.all(urls.map((url) => prices(url, courses)));
  expect(left).toEqual(right);
  expect(new Set(left!.map((answer) => (answer as { optimal_price: number }).optimal_price)).size).toBeGreaterThan(10);

  await end(last, "SIGTERM");
  await end(one, "SIGTERM");
  // As a disk may: one bit of one record.
  const store = openLmdbStore(storePath("two"), { readonly: false });
  const record = Uint8Array.from(store.get("learner", "L000007")!);
  record[record.length - 1]! ^= 1;
  store.commit((batch) => batch.put("learner", "L000007", record));
  await store.close();
  const wrong = await tidemark("one", "snapshot", "verify", "--against", dataDir("two"), "--json");
  expect(wrong.json).toMatchObject({ equal: false, first_difference: "events.learner L000007" });
  expect(wrong.code).toBe(2);
  expect(await tidemark("one", "snapshot", "verify", "--against", directory)).toMatchObject({ code: 2, err: expect.stringContaining("there is no feature store") as string });
});
