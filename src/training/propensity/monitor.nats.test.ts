import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BUCKET_MODELS } from "../../contracts/subjects.ts";
import { promoteModel } from "../../ingest/control.ts";
import { startEmbeddedBroker, type EmbeddedBroker } from "../../ingest/embedded-broker.ts";
import { Broker } from "../../ingest/nats.ts";
import { must } from "../../lib/assert.ts";
import { ManualClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { publishHistory } from "../../simulator/publish-history.ts";
import { smallPlatform } from "../../simulator/test-platform.ts";
import { localRuns } from "../pipeline/run-directory.ts";
import { fixRange } from "../stream-range.ts";
import { runTrainRole } from "../train-role.ts";
import { replayPropensityDataset } from "./dataset.ts";
import { propensityRegistry } from "./evaluation-stage.ts";
import { HEALTH_OBJECT, readHealth, writeHealth } from "./health-store.ts";
import { championOf } from "./health-testing.ts";
import { type HealthCheck, PropensityMonitor } from "./monitor.ts";

const config = smallPlatform({ learners: 600, enrollments: 3_500, weeks: 45, late_share: 0 });
const folder = mkdtempSync(join(tmpdir(), "tidemark-monitor-"));
const clock = new ManualClock(config.end_ms + DAY_MS);
let server: EmbeddedBroker;
let broker: Broker;

beforeAll(async () => {
  server = await startEmbeddedBroker({ data_dir: folder, logger: silentLogger });
  broker = await Broker.connect({ url: server.url, name: "monitor-test" });
  await broker.ensureStreams();
}, 60_000);

afterAll(async () => {
  await broker?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("there is nothing to watch without a champion, nor without events; then the champion's record is there, and a breach opens one retrain", { timeout: 120_000 }, async () => {
  const monitor = new PropensityMonitor({ broker, clock, logger: silentLogger });
  expect(await monitor.check()).toBeUndefined();
  await publishHistory(broker, config, {});
  expect(await monitor.check()).toBeUndefined();
  expect(await readHealth(broker)).toBeUndefined();

  const dataset = await replayPropensityDataset(broker, await fixRange(broker), () => undefined);
  const { bytes } = championOf(dataset, config.end_ms - 70 * DAY_MS);
  const registry = propensityRegistry(broker);
  await registry.promote(await registry.store(bytes), { time: formatTime(clock.now_ms()), reason: "test" }, 0);
  const first = must(await monitor.check(), "a check");
  expect(first.health).toMatchObject({ model_version: "v-test", fitted_to: formatTime(config.end_ms - 70 * DAY_MS), time: formatTime(clock.now_ms()) });
  expect(first.health.dimensions[0]!.auc).toBeGreaterThan(0.7);
  expect(await readHealth(broker)).toEqual(first.health);
  expect(await monitor.metrics.registry.metrics()).toContain("tidemark_propensity_live_auc{dimension=\"enrollment\"}");

  // As it would be had nothing been breached yet, and were the champion worse than it was in training.
  const breached = first.health.breaches.length > 0;
  expect(first.opens_retrain).toBe(breached);
  await writeHealth(broker, { ...first.health, retrain_opened_for: "v-test" });
  const again = must(await monitor.check(), "a check");
  expect(again.opens_retrain).toBe(false);
  expect(again.health).toEqual({ ...first.health, retrain_opened_for: "v-test" });

  await broker.putObject(BUCKET_MODELS, HEALTH_OBJECT, new TextEncoder().encode("{\"format\": 99}"));
  expect(await readHealth(broker)).toBeUndefined();
  expect(must(await monitor.check(), "a check").opens_retrain).toBe(breached);
});

test("a breach has the propensity family trained at once, and no other", { timeout: 120_000 }, async () => {
  const promotion = { type: "model.promoted", family: "elasticity", artifact: "elasticity/v1", digest: "0".repeat(64), version: "v1", time: formatTime(clock.now_ms()), reason: "test" } as const;
  await promoteModel(broker, promotion, 0);
  const end = new AbortController();
  const answers = [{ opens_retrain: true }, { opens_retrain: false }] as HealthCheck[];
  const runs_dir = join(folder, "runs");
  const runsAtCheck: number[] = [];
  const check = (): Promise<HealthCheck | undefined> => {
    runsAtCheck.push(localRuns(runs_dir).length);
    if (runsAtCheck.length === 2) end.abort();
    return Promise.resolve(answers.shift());
  };
  const idle = { now_ms: () => clock.now_ms(), sleep: () => Promise.resolve() };
  await runTrainRole({ broker, runs_dir, logger: silentLogger, clock: idle, interval_ms: 30 * DAY_MS, seed: 1, backend: "wasm", code_version: "test", signal: end.signal, monitor: { check } });
  expect(runsAtCheck).toEqual([0, 1]);
  expect(localRuns(runs_dir).map(({ run }) => [run.family, run.trigger, run.status])).toEqual([["propensity", "schedule", "completed"]]);
});
