import { STREAM_EVENTS } from "../../contracts/subjects.ts";
import type { Check, StageName, TrainingReport, TrainingRun } from "../../contracts/training-run.ts";
import { errorMessage, TidemarkError } from "../../lib/errors.ts";
import { formatTime, parseTime } from "../../lib/time.ts";
import { reportFiles } from "../report/report-files.ts";
import { beginRun, obstacle, type PipelineOptions } from "./begin-run.ts";
import { pruneRuns, RunDirectory } from "./run-directory.ts";
import { RunStore } from "../../ingest/models/run-store.ts";
import { type Family, type Outputs, type Stage, type StageContext, workStages, type WorkStage } from "./stage.ts";
import { TrainingSignals } from "./training-signals.ts";

/** Directories of ended runs that stay. */
const RUNS_KEPT = 3;

/** Failures that say nothing of the run itself: it can be resumed. */
const passing: ReadonlySet<string> = new Set([
  "broker_closed", "broker_failed", "broker_timeout", "broker_unreachable",
  "training_aborted", "training_deadline", "training_pool_failed", "training_queue_full", "training_worker_died",
]);

function isPassing(error: unknown, signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true || (error instanceof TidemarkError && passing.has(error.code));
}

/**
 * One run of a family's pipeline, from the stream to the report: begun now on the events that there are, or gone on with at the first stage that an interrupted
 * run had not finished. A stage's output counts once it is whole on disk. Resolves to the record, also of a run that a check failed (`status` failed).
 *
 * Throws what a stage throws. A run that was stopped, or lost its broker or a worker, stays `running`, to be resumed; any other failure ends it, and its record
 * says why.
 */
export async function runPipeline<O extends Outputs>(family: Family<O>, options: PipelineOptions): Promise<TrainingReport> {
  const { directory, run } = options.resume === undefined ? await beginRun(family.name, options) : RunDirectory.open(options.runs_dir, options.resume);
  try {
    return await new Execution(family, options, directory, run).toEnd();
  } finally {
    directory.release();
    pruneRuns(options.runs_dir, RUNS_KEPT, run.run_id);
  }
}

/** Ends the run; the record says which checks. */
class CheckFailed extends TidemarkError {
  constructor(checks: readonly Check[]) {
    super("check_failed", checks.map(({ name, detail }) => `${name}: ${detail}`).join("; "));
  }
}

class Execution<O extends Outputs> {
  readonly #family: Family<O>;
  readonly #options: PipelineOptions;
  readonly #directory: RunDirectory;
  readonly #signals: TrainingSignals;
  readonly #outputs: Partial<O> = {};
  #run: TrainingRun;

  constructor(family: Family<O>, options: PipelineOptions, directory: RunDirectory, run: TrainingRun) {
    this.#family = family;
    this.#options = options;
    this.#directory = directory;
    this.#run = run;
    this.#signals = new TrainingSignals(options.broker, options.clock, run);
  }

  async toEnd(): Promise<TrainingReport> {
    if (this.#options.resume !== undefined) await this.#resume();
    let stage: StageName = "data";
    try {
      for (stage of workStages) await this.#stage(stage);
      stage = "report";
      return await this.#report("completed");
    } catch (error) {
      if (isPassing(error, this.#options.signal)) {
        this.#options.logger.warn({ run_id: this.#run.run_id, stage, error: errorMessage(error) }, "training run interrupted");
        throw this.#interrupted(error);
      }
      return await this.#fail(stage, error);
    } finally {
      await this.#signals.flush();
    }
  }

  #interrupted(error: unknown): TidemarkError {
    const { run_id, trigger } = this.#run;
    const how = trigger === "import" ? "import the model again" : `\`tidemark pipeline run --resume ${run_id}\` goes on where it was`;
    return new TidemarkError(error instanceof TidemarkError ? error.code : "training_aborted", `${errorMessage(error)}; ${how}`, { cause: error });
  }

  async #resume(): Promise<void> {
    const { broker, events = broker, code_version, logger, pool } = this.#options;
    const reason = obstacle(this.#run, this.#family.name, code_version);
    if (reason !== undefined) throw new TidemarkError(reason.code, `the run ${this.#run.run_id} cannot be resumed: ${reason.message}. Begin another: \`tidemark pipeline run\``);
    const stream = await events.streamInfo(STREAM_EVENTS);
    const { run_id, range, attempts, machine } = this.#run;
    if (stream?.created !== range.stream_created) {
      throw new TidemarkError("stream_recreated", `the run ${run_id} was begun on a stream created at ${range.stream_created}, the broker's was created at ${stream?.created ?? "no time: there is none"}`);
    }
    this.#update({ attempts: attempts + 1, machine: { ...machine, backend: pool.backend.backend } });
    logger.info({ run_id, attempt: attempts + 1, done: this.#run.stages.filter(({ status }) => status === "done").map(({ name }) => name) }, "training run resumed");
  }

  /** Writes the record. */
  #update(change: Partial<TrainingRun>): void {
    this.#run = { ...this.#run, ...change };
    this.#directory.write(this.#run);
  }

  #mark(name: StageName, change: Partial<TrainingRun["stages"][number]>): TrainingRun["stages"] {
    return this.#run.stages.map((stage) => (stage.name === name ? { ...stage, ...change } : stage));
  }

  async #stage(name: WorkStage): Promise<void> {
    const { signal, clock } = this.#options;
    signal?.throwIfAborted();
    const stage = this.#family.stages[name] as Stage<Partial<O>, O[WorkStage]>;
    const checks: Check[] = [];
    const context = this.#context(name, checks);
    if (this.#restored(name, stage, context)) return;
    this.#update({ stages: this.#mark(name, { status: "running", seconds: 0, detail: "" }), checks: this.#run.checks.filter((check) => check.stage !== name) });
    this.#signals.tell({ status: "running", stage: name, step: name, done: 0, total: 1 });
    const started_ms = clock.now_ms();
    const output = await stage.run(this.#outputs, context);
    this.#directory.keep(name, (directory) => stage.save(output, directory));
    this.#outputs[name] = output;
    const failed = checks.filter(({ status }) => status === "fail");
    const ended = { status: failed.length > 0 ? "failed" : "done", seconds: (clock.now_ms() - started_ms) / 1000, detail: stage.detail(output) } as const;
    this.#update({ stages: this.#mark(name, ended), checks: [...this.#run.checks, ...checks] });
    if (failed.length > 0) throw new CheckFailed(failed);
  }

  /** Whether the stage was done before, and what it put out is here again. */
  #restored(name: WorkStage, stage: Stage<Partial<O>, O[WorkStage]>, context: StageContext): boolean {
    const at = this.#run.stages.findIndex((own) => own.name === name);
    if (this.#run.stages[at]?.status !== "done") return false;
    try {
      this.#directory.verify(name);
      this.#outputs[name] = stage.load(this.#directory.stage(name), this.#outputs, context);
      return true;
    } catch (error) {
      this.#options.logger.warn({ run_id: this.#run.run_id, stage: name, error: errorMessage(error) }, "what the stage put out cannot be read; it runs again");
      // And with it all that followed.
      this.#update({ stages: this.#run.stages.map((own, i) => (i < at ? own : { ...own, status: "waiting", seconds: 0, detail: "" })) });
      return false;
    }
  }

  #context(stage: WorkStage, checks: Check[]): StageContext {
    const { broker, events = broker, pool, clock, logger, signal, onProgress = () => undefined } = this.#options;
    const { stream_created, first_sequence, last_sequence, from, to } = this.#run.range;
    return {
      run: this.#run,
      range: { stream_created, first_sequence, last_sequence, from_ms: parseTime(from), to_ms: parseTime(to) },
      broker,
      events,
      pool,
      clock,
      logger,
      signal: signal ?? new AbortController().signal,
      progress: (step, done, total) => {
        this.#signals.tell({ status: "running", stage, step, done, total });
        onProgress(step, done, total);
      },
      tell: (figures) => this.#signals.figures(figures),
      check: (check) => {
        checks.push({ ...check, stage });
        if (check.status !== "ok") logger.warn({ run_id: this.#run.run_id, ...check }, "a check of the training run did not pass");
      },
    };
  }

  async #fail(stage: StageName, error: unknown): Promise<TrainingReport> {
    const failure = { stage, code: error instanceof TidemarkError ? error.code : "internal", message: errorMessage(error) };
    this.#run = { ...this.#run, failure, stages: this.#mark(stage, { status: "failed" }) };
    const { logger } = this.#options;
    logger.error({ run_id: this.#run.run_id, ...failure }, "training run failed");
    const report = await this.#report("failed").catch((another: unknown) => {
      logger.error({ run_id: this.#run.run_id, error: errorMessage(another) }, "the failed run's report could not be stored");
      this.#update({ status: "failed", ended_at: formatTime(this.#options.clock.now_ms()) });
    });
    if (report === undefined || !(error instanceof CheckFailed)) throw error;
    return report;
  }

  /** The last stage: what is known goes into the record, and both into the object store. */
  async #report(status: "completed" | "failed"): Promise<TrainingReport> {
    const { clock, broker, logger } = this.#options;
    const started_ms = clock.now_ms();
    if (status === "completed") {
      this.#update({ stages: this.#mark("report", { status: "running", seconds: 0, detail: "" }) });
      this.#signals.tell({ status: "running", stage: "report", step: "report", done: 0, total: 1 });
    }
    const { analysis, ...described } = this.#family.describe(this.#outputs);
    const ended: TrainingRun = { ...this.#run, ...described, status, ended_at: formatTime(clock.now_ms()) };
    const draft: TrainingReport = { ...ended, analysis };
    const seconds = (clock.now_ms() - started_ms) / 1000;
    const detail = `${draft.checks.length} checks, ${draft.candidates.length} candidates`;
    const stages = ended.failure?.stage === "report" ? ended.stages : this.#mark("report", { status: "done", seconds, detail });
    const report: TrainingReport = { ...draft, stages };
    await new RunStore(broker).put(report, await reportFiles(report));
    const { analysis: _, ...run } = report;
    this.#update(run);
    this.#signals.tell({ status, stage: report.failure?.stage ?? "report", step: "end", done: 1, total: 1 });
    logger.info({ run_id: run.run_id, status, promoted: run.verdict?.promoted ?? false, reason: run.verdict?.reason ?? run.failure?.message }, "training run ended");
    return report;
  }
}
