import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { noAnalysis } from "../../contracts/training-analysis.ts";
import { type TrainingReport, trainingReportSchema, type TrainingSignal } from "../../contracts/training-run.ts";
import type { Broker, StreamState } from "../../ingest/nats.ts";
import { ManualClock } from "../../lib/clock.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { silentLogger } from "../../lib/log.ts";
import { formatTime } from "../../lib/time.ts";
import type { TrainingPool } from "../pool.ts";
import { abandonRun, type PipelineOptions } from "./begin-run.ts";
import { runPipeline } from "./pipeline.ts";
import { localRuns } from "./run-directory.ts";
import { RunStore } from "../../ingest/models/run-store.ts";
import { type Family, type Outputs, type Stage, type StageContext, workStages, type WorkStage } from "./stage.ts";

/** As much of a broker as a run needs. */
class MemoryBroker {
  readonly objects = new Map<string, Uint8Array>();
  readonly signals: TrainingSignal[] = [];
  stream: StreamState = { created: "s1", first_sequence: 1, last_sequence: 9, messages: 9, bytes: 0 };
  away = false;
  #stored = 0;
  readonly #times = new Map<string, string>();

  streamInfo(): Promise<StreamState> {
    return Promise.resolve(this.stream);
  }
  getMessage(_stream: string, which: object): Promise<object | undefined> {
    const event = { id: "e", type: "learner.erased", time: formatTime(0), learner_id: "l" };
    return Promise.resolve("sequence" in which ? { subject: "backfill.learner.l", sequence: which.sequence, time_ms: 5_000, data: new TextEncoder().encode(JSON.stringify(event)) } : undefined);
  }
  publish(_subject: string, data: Uint8Array): Promise<void> {
    this.signals.push(JSON.parse(new TextDecoder().decode(data)) as TrainingSignal);
    return this.away ? Promise.reject(new TidemarkError("broker_unreachable", "away")) : Promise.resolve();
  }
  putObject(_bucket: string, name: string, bytes: Uint8Array): Promise<void> {
    if (this.away) return Promise.reject(new TidemarkError("broker_unreachable", "away"));
    this.objects.set(name, bytes);
    this.#times.set(name, formatTime(++this.#stored));
    return Promise.resolve();
  }
  getObject(_bucket: string, name: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.objects.get(name));
  }
  listObjects(): Promise<object[]> {
    return Promise.resolve([...this.objects.keys()].map((name) => ({ name, bytes: 1, stored_at: this.#times.get(name), metadata: {} })));
  }
  deleteObject(_bucket: string, name: string): Promise<void> {
    this.objects.delete(name);
    return Promise.resolve();
  }
}

interface Sums extends Outputs {
  data: number;
  understanding: number;
  preparation: number;
  training: number;
  evaluation: number;
}

/** Each stage adds its position to what the one before gave; `hook` comes in between. */
function family(ran: string[], hook: (name: WorkStage, context: StageContext) => void = () => undefined): Family<Sums> {
  const stage = (name: WorkStage, before: WorkStage | undefined): Stage<Partial<Sums>, number> => ({
    run: (outputs, context) => {
      ran.push(name);
      hook(name, context);
      return Promise.resolve((before === undefined ? context.range.last_sequence : outputs[before]!) + workStages.indexOf(name));
    },
    save: (output, directory) => writeFileSync(join(directory, "sum"), String(output)),
    load: (directory) => Number(readFileSync(join(directory, "sum"), "utf8")),
    detail: (output) => `sum ${output}`,
  });
  return {
    name: "sums",
    stages: { data: stage("data", undefined), understanding: stage("understanding", "data"), preparation: stage("preparation", "understanding"), training: stage("training", "preparation"), evaluation: stage("evaluation", "training") },
    describe: ({ evaluation }) => ({ candidates: [], artifact: evaluation === undefined ? null : { name: `sums/${evaluation}`, version: String(evaluation), digest: "d", bytes: 1 }, verdict: null, analysis: noAnalysis }),
  };
}

let runs_dir: string;
let broker: MemoryBroker;

beforeEach(() => {
  runs_dir = mkdtempSync(join(tmpdir(), "tidemark-pipeline-"));
  broker = new MemoryBroker();
});
afterEach(() => rmSync(runs_dir, { recursive: true }));

const clock = new ManualClock(1_000_000);
function options(change: Partial<PipelineOptions> = {}): PipelineOptions {
  clock.advance(1_000);
  return { broker: broker as unknown as Broker, pool: { backend: { backend: "cpu", tried: [] } } as unknown as TrainingPool, runs_dir, seed: 1, trigger: "hand", code_version: "1", clock, logger: silentLogger, ...change };
}

function throwOnce(code: string): () => void {
  let armed = true;
  return () => {
    if (!armed) return;
    armed = false;
    throw new TidemarkError(code, "on purpose");
  };
}

async function interrupt(at: WorkStage, ran: string[] = []): Promise<string> {
  const fail = throwOnce("training_worker_died");
  await expect(runPipeline(family(ran, (name) => (name === at ? fail() : undefined)), options())).rejects.toMatchObject({ code: "training_worker_died", message: expect.stringContaining("pipeline run --resume") });
  return localRuns(runs_dir)[0]!.run.run_id;
}

const FIVE = [...workStages];

describe("a pipeline", () => {
  test("runs its stages in order and keeps what it knows", async () => {
    const ran: string[] = [];
    const report = await runPipeline(family(ran, (name, { check, progress, tell }) => {
      if (name === "understanding") check({ name: "quality.x", status: "warn", value: 1, limit: 0, detail: "odd" });
      if (name === "training") {
        tell({ deviance: 0.5 });
        for (let step = 0; step < 1_000; step++) progress("fit", step, 1_000);
      }
    }), options());
    expect(ran).toEqual(FIVE);
    expect(report).toMatchObject({ status: "completed", attempts: 1, artifact: { name: "sums/19" }, failure: null, checks: [{ name: "quality.x", stage: "understanding", status: "warn" }] });
    expect(report.stages.map(({ name, status, detail }) => [name, status, detail]).slice(0, 2)).toEqual([["data", "done", "sum 9"], ["understanding", "done", "sum 10"]]);
    expect(trainingReportSchema.parse(JSON.parse(new TextDecoder().decode(broker.objects.get(`${report.run_id}/report.json`))))).toEqual(report);
    expect((await new RunStore(broker as unknown as Broker).list()).map(({ run_id }) => run_id)).toEqual([report.run_id]);
    // One signal a stage, and no storm of steps.
    expect(broker.signals.map(({ stage, status }) => `${stage} ${status}`)).toEqual([...FIVE.map((stage) => `${stage} running`), "report running", "report completed"]);
    expect(broker.signals.at(-1)).toMatchObject({ run_id: report.run_id, metrics: { deviance: 0.5 } });
  });

  test.each(FIVE)("that is interrupted in %s goes on there, with the events of its beginning", async (at) => {
    const before: string[] = [];
    const run_id = await interrupt(at, before);
    broker.stream = { ...broker.stream, last_sequence: 500, messages: 500 };
    const after: string[] = [];
    const report = await runPipeline(family(after), options({ resume: run_id, seed: 77 }));
    expect(before).toEqual(FIVE.slice(0, FIVE.indexOf(at) + 1));
    expect(after).toEqual(FIVE.slice(FIVE.indexOf(at)));
    expect(report).toMatchObject({ run_id, status: "completed", attempts: 2, seed: 1, artifact: { name: "sums/19" } });
  });

  test("runs again what was damaged, and what followed from it", async () => {
    const run_id = await interrupt("evaluation");
    writeFileSync(join(runs_dir, run_id, "understanding", "sum"), "1000");
    const ran: string[] = [];
    expect(await runPipeline(family(ran), options({ resume: run_id }))).toMatchObject({ artifact: { name: "sums/19" } });
    expect(ran).toEqual(FIVE.slice(1));
  });

  test("that a check fails ends there, with all checks of the stage and a record", async () => {
    const ran: string[] = [];
    const report = await runPipeline(family(ran, (name, { check }) => {
      if (name !== "understanding") return;
      check({ name: "leakage.x", status: "fail", value: 9, limit: 1, detail: "leaks" });
      check({ name: "quality.y", status: "ok", value: 0, limit: 1, detail: "fine" });
    }), options());
    expect(ran).toEqual(["data", "understanding"]);
    expect(report).toMatchObject({ status: "failed", failure: { stage: "understanding", code: "check_failed", message: "leakage.x: leaks" }, artifact: null, checks: [{ status: "fail" }, { status: "ok" }] });
    expect(report.stages.map(({ status }) => status)).toEqual(["done", "failed", "waiting", "waiting", "waiting", "done"]);
    expect((await new RunStore(broker as unknown as Broker).report(report.run_id)).failure).toEqual(report.failure);
    expect(broker.signals.at(-1)).toMatchObject({ status: "failed", stage: "understanding" });
    await expect(runPipeline(family([]), options({ resume: report.run_id }))).rejects.toMatchObject({ code: "run_ended" });
  });

  test("that fails for good is thrown, and its record says where and why", async () => {
    const fail = throwOnce("too_little_data");
    await expect(runPipeline(family([], (name) => (name === "preparation" ? fail() : undefined)), options())).rejects.toMatchObject({ code: "too_little_data" });
    const [record] = await new RunStore(broker as unknown as Broker).list();
    expect(record).toMatchObject({ status: "failed", failure: { stage: "preparation", code: "too_little_data", message: "on purpose" } });
    expect(localRuns(runs_dir)[0]).toMatchObject({ active: false, run: { status: "failed" } });
  });

  test("whose report cannot be stored is not over", async () => {
    const going = runPipeline(family([], (name) => void (broker.away = name === "evaluation")), options());
    await expect(going).rejects.toMatchObject({ code: "broker_unreachable" });
    broker.away = false;
    const ran: string[] = [];
    expect(await runPipeline(family(ran), options({ resume: localRuns(runs_dir)[0]!.run.run_id }))).toMatchObject({ status: "completed", attempts: 2 });
    expect(ran).toEqual([]);
  });

  test.each(["broker_unreachable", "training_deadline", "training_queue_full", "training_pool_failed"])("that meets %s is not over either", async (code) => {
    const fail = throwOnce(code);
    await expect(runPipeline(family([], (name) => (name === "training" ? fail() : undefined)), options())).rejects.toMatchObject({ code });
    expect(localRuns(runs_dir)).toMatchObject([{ active: false, run: { status: "running", failure: null } }]);
    expect(broker.objects.size).toBe(0);
  });

  test("stops between two stages when it is told to", async () => {
    const stop = new AbortController();
    const ran: string[] = [];
    await expect(runPipeline(family(ran, (name) => void (name === "preparation" && stop.abort())), options({ signal: stop.signal }))).rejects.toMatchObject({ code: "training_aborted" });
    expect(ran).toEqual(FIVE.slice(0, 3));
  });

  test("is given up after three attempts, by another version, on another stream, and when it judged an import", async () => {
    const run_id = await interrupt("data");
    const again = (change: Partial<PipelineOptions> = {}): Promise<TrainingReport> => runPipeline(family([], throwOnce("broker_unreachable")), options({ resume: run_id, ...change }));
    await expect(again({ code_version: "2" })).rejects.toMatchObject({ code: "other_version" });
    await expect(runPipeline({ ...family([]), name: "others" }, options({ resume: run_id }))).rejects.toMatchObject({ code: "other_family" });
    broker.stream = { ...broker.stream, created: "s2" };
    await expect(again()).rejects.toMatchObject({ code: "stream_recreated" });
    broker.stream = { ...broker.stream, created: "s1" };
    await expect(again()).rejects.toMatchObject({ code: "broker_unreachable" });
    await expect(again()).rejects.toMatchObject({ code: "broker_unreachable" });
    await expect(again()).rejects.toMatchObject({ code: "given_up" });
    await abandonRun(options(), run_id, { code: "given_up", message: "three tried" });
    expect((await new RunStore(broker as unknown as Broker).list())[0]).toMatchObject({ run_id, status: "failed", attempts: 3, failure: { stage: "data", code: "given_up" } });
    await expect(runPipeline(family([], throwOnce("training_deadline")), options({ trigger: "import" }))).rejects.toThrow("import the model again");
    await expect(runPipeline(family([]), options({ resume: localRuns(runs_dir)[0]!.run.run_id }))).rejects.toMatchObject({ code: "not_resumable" });
  });

  test("leaves at most three directories and 50 records", async () => {
    const reports: TrainingReport[] = [];
    for (let i = 0; i < 4; i++) reports.push(await runPipeline(family([]), options()));
    expect(localRuns(runs_dir).map(({ run }) => run.run_id)).toEqual(reports.slice(1).map(({ run_id }) => run_id).toReversed());
    const store = new RunStore(broker as unknown as Broker);
    for (let i = 0; i < 50; i++) await store.put({ ...reports[0]!, run_id: `r${i}`, started_at: formatTime(clock.now_ms() + i) }, { "report.txt": new Uint8Array(1) });
    expect((await store.list()).map(({ run_id }) => run_id)).toEqual(Array.from({ length: 50 }, (_, i) => `r${49 - i}`));
    expect(broker.objects.size).toBe(150);
    await expect(store.file(reports[0]!.run_id, "report.json")).rejects.toMatchObject({ code: "unknown_run" });
  });
});
