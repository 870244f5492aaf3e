import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ModelPromoted } from "../contracts/control.ts";
import { BUCKET_MODELS, BUCKET_RUNS, modelSubject, STREAM_CONTROL, STREAM_SIGNALS } from "../contracts/subjects.ts";
import { trainingReportSchema, type TrainingReport, trainingSignalSchema } from "../contracts/training-run.ts";
import { learnerNames } from "../contracts/worker-protocol.ts";
import { ControlWriter } from "../features/control-writer.ts";
import { MemoryStore } from "../features/memory-store.ts";
import { promoteModel } from "../ingest/control.ts";
import { startEmbeddedBroker, type EmbeddedBroker } from "../ingest/embedded-broker.ts";
import { Broker } from "../ingest/nats.ts";
import { readStream } from "../ingest/read-stream.ts";
import { ManualClock } from "../lib/clock.ts";
import { silentLogger, type Logger } from "../lib/log.ts";
import { DAY_MS, formatTime, HOUR_MS } from "../lib/time.ts";
import { artifactDigest, compileArtifact } from "../models/compiled.ts";
import { replayDataset } from "./dataset.ts";
import { elasticityFamily } from "./elasticity/elasticity-family.ts";
import { elasticityRegistry } from "./elasticity/evaluation-stage.ts";
import { importedArtifactFamily, importedModelFamily } from "./elasticity/import-family.ts";
import type { PipelineOptions } from "./pipeline/begin-run.ts";
import { runPipeline } from "./pipeline/pipeline.ts";
import { localRuns } from "./pipeline/run-directory.ts";
import { createTrainingPool, type TrainingPool } from "./pool.ts";
import { type ByHand, pin, promoteByHand, rollBack } from "../ingest/models/registry-actions.ts";
import { fixRange } from "./stream-range.ts";
import { ELASTICITY, publishTestHistory, START_MS } from "./testing.ts";
import { runTrainRole } from "./train-role.ts";

const folder = mkdtempSync(join(tmpdir(), "tidemark-training-"));
const runs_dir = join(folder, "runs");
let server: EmbeddedBroker;
let broker: Broker;
let pool: TrainingPool;

beforeAll(async () => {
  server = await startEmbeddedBroker({ data_dir: folder, logger: silentLogger });
  broker = await Broker.connect({ url: server.url, name: "training-test" });
  await broker.ensureStreams();
  pool = await createTrainingPool({ threads: 2, deadline_ms: 60_000, backend: "wasm" });
});

afterAll(async () => {
  await pool?.close();
  await broker?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const options = (change: Partial<PipelineOptions> = {}): PipelineOptions => ({ broker, pool, runs_dir, seed: 7, trigger: "hand", code_version: "test", clock: new ManualClock(START_MS + 400 * DAY_MS), logger: silentLogger, ...change });
const train = (change: Partial<PipelineOptions> = {}): Promise<TrainingReport> => runPipeline(elasticityFamily, options(change));
const promoted = (): Promise<ModelPromoted | undefined> => elasticityRegistry(broker).promoted();

/** Whatever CONTROL names now is there, whole, and can be served. */
async function expectLoadable(): Promise<string | undefined> {
  const store = new MemoryStore();
  const control = new ControlWriter(store);
  await readStream(broker, STREAM_CONTROL, {}, ({ subject, data, sequence }) => control.apply(subject, data, sequence));
  control.commit({ stream_created: "", sequence: 0, message_hash: "" });
  const champion = store.champion("elasticity");
  if (champion === undefined) return undefined;
  compileArtifact((await broker.getObject(BUCKET_MODELS, champion.artifact))!, champion.digest);
  return champion.digest;
}

test("an empty stream is too little data, and the role goes on until it is told to stop", async () => {
  await expect(train()).rejects.toMatchObject({ code: "too_little_data" });
  const stop = new AbortController();
  const failures: object[] = [];
  const logger: Logger = { ...silentLogger, error: (fields) => void (failures.push(fields) === 2 && stop.abort()) };
  await runTrainRole({ broker, runs_dir, logger, clock: { now_ms: () => START_MS, sleep: () => Promise.resolve() }, interval_ms: 1000, seed: 1, signal: stop.signal });
  expect(failures).toMatchObject([{ code: "too_little_data" }, { code: "too_little_data" }]);
});

test("a run goes through six stages, promotes, and the artifact that serving loads falls with price", { timeout: 60_000 }, async () => {
  await publishTestHistory(broker);
  const progress: [string, number, number][] = [];
  const report = await train({ onProgress: (...step) => progress.push(step) });
  expect(report.verdict).toMatchObject({ promoted: true, reason: expect.stringMatching(/deviance .*skill .*held out; beats the naive forecasts$/) });
  expect(report.verdict!.comparisons.map(({ opponent, passed }) => [opponent, passed])).toEqual([["the trailing conversion", true], ["the seasonal naive forecast (4 weeks before)", true], ["the category mean", true]]);
  expect(report.stages.map(({ name, status }) => [name, status])).toEqual(["data", "understanding", "preparation", "training", "evaluation", "report"].map((name) => [name, "done"]));
  expect(progress.map(([phase]) => phase)).toContain("replay");
  for (const [, done, total] of progress) expect(done).toBeLessThanOrEqual(total);
  expect(report.checks.filter(({ status }) => status === "fail")).toEqual([]);
  expect(report.checks.find(({ name }) => name === "quality.refused")).toMatchObject({ status: "ok", detail: expect.stringContaining("1 not_json") });
  expect(report.candidates.map(({ name }) => name)).toEqual(learnerNames);
  for (const candidate of report.candidates) {
    expect(candidate.slices.map(({ value }) => value)).toEqual(["k0", "k1", "k2"]);
    expect(candidate.slices.reduce((sum, { rows }) => sum + rows, 0)).toBe(candidate.forward.rows);
  }
  expect(report.candidates.filter(({ selected }) => selected)).toHaveLength(1);

  const message = (await promoted())!;
  expect(message).toMatchObject({ family: "elasticity", digest: report.artifact!.digest, artifact: report.artifact!.name, version: report.artifact!.version, run_id: report.run_id, trained_at: report.started_at });
  expect(Object.keys(message.training_seconds!)).toEqual([...learnerNames]);
  const model = compileArtifact((await broker.getObject(BUCKET_MODELS, message.artifact))!, message.digest);
  expect(model.artifact.lineage).toMatchObject({ seed: 7, stream: "EVENTS", first_sequence: 1, code_version: "test", data_from: formatTime(START_MS) });
  expect(model.version.startsWith(model.artifact.lineage.data_to.replaceAll(/[-:.]/g, ""))).toBe(true);

  const { rows } = await replayDataset(broker, await fixRange(broker), () => undefined);
  let falls = 0;
  for (const { view } of rows.slice(-40)) {
    let before = model.conversionRate(view, Math.log(20));
    for (let log_price = Math.log(20); log_price < Math.log(800); log_price += 0.02) {
      const rate = model.conversionRate(view, log_price);
      expect(rate).toBeLessThanOrEqual(before);
      if (rate < before) falls++;
      before = rate;
    }
  }
  expect(falls).toBeGreaterThan(0);
  const { global } = model.artifact.elasticity;
  expect(global.identified).toBe(true);
  expect(Math.abs(global.value - ELASTICITY)).toBeLessThan(3 * global.se);
  expect(global.se).toBeLessThan(0.7);

  // What was made of it is in the object store, in every form, and an admin page could have watched.
  const stored = trainingReportSchema.parse(JSON.parse(new TextDecoder().decode(await broker.getObject(BUCKET_RUNS, `${report.run_id}/report.json`))));
  expect(stored).toEqual(report);
  expect(new TextDecoder().decode(await broker.getObject(BUCKET_RUNS, `${report.run_id}/report.txt`))).toContain(report.verdict!.reason);
  const { analysis } = report;
  expect(analysis.categories.map(({ category, courses }) => [category, courses])).toEqual([["k0", 14], ["k1", 13], ["k2", 13]]);
  for (const { elasticity } of analysis.categories) expect(elasticity?.identified).toBe(true);
  expect(analysis.curves.map(({ category }) => category).toSorted()).toEqual(["k0", "k1", "k2"]);
  for (const { points } of analysis.curves) for (const { enrollments, enrollments_ci95 } of points) expect(enrollments_ci95[0] <= enrollments && enrollments <= enrollments_ci95[1]).toBe(true);
  const signals: string[] = [];
  await readStream(broker, STREAM_SIGNALS, {}, ({ subject, data }) => {
    const signal = trainingSignalSchema.parse(JSON.parse(new TextDecoder().decode(data)));
    expect(subject).toBe(`signals.training.${report.run_id}`);
    signals.push(`${signal.stage} ${signal.status}`);
  });
  expect([...new Set(signals)]).toEqual(["data running", "understanding running", "preparation running", "training running", "evaluation running", "report running", "report completed"]);
});

test("equal events and seed give an equal artifact, whenever, which does not beat itself; another seed differs, and all are kept", { timeout: 60_000 }, async () => {
  const champion = (await promoted())!;
  const before = await broker.getMessage(STREAM_CONTROL, { last_by_subject: modelSubject("elasticity") });
  const again = await train({ clock: new ManualClock(START_MS + 500 * DAY_MS) });
  expect(again.artifact).toMatchObject({ digest: champion.digest, version: champion.version });
  expect(again.verdict).toMatchObject({ promoted: false, reason: expect.stringContaining(`is the champion ${champion.version} already`) });
  const other = await train({ clock: new ManualClock(START_MS + 501 * DAY_MS), seed: 8 });
  expect(other.artifact!.digest).not.toBe(champion.digest);
  expect(other.verdict).toMatchObject({ promoted: false, reason: expect.stringContaining(`does not beat the champion ${champion.version} by 0.1 %`) });
  expect((await broker.getMessage(STREAM_CONTROL, { last_by_subject: modelSubject("elasticity") }))?.sequence).toBe(before?.sequence);
  expect((await elasticityRegistry(broker).list()).map(({ version }) => version).toSorted()).toEqual([champion.version, other.artifact!.version].toSorted());
});

test("a stopped run stays, and the role goes on with its own at the stage that it was in, to the same artifact", { timeout: 60_000 }, async () => {
  const champion = (await promoted())!;
  const stop = new AbortController();
  const stopped = train({ trigger: "schedule", signal: stop.signal, clock: new ManualClock(START_MS + 510 * DAY_MS), onProgress: (step, done) => void (step === "fit" && done > 0 && stop.abort()) });
  await expect(stopped).rejects.toMatchObject({ code: "training_aborted", message: expect.stringContaining("--resume") });
  const [interrupted] = localRuns(runs_dir);
  expect(interrupted).toMatchObject({ active: false, run: { status: "running", attempts: 1 } });
  const run_id = interrupted!.run.run_id;
  expect(readdirSync(join(runs_dir, run_id)).toSorted()).toEqual(["data", "preparation", "run.json", "understanding"]);
  // More events: the run does not see them.
  await broker.publish("backfill.exposure.c1", new TextEncoder().encode(JSON.stringify({ id: "late", type: "exposure.viewed", time: formatTime(START_MS + 166.7 * DAY_MS), course_id: "c1", learner_id: "l1", price: 60 })));
  await expect(train({ resume: run_id, code_version: "newer" })).rejects.toMatchObject({ code: "other_version" });

  const end = new AbortController();
  const clock = { now_ms: () => START_MS + 511 * DAY_MS, sleep: () => Promise.resolve(end.abort()) };
  await runTrainRole({ broker, runs_dir, logger: silentLogger, clock, interval_ms: 2 * DAY_MS, seed: 99, backend: "wasm", code_version: "test", signal: end.signal });
  const resumed = localRuns(runs_dir).find(({ run }) => run.run_id === run_id)!.run;
  expect(resumed).toMatchObject({ status: "completed", attempts: 2, seed: 7, artifact: { digest: champion.digest } });
  await expect(train({ resume: run_id })).rejects.toMatchObject({ code: "run_ended" });
  await expect(train({ resume: "nothing" })).rejects.toMatchObject({ code: "unknown_run" });
});

test("a run that was interrupted too long ago is given up for one on the events of now", { timeout: 60_000 }, async () => {
  const stop = new AbortController();
  await expect(train({ trigger: "schedule", signal: stop.signal, clock: new ManualClock(START_MS + 520 * DAY_MS), onProgress: () => stop.abort() })).rejects.toMatchObject({ code: "training_aborted" });
  const end = new AbortController();
  const clock = { now_ms: () => START_MS + 521 * DAY_MS, sleep: () => Promise.resolve(end.abort()) };
  await runTrainRole({ broker, runs_dir, logger: silentLogger, clock, interval_ms: HOUR_MS, seed: 7, code_version: "test", signal: end.signal });
  const runs = localRuns(runs_dir).map(({ run }) => run);
  const [next, before] = runs.filter(({ family }) => family === "elasticity");
  expect(before).toMatchObject({ status: "failed", trigger: "schedule", failure: { stage: "data", code: "superseded" } });
  expect(next).toMatchObject({ status: "completed", trigger: "schedule", attempts: 1 });
  // The other family had its turn, too.
  expect(runs.filter(({ family }) => family === "propensity")).toMatchObject([{ trigger: "schedule" }]);
});

test("a run whose worker dies changes nothing, and goes on with another", { timeout: 60_000 }, async () => {
  const before = await expectLoadable();
  // The real worker, but for one task that takes its thread along.
  const fatal = join(folder, "fatal");
  const worker = join(folder, "worker.mjs");
  const real = join(import.meta.dirname, "../../dist/src/training/worker.js");
  writeFileSync(worker, `import { existsSync, rmSync } from "node:fs";
import { handle as real } from ${JSON.stringify(real)};
export function handle(task) {
  if (task.learner === "gam" && existsSync(${JSON.stringify(fatal)})) { rmSync(${JSON.stringify(fatal)}); process.exit(3); }
  return real(task);
}`);
  writeFileSync(fatal, "");
  const mortal = await createTrainingPool({ threads: 2, deadline_ms: 60_000, worker });
  try {
    await expect(train({ pool: mortal })).rejects.toMatchObject({ code: "training_worker_died" });
    expect(await expectLoadable()).toBe(before);
    const { run_id, stages } = localRuns(runs_dir).find(({ run }) => run.status === "running")!.run;
    expect(stages.find(({ name }) => name === "training")).toMatchObject({ status: "running" });
    expect(await train({ pool: mortal, resume: run_id })).toMatchObject({ status: "completed", attempts: 2 });
  } finally {
    await mortal.close();
  }
});

test("a champion whose bytes are gone or corrupt is replaced, and one promoted meanwhile is compared with", { timeout: 60_000 }, async () => {
  const champion = (await promoted())!;
  await broker.putObject(BUCKET_MODELS, champion.artifact, new TextEncoder().encode("{}"));
  const before = await broker.getMessage(STREAM_CONTROL, { last_by_subject: modelSubject("elasticity") });
  // Another run promotes after this one has looked at the champion: what it was compared with is not in force any more.
  let overtaken: Promise<number> | undefined;
  const logger: Logger = { ...silentLogger, warn: (_, message) => void (message.includes("cannot be compared with") && (overtaken ??= promoteModel(broker, { ...champion, version: "other" }, before?.sequence))) };
  const report = await train({ seed: 3, logger, clock: new ManualClock(START_MS + 600 * DAY_MS) });
  // The other family may have promoted on CONTROL, too.
  expect(await overtaken).toBeGreaterThan(before!.sequence);
  expect(report.verdict?.promoted).toBe(true);
  expect((await promoted())?.digest).toBe(report.artifact!.digest);
  expect(await expectLoadable()).toBe(report.artifact!.digest);
});

test("pin, roll back and promote by hand: CONTROL names only what loads, and its replay agrees", { timeout: 60_000 }, async () => {
  const registry = elasticityRegistry(broker);
  const by = (pinned: boolean, reason?: string): ByHand => ({ author: "test", reason, pinned, now_ms: START_MS });
  const champion = (await promoted())!;
  expect(await pin(registry, by(true, "sale"))).toMatchObject({ version: champion.version, pinned: true, reason: "sale", run_id: champion.run_id, training_seconds: champion.training_seconds });
  const [seven, eight] = [await train({ seed: 7 }), await train({ seed: 9 })];
  expect(seven.verdict).toMatchObject({ promoted: false, reason: expect.stringContaining(`${champion.version} is pinned (sale)`) });
  expect((await pin(registry, by(false))).pinned).toBe(false);

  await expect(promoteByHand(registry, eight.artifact!.version, [], false, by(false))).rejects.toMatchObject({ code: "not_judged" });
  await expect(promoteByHand(registry, eight.artifact!.version, [eight], true, by(false))).rejects.toMatchObject({ code: "bad_usage" });
  await expect(promoteByHand(registry, "no-such", [], true, by(false, "x"))).rejects.toMatchObject({ code: "unknown_model" });
  expect(await promoteByHand(registry, eight.artifact!.version, [eight], true, by(false, "a trial"))).toMatchObject({ version: eight.artifact!.version, reason: "a trial", run_id: eight.run_id });
  expect(await expectLoadable()).toBe(eight.artifact!.digest);

  const back = await rollBack(registry, undefined, by(true));
  expect(back).toMatchObject({ version: champion.version, pinned: true, reason: `rolled back from ${eight.artifact!.version}` });
  expect(await expectLoadable()).toBe(champion.digest);
  await broker.putObject(BUCKET_MODELS, `elasticity/${eight.artifact!.version}`, new TextEncoder().encode('{"format":1}'));
  await expect(rollBack(registry, eight.artifact!.version, by(false))).rejects.toMatchObject({ code: "corrupt_artifact" });
  expect(await expectLoadable()).toBe(champion.digest);
  await pin(registry, by(false));

  // The broker starts anew: what CONTROL holds gives the same champion, and it loads.
  await broker.close();
  await server.stop();
  server = await startEmbeddedBroker({ data_dir: folder, logger: silentLogger });
  broker = await Broker.connect({ url: server.url, name: "training-test" });
  expect(await expectLoadable()).toBe(champion.digest);
});

test("an imported artifact is judged on this platform's held-out weeks, and one that was fitted to them may not serve", { timeout: 60_000 }, async () => {
  const registry = elasticityRegistry(broker);
  const { bytes, model } = await registry.load((await promoted())!.version);
  const same = await runPipeline(importedArtifactFamily(model, bytes), options({ trigger: "import" }));
  expect(same).toMatchObject({ status: "completed", trigger: "import", artifact: { digest: (await promoted())!.digest }, candidates: [{ name: `imported ${model.artifact.champion}` }] });
  expect(same.verdict?.promoted).toBe(false);
  // The same model, of somebody who knew the future.
  const late = { ...model.artifact, version: "late", lineage: { ...model.artifact.lineage, fitted_to: formatTime(START_MS + 167 * DAY_MS) } };
  const lateBytes = new TextEncoder().encode(JSON.stringify(late));
  const unfair = await runPipeline(importedArtifactFamily(compileArtifact(lateBytes, artifactDigest(lateBytes)), lateBytes), options({ trigger: "import" }));
  expect(unfair.verdict).toMatchObject({ promoted: false, reason: expect.stringContaining("it was fitted to data up to") });
  const bare = await runPipeline(importedModelFamily("forest of elsewhere", model.artifact.model), options({ trigger: "import" }));
  expect(bare.candidates).toMatchObject([{ name: "forest of elsewhere", selected: true, grouped: null }]);
  expect(bare.artifact!.version).not.toBe(model.version);
});

test("runs leave the newest few directories", () => {
  expect(localRuns(runs_dir).length).toBeLessThanOrEqual(4);
  expect(existsSync(runs_dir)).toBe(true);
});
