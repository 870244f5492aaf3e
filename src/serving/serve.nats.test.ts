import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Event } from "../contracts/events.ts";
import type { OptimizeAnswer } from "../contracts/api.ts";
import type { PolicyMessage } from "../contracts/control.ts";
import { policySchema } from "../contracts/policy.ts";
import { BUCKET_MODELS, controlSubject, eventSubject, STREAM_QUOTES } from "../contracts/subjects.ts";
import { layoutIdentity } from "../features/feature-set.ts";
import { openLmdbStore } from "../features/lmdb-store.ts";
import { StoreDirectory } from "../features/store-directory.ts";
import type { FeatureStore } from "../features/store.ts";
import { promoteModel } from "../ingest/control.ts";
import { startEmbeddedBroker } from "../ingest/embedded-broker.ts";
import type { EmbeddedBroker } from "../ingest/embedded-broker.ts";
import { runIngest } from "../ingest/ingest.ts";
import { Broker } from "../ingest/nats.ts";
import { must } from "../lib/assert.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import { artifactDigest, encodeArtifact } from "../models/compiled.ts";
import { startServeProcess } from "./serve-process-testing.ts";
import { runServeRole } from "./server.ts";
import { testArtifact } from "./testing.ts";

let directory: string;
let embedded: EmbeddedBroker;
let port: number;
let broker: Broker;
let store: FeatureStore;
let ingest: Promise<void>;
const stopIngest = new AbortController();
let eventId = 0;

async function publish(event: Event): Promise<void> {
  await broker.publish(eventSubject(event), new TextEncoder().encode(JSON.stringify(event)), { message_id: event.id });
}

async function enroll(course_id: string, price: number): Promise<void> {
  const id = `n${eventId++}`;
  await publish({ id, type: "enrollment.created", time: formatTime(Date.now()), enrollment_id: id, course_id, learner_id: "l1", price });
}

async function promote(version: string): Promise<void> {
  const bytes = encodeArtifact(testArtifact(version));
  const artifact = `elasticity/${version}`;
  await broker.putObject(BUCKET_MODELS, artifact, bytes);
  await promoteModel(broker, { type: "model.promoted", time: formatTime(Date.now()), family: "elasticity", artifact, digest: artifactDigest(bytes), version, reason: "test" });
}

async function say(message: PolicyMessage): Promise<void> {
  await broker.publish(controlSubject("policy", message.policy_id), new TextEncoder().encode(JSON.stringify(message)), {});
}

/** Posts on a connection of its own unless told otherwise, so that calls spread over the workers. */
function post(url: string, body: object, agent: Agent | false = false): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", agent, headers: { "content-type": "application/json" } }, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: answer }), reject);
    });
    sent.on("error", reject);
    sent.end(JSON.stringify(body));
  });
}

/** Waits until QUOTES holds the decisions. */
async function waitRecorded(ids: ReadonlySet<string>): Promise<void> {
  const missing = new Set(ids);
  const consumption = await broker.consume(STREAM_QUOTES, { start_sequence: 1 }, ({ data }) => {
    missing.delete((JSON.parse(new TextDecoder().decode(data)) as { id: string }).id);
  });
  while (missing.size > 0) await sleep(10);
  await consumption.stop();
}

/** Asks again until the condition holds; the test's own time limit ends a wait in vain. */
async function until<Value>(ask: () => Promise<Value>, holds: (value: Value) => boolean): Promise<Value> {
  for (;;) {
    const value = await ask().catch(() => undefined);
    if (value !== undefined && holds(value)) return value;
    await sleep(25);
  }
}

class Served {
  readonly process: ChildProcess;
  readonly url: string;
  /** Prices asked for. */
  asked = 0;

  private constructor(process: ChildProcess, url: string) {
    this.process = process;
    this.url = url;
  }

  static async start(workers: number, data_dir = directory): Promise<Served> {
    const { process, url } = await startServeProcess(directory, { workers, data_dir, nats_url: embedded.url });
    return new Served(process, url);
  }

  async quote(course_id: string): Promise<OptimizeAnswer> {
    const { status, body } = await post(`${this.url}/optimize_price`, { course_id });
    if (status !== 200) throw new Error(`${status}: ${body}`);
    this.asked++;
    return JSON.parse(body) as OptimizeAnswer;
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.url}/metrics`)).text();
  }

  async workerPids(): Promise<number[]> {
    const { pid } = this.process;
    return (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim().split(/\s+/).filter(Boolean).map(Number);
  }

  async stop(): Promise<number | null> {
    const exited = once(this.process, "exit") as Promise<[number | null]>;
    this.process.kill("SIGTERM");
    const [code] = await exited;
    return code;
  }
}

/** The sum of the metric lines that begin like this. */
function figure(metrics: string, start: string): number {
  return metrics
    .split("\n")
    .filter((line) => line.startsWith(start))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-serve-"));
  embedded = await startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger });
  port = Number(new URL(embedded.url).port);
  broker = await Broker.connect({ url: embedded.url, name: "test" });
  await broker.ensureStreams();
  const launched_at = formatTime(Date.now() - 100 * DAY_MS);
  for (const course_id of ["c1", "c2"]) {
    await publish({ id: `u-${course_id}`, type: "course.upserted", time: launched_at, course_id, teacher_id: "t1", category: "programming", difficulty_level: "beginner", quality_tier: "basic", base_price: 100, launched_at });
  }
  await promote("v1");
  store = openLmdbStore(new StoreDirectory(join(directory, "features")).prepare(layoutIdentity).path, { readonly: false });
  ingest = runIngest({ broker, store, logger: silentLogger, clock: systemClock, signal: stopIngest.signal });
  while (store.champion("elasticity") === undefined || (store.cursor("EVENTS")?.sequence ?? 0) < 2) await sleep(10);
});

afterAll(async () => {
  stopIngest.abort();
  await ingest;
  await store.close();
  await broker.close();
  await embedded.stop();
  await rm(directory, { recursive: true, force: true });
});

describe("the serve role on real parts", () => {
  test("prices, counts, follows events and models, and survives the loss of a worker and of the broker", { timeout: 60_000 }, async () => {
    const served = await Served.start(2);
    try {
      const first = await served.quote("c1");
      expect(first).toMatchObject({ model: "v1", current_price: 100 });
      expect(first.degraded).toBeUndefined();

      await enroll("c1", 120);
      const moved = await until(() => served.quote("c1"), (answer) => answer.quote_id !== first.quote_id);
      expect(moved.degraded).toBeUndefined();

      await promote("v2");
      await until(() => served.quote("c1"), (answer) => answer.model === "v2");
      for (const [action, version] of [["rollback", "v1"], ["promote", "v2"]] as const) {
        const changed = await post(`${served.url}/models/elasticity/${action}`, { reason: "test", ...(action === "promote" ? { version } : {}) });
        expect(JSON.parse(changed.body)).toMatchObject({ version, author: "local" });
        await until(() => served.quote("c1"), (answer) => answer.model === version);
      }

      // Whichever worker is asked, it answers for all.
      for (let i = 0; i < 20; i++) await served.quote("c2");
      for (let i = 0; i < 4; i++) {
        const metrics = await served.metrics();
        expect(figure(metrics, 'tidemark_http_request_duration_seconds_count{method="POST",route="/optimize_price"')).toBe(served.asked);
        expect(metrics).toContain('tidemark_degraded{reason="broker_unreachable"} 0');
      }

      const before = await served.workerPids();
      expect(before.length).toBe(2);
      process.kill(must(before[0], "a worker"), "SIGKILL");
      await until(
        () => served.workerPids(),
        (pids) => pids.length === 2 && !pids.includes(before[0]!),
      );
      await until(() => served.quote("c1"), (answer) => answer.degraded === undefined);

      await embedded.stop();
      const alone = await until(() => served.quote("c1"), (answer) => answer.degraded?.includes("broker_unreachable") ?? false);
      expect(alone.model).toBe("v2");
      embedded = await startEmbeddedBroker({ data_dir: join(directory, "nats"), port, logger: silentLogger });
      await until(() => served.quote("c1"), (answer) => answer.degraded === undefined);
      const batch = await post(`${served.url}/price_batch`, { course_ids: ["c1", "c2"] });
      const { batch_id } = JSON.parse(batch.body) as { batch_id: string };
      // Decisions that were made without a broker arrive, too.
      await waitRecorded(new Set([first.quote_id, moved.quote_id, alone.quote_id, batch_id]));
      expect(figure(await served.metrics(), "tidemark_decisions_dropped_total")).toBe(0);
    } finally {
      expect(await served.stop()).toBe(0);
    }
  });

  test("stops without failing a request, and leaves every decision recorded", { timeout: 30_000 }, async () => {
    const served = await Served.start(1);
    const seen = new Set<string>();
    const progress = { answered: 0, stopping: false, closed_early: 0 };
    // Each client keeps asking on its connection until an answer tells it to close: nothing that was accepted may fail.
    const client = async (i: number): Promise<void> => {
      for (let n = 0; ; n++) {
        const response = await fetch(`${served.url}/optimize_price`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ course_id: "c1", current_price: 50 + ((i * 31 + n) % 100) }),
        });
        if (response.status !== 200) throw new Error(`${response.status}`);
        seen.add(((await response.json()) as OptimizeAnswer).quote_id);
        progress.answered++;
        if (response.headers.get("connection") !== "close") continue;
        if (!progress.stopping) progress.closed_early++;
        return;
      }
    };
    const clients = Array.from({ length: 8 }, (_, i) => client(i));
    // One worker is the role's own process: it cannot be replaced, and goes on.
    served.process.kill("SIGUSR2");
    while (progress.answered < 200) await sleep(5);
    progress.stopping = true;
    const code = served.stop();
    served.process.kill("SIGUSR2");
    await Promise.all(clients);
    expect(await code).toBe(0);
    expect(progress.closed_early).toBe(0);
    expect(seen.size).toBeGreaterThan(50);
    await waitRecorded(seen);
  });

  test("a new model, a new policy and new workers take their places under load, and no request fails", { timeout: 90_000 }, async () => {
    const served = await Served.start(2);
    const seen = { models: new Set<string>(), policies: new Set<string>() };
    const failures: string[] = [];
    const progress = { answered: 0, over: false };
    const client = async (i: number): Promise<void> => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let n = 0; !progress.over; n++) {
        const asked = await post(`${served.url}/optimize_price`, { course_id: "c1", current_price: 50 + ((i * 31 + n) % 100) }, agent).catch((error: Error) => ({ status: 0, body: error.message }));
        progress.answered++;
        if (asked.status !== 200) {
          failures.push(`${asked.status}: ${asked.body}`);
          continue;
        }
        const { model, policy } = JSON.parse(asked.body) as OptimizeAnswer;
        seen.models.add(model);
        seen.policies.add(policy);
      }
      agent.destroy();
    };
    /** All of the load's clients have been answered by whoever answers now. */
    const more = async (): Promise<void> => {
      const from = progress.answered;
      while (progress.answered < from + 200) await sleep(5);
    };
    const clients = Array.from({ length: 16 }, (_, i) => client(i));
    try {
      await more();
      await promote("v-swap");
      await until(async () => seen.models, (models) => models.has("v-swap"));
      const about = { time: formatTime(Date.now()), author: "test", reason: "test", policy_id: "swapped", revision: 1 };
      await say({ type: "policy.drafted", ...about, policy: policySchema.parse({}) });
      await say({ type: "policy.activated", ...about });
      await until(async () => seen.policies, (policies) => policies.has("swapped-1"));
      const before = await served.workerPids();
      served.process.kill("SIGUSR2");
      await until(
        () => served.workerPids(),
        (pids) => pids.length === 2 && !pids.some((pid) => before.includes(pid)),
      );
      await more();
    } finally {
      progress.over = true;
      await Promise.all(clients);
      expect(await served.stop()).toBe(0);
    }
    expect(failures).toEqual([]);
    expect(progress.answered).toBeGreaterThan(500);
  });

  test("new workers take their places while the primary is slow, and no new connection is lost on the way to an old one", { timeout: 90_000 }, async () => {
    const served = await Served.start(2);
    const progress = { answered: 0, over: false };
    const failures: string[] = [];
    const client = async (): Promise<void> => {
      while (!progress.over) {
        const asked = await Promise.race([post(`${served.url}/optimize_price`, { course_id: "c1" }).catch((error: Error) => ({ status: 0, body: error.message })), sleep(10_000, { status: 0, body: "no answer" }, { ref: false })]);
        progress.answered++;
        if (asked.status !== 200) failures.push(`${asked.status}: ${asked.body}`);
      }
    };
    const clients = Array.from({ length: 16 }, client);
    try {
      for (let round = 0; round < 3; round++) {
        const before = await served.workerPids();
        served.process.kill("SIGUSR2");
        for (let replaced = false; !replaced; ) {
          served.process.kill("SIGSTOP");
          await sleep(150);
          served.process.kill("SIGCONT");
          await sleep(25);
          const pids = await served.workerPids();
          replaced = pids.length === 2 && !pids.some((pid) => before.includes(pid));
        }
      }
    } finally {
      progress.over = true;
      await Promise.all(clients);
      expect(await served.stop()).toBe(0);
    }
    expect(failures).toEqual([]);
    expect(progress.answered).toBeGreaterThan(500);
  });

  test("starts without a feature store, says so, and prices once there is one", { timeout: 30_000 }, async () => {
    const data_dir = join(directory, "later");
    const served = await Served.start(1, data_dir);
    try {
      const ready = (): Promise<Response> => fetch(`${served.url}/readyz`);
      expect((await ready()).status).toBe(503);
      const refused = await post(`${served.url}/optimize_price`, { course_id: "c1" });
      expect(refused.status).toBe(503);
      expect(JSON.parse(refused.body)).toMatchObject({ code: "features_unavailable" });
      const late = openLmdbStore(new StoreDirectory(join(data_dir, "features")).prepare(layoutIdentity).path, { readonly: false });
      const stop = new AbortController();
      const folding = runIngest({ broker, store: late, logger: silentLogger, clock: systemClock, signal: stop.signal });
      await until(ready, (response) => response.status === 200);
      await until(() => served.quote("c1"), (answer) => answer.degraded === undefined);
      stop.abort();
      await folding;
      await late.close();
    } finally {
      expect(await served.stop()).toBe(0);
    }
  });

  test("a taken port and an open address stop the start", async () => {
    const served = await Served.start(1);
    const taken = new URL(served.url).port;
    const options = { workers: 1, data_dir: join(directory, "none"), nats_url: embedded.url, version: "0", log_level: "silent", logger: silentLogger, clock: systemClock, signal: new AbortController().signal };
    await expect(runServeRole({ ...options, host: "127.0.0.1", port: Number(taken) })).rejects.toMatchObject({ code: "address_in_use" });
    for (const host of ["0.0.0.0", "::", "192.168.1.4", "127.0.0.1.example.com"]) {
      await expect(runServeRole({ ...options, host, port: 0 })).rejects.toMatchObject({ code: "insecure_bind" });
    }
    expect(await served.stop()).toBe(0);
  });
});
