import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BUCKET_RUNS, eventSubject } from "../../contracts/subjects.ts";
import type { TrainingReport } from "../../contracts/training-run.ts";
import { startEmbeddedBroker, type EmbeddedBroker } from "../../ingest/embedded-broker.ts";
import { Broker } from "../../ingest/nats.ts";
import { ManualClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { DAY_MS } from "../../lib/time.ts";
import { compilePropensity } from "../../models/propensity/compiled-scorer.ts";
import type { PipelineOptions } from "../pipeline/begin-run.ts";
import { runPipeline } from "../pipeline/pipeline.ts";
import { createTrainingPool, type TrainingPool } from "../pool.ts";
import { propensityRegistry } from "./evaluation-stage.ts";
import { propensityFamily } from "./propensity-family.ts";
import { learnerStories, START_MS } from "./testing.ts";

const folder = mkdtempSync(join(tmpdir(), "tidemark-propensity-"));
let server: EmbeddedBroker;
let broker: Broker;
let pool: TrainingPool;

beforeAll(async () => {
  server = await startEmbeddedBroker({ data_dir: folder, logger: silentLogger });
  broker = await Broker.connect({ url: server.url, name: "propensity-test" });
  await broker.ensureStreams();
  pool = await createTrainingPool({ threads: 2, deadline_ms: 60_000, backend: "wasm" });
  const bulk = broker.bulkPublisher({ window: 500 });
  for (const { event } of learnerStories({ learners: 300, days: 300, seed: "stream" })) await bulk.publish(eventSubject(event, "backfill"), new TextEncoder().encode(JSON.stringify(event)), event.id);
  await bulk.flush();
});

afterAll(async () => {
  await pool?.close();
  await broker?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function train(change: Partial<PipelineOptions> = {}): Promise<TrainingReport> {
  const options: PipelineOptions = { broker, pool, runs_dir: join(folder, "runs"), seed: 7, trigger: "hand", code_version: "test", clock: new ManualClock(START_MS + 400 * DAY_MS), logger: silentLogger };
  return runPipeline(propensityFamily, { ...options, ...change });
}

test("a run goes from the stream through six stages to a promoted artifact; the same again is that artifact, and no challenger to itself", { timeout: 90_000 }, async () => {
  const report = await train();
  expect(report.checks.filter(({ status }) => status === "fail")).toEqual([]);
  expect(report.stages.map(({ status }) => status)).toEqual(["done", "done", "done", "done", "done", "done"]);
  expect(report.verdict).toMatchObject({ promoted: true, reason: expect.stringContaining("beats the naive forecasts") });
  expect(report.verdict!.comparisons.map(({ opponent, metric }) => [opponent, metric])).toEqual([["the hand scores, calibrated", "log_loss"], ["the base rates", "log_loss"]]);
  expect(report.analysis.calibration.map(({ candidate }) => candidate.split(":")[0])).toEqual(["enrollment", "churn", "completion", "upsell"]);
  const promotion = (await propensityRegistry(broker).promoted())!;
  expect(promotion).toMatchObject({ family: "propensity", digest: report.artifact!.digest, run_id: report.run_id });
  const stored = await propensityRegistry(broker).load(promotion.version);
  expect(compilePropensity(stored.bytes, promotion.digest).version).toBe(promotion.version);
  const text = new TextDecoder().decode(await broker.getObject(BUCKET_RUNS, `${report.run_id}/report.txt`));
  expect(text).toContain("churn: boosting");
  expect(text).toMatch(/log loss +AUC/);

  const again = await train({ clock: new ManualClock(START_MS + 410 * DAY_MS) });
  expect(again.artifact!.digest).toBe(report.artifact!.digest);
  expect(again.verdict).toMatchObject({ promoted: false, reason: expect.stringContaining("is the champion") });
});
