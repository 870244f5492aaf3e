import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BUCKET_MODELS, modelSubject, STREAM_CONTROL, STREAM_SIGNALS } from "../contracts/subjects.ts";
import { type TrainingRun, trainingSignalSchema } from "../contracts/training-run.ts";
import type { EmbeddedBroker } from "../ingest/embedded-broker.ts";
import type { Broker } from "../ingest/nats.ts";
import { startTestBroker, type TestBroker } from "../ingest/testing/test-broker.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { Prng } from "../lib/prng.ts";
import { elasticityFamily } from "../training/elasticity/elasticity-family.ts";
import { elasticityRegistry } from "../training/elasticity/evaluation-stage.ts";
import { runPipeline } from "../training/pipeline/pipeline.ts";
import { localRuns } from "../training/pipeline/run-directory.ts";
import { createTrainingPool, type TrainingPool } from "../training/pool.ts";
import { publishTestHistory } from "../training/testing.ts";

const MAIN = join(import.meta.dirname, "../../dist/src/main.js");
const random = new Prng("training kills");

let rig: TestBroker;
let directory: string;
let server: EmbeddedBroker;
let broker: Broker;
let environment: Record<string, string>;
let pool: TrainingPool;
let trainer: ChildProcess | undefined;

beforeAll(async () => {
  rig = await startTestBroker("train-kill");
  ({ directory, server, broker } = rig);
  await publishTestHistory(broker);
  pool = await createTrainingPool({ threads: 2, deadline_ms: 60_000 });
  environment = { PATH: process.env["PATH"] ?? "", TIDEMARK_NATS_URL: server.url, TIDEMARK_DATA_DIR: directory };
});

afterAll(async () => {
  if (trainer?.exitCode === null) trainer.kill("SIGKILL");
  await pool.close();
  await rig.stop();
});

function train(...args: string[]): ChildProcess {
  trainer = spawn(process.execPath, [MAIN, "pipeline", "run", "--json", ...args], { env: environment, stdio: ["ignore", "pipe", "ignore"] });
  return trainer;
}

async function killed(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
}

async function result(child: ChildProcess): Promise<TrainingRun> {
  let out = "";
  child.stdout!.on("data", (chunk: Buffer) => (out += chunk.toString()));
  await once(child, "close");
  return JSON.parse(out) as TrainingRun;
}

/** Resolves as soon as `found` does; fails when the trainer ends before. */
async function until(child: ChildProcess, found: () => Promise<boolean>): Promise<void> {
  while (!(await found())) {
    expect(child.exitCode).toBe(null);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** When a stage has begun, and a random moment later. */
async function inStage(child: ChildProcess, stage: string): Promise<void> {
  const started = await broker.streamInfo(STREAM_SIGNALS);
  let reached = false;
  const consumption = await broker.consume(STREAM_SIGNALS, { start_sequence: started!.last_sequence + 1 }, ({ data }) => {
    if (trainingSignalSchema.parse(JSON.parse(Buffer.from(data).toString())).stage === stage) reached = true;
  });
  await until(child, () => Promise.resolve(reached));
  await consumption.stop();
  await new Promise((resolve) => setTimeout(resolve, random.integer(150)));
}

const promotions = async (): Promise<number> => (await elasticityRegistry(broker).history()).length;
const stored = async (): Promise<string[]> => (await broker.listObjects(BUCKET_MODELS)).map(({ name }) => name);

/** Whatever CONTROL names can be loaded. */
async function expectLoadable(): Promise<void> {
  const registry = elasticityRegistry(broker);
  const promotion = await registry.promoted();
  const loaded = promotion && (await registry.load(promotion.version));
  expect(loaded?.digest).toBe(promotion?.digest);
}

const points: Record<string, (child: ChildProcess) => Promise<void>> = {
  data: (child) => inStage(child, "data"),
  training: (child) => inStage(child, "training"),
  // Between the artifact's storing and its promotion.
  "the artifact's storing": (child) => until(child, async () => (await stored()).length > 0),
  // Between the promotion and the run's own note of it.
  promotion: (child) => until(child, async () => (await broker.getMessage(STREAM_CONTROL, { last_by_subject: modelSubject("elasticity") })) !== undefined),
};

test("a trainer that is killed at any point leaves a registry that loads, and is gone on with to the same artifact, promoted once", { timeout: 300_000 }, async () => {
  const runs_dir = join(directory, "runs");
  for (const [i, [point, reach]] of Object.entries(points).entries()) {
    // Seeds whose model beats the naive forecast of this small platform.
    const seed = [1, 3, 5, 6][i]!;
    const child = train("--seed", String(seed));
    await reach(child);
    await killed(child);
    await expectLoadable();
    const [interrupted] = localRuns(runs_dir);
    expect(interrupted, point).toMatchObject({ active: false, run: { status: "running", attempts: 1 } });

    const run = await result(train("--resume", interrupted!.run.run_id));
    expect(run, point).toMatchObject({ status: "completed", attempts: 2, verdict: { promoted: true } });
    await expectLoadable();
    expect(await promotions(), point).toBe(1);
    // A run that nobody killed makes the same.
    const whole = await runPipeline(elasticityFamily, { broker, pool, runs_dir: join(directory, "whole"), seed, trigger: "hand", code_version: run.code_version, clock: systemClock, logger: silentLogger });
    expect(whole.artifact, point).toEqual(run.artifact);
    // The next point begins without a champion, and without models.
    const last = await broker.getMessage(STREAM_CONTROL, { last_by_subject: modelSubject("elasticity") });
    await broker.purge(STREAM_CONTROL, last!.sequence + 1);
    for (const name of await stored()) await broker.deleteObject(BUCKET_MODELS, name);
  }
});
