import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { experimentAnswerSchema, type ExperimentAnswer } from "../../contracts/experiment-api.ts";
import type { Event } from "../../contracts/events.ts";
import { personalizedAnswerSchema } from "../../contracts/quote.ts";
import { eventSubject } from "../../contracts/subjects.ts";
import { layoutIdentity } from "../../features/feature-set.ts";
import { openLmdbStore } from "../../features/lmdb-store.ts";
import { StoreDirectory } from "../../features/store-directory.ts";
import type { FeatureStore } from "../../features/store.ts";
import type { EmbeddedBroker } from "../../ingest/embedded-broker.ts";
import { runIngest } from "../../ingest/ingest.ts";
import type { Broker } from "../../ingest/nats.ts";
import { startTestBroker, type TestBroker } from "../../ingest/testing/test-broker.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { ServingMetrics } from "../metrics.ts";
import { ensureQuoteKeys, QUOTE_KEYS_FILE } from "../personal/quote-keyring.ts";
import { type ServingProcess, startServing } from "../serving-process.ts";

const LEARNERS = Array.from({ length: 40 }, (_, i) => `L${i}`);

let rig: TestBroker;
let directory: string;
let embedded: EmbeddedBroker;
let broker: Broker;
let store: FeatureStore;
let ingest: Promise<void>;
const stopIngest = new AbortController();
const servers: ServingProcess[] = [];

async function publish(event: Event): Promise<void> {
  await broker.publish(eventSubject(event), new TextEncoder().encode(JSON.stringify(event)), { message_id: event.id });
}

async function call(server: number, path: string, body?: object): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${servers[server]!.port}${path}`, body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  return { status: response.status, text: await response.text() };
}

async function read(server: number, experiment_id: string): Promise<ExperimentAnswer> {
  return experimentAnswerSchema.parse(JSON.parse((await call(server, `/experiments/${experiment_id}`)).text));
}

/** Asks again until the condition holds; the test's own time limit ends a wait in vain. */
async function until<Value>(ask: () => Promise<Value>, holds: (value: Value) => boolean): Promise<Value> {
  for (;;) {
    const value = await ask();
    if (holds(value)) return value;
    await sleep(100);
  }
}

beforeAll(async () => {
  rig = await startTestBroker("experiments");
  ({ directory, server: embedded, broker } = rig);
  const time = formatTime(Date.now() - 100 * DAY_MS);
  await publish({ id: "c1", type: "course.upserted", time, course_id: "c1", teacher_id: "t1", category: "programming", difficulty_level: "beginner", quality_tier: "basic", base_price: 100, launched_at: time });
  for (const learner_id of LEARNERS) await publish({ id: `u-${learner_id}`, type: "learner.upserted", time, learner_id, registered_at: time });
  store = openLmdbStore(new StoreDirectory(join(directory, "features")).prepare(layoutIdentity).path, { readonly: false });
  ingest = runIngest({ broker, store, logger: silentLogger, clock: systemClock, signal: stopIngest.signal });
  while ((store.cursor("EVENTS")?.sequence ?? 0) <= LEARNERS.length) await sleep(10);
  ensureQuoteKeys(join(directory, QUOTE_KEYS_FILE));
  for (const name of ["one", "two"]) {
    const metrics = new ServingMetrics();
    const config = { host: "127.0.0.1", port: 0, workers: 1, data_dir: directory, nats_url: embedded.url, version: "1.2.3", log_level: "silent" };
    servers.push(await startServing({ config, logger: silentLogger, clock: systemClock, name, metrics, metricsText: () => metrics.registry.metrics() }));
  }
});

afterAll(async () => {
  for (const server of servers) await server.drain();
  stopIngest.abort();
  await ingest;
  await store.close();
  await rig.stop();
});

const experiment = {
  unit: { kind: "learner" },
  arms: ["list", "engine"].map((name) => ({ name, weight: 1, price: { kind: name === "list" ? "list" : "active" } })),
  control_arm: "list",
  salt: "nats",
  metric: "revenue",
  minimum_effect: 1,
};

test("what one process starts, all follow: quotes of either are exposures that either counts, and of two starts one assigns", { timeout: 60_000 }, async () => {
  for (const [server, experiment_id] of [[0, "e1"], [1, "e2"]] as const) expect((await call(server, "/experiments", { experiment_id, experiment })).status).toBe(201);
  // Neither can see the other's start; CONTROL orders them.
  const started = await Promise.all([call(0, "/experiments/e1/start", {}), call(1, "/experiments/e2/start", {})]);
  expect(started.some(({ status }) => status === 200)).toBe(true);
  expect(started.every(({ status }) => status === 200 || status === 409)).toBe(true);
  const states = await Promise.all(["e1", "e2"].map((id) => read(0, id)));
  const assigning = states.find(({ phase, conflicts_with }) => phase === "running" && conflicts_with.length === 0);
  const { experiment_id } = assigning!;

  const arms = new Map<string, string>();
  const ask = async (server: number, learner_id: string): Promise<string> => {
    const { experiments } = personalizedAnswerSchema.parse(JSON.parse((await call(server, "/personalized_pricing", { learner_id, course_id: "c1" })).text));
    return experiments.map(({ id, arm }) => `${id}/${arm}`).join();
  };
  await until(() => ask(1, LEARNERS[0]!), (arm) => arm.startsWith(`${experiment_id}/`));
  for (const [i, learner_id] of LEARNERS.entries()) arms.set(learner_id, await ask(i % 2, learner_id));
  expect(new Set(arms.values())).toEqual(new Set([`${experiment_id}/list`, `${experiment_id}/engine`]));
  for (const [i, learner_id] of LEARNERS.entries()) expect(await ask((i + 1) % 2, learner_id)).toBe(arms.get(learner_id));

  const units = ({ results }: ExperimentAnswer): number => results!.arms.reduce((sum, arm) => sum + arm.units, 0);
  for (const server of [0, 1]) {
    const { results } = await until(() => read(server, experiment_id), (answer) => units(answer) === LEARNERS.length);
    for (const { name, units: own } of results!.arms) expect(own).toBe([...arms.values()].filter((arm) => arm === `${experiment_id}/${name}`).length);
  }

  const stopped = await call(1, `/experiments/${experiment_id}/stop`, { verdict: "enough" });
  expect(experimentAnswerSchema.parse(JSON.parse(stopped.text))).toMatchObject({ phase: "stopped", verdict: "enough" });
  await until(async () => (await read(0, experiment_id)).phase, (phase) => phase === "stopped");
});
