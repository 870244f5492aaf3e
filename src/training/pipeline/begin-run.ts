import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { STREAM_EVENTS } from "../../contracts/subjects.ts";
import { noAnalysis } from "../../contracts/training-analysis.ts";
import { RUN_FORMAT, type TrainingRun } from "../../contracts/training-run.ts";
import type { Broker } from "../../ingest/nats.ts";
import type { StreamSource } from "../../ingest/read-stream.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { formatTime } from "../../lib/time.ts";
import type { OnProgress } from "../dataset.ts";
import type { TrainingPool } from "../pool.ts";
import { fixRange } from "../stream-range.ts";
import { RunDirectory, waitingStages } from "./run-directory.ts";
import { RunStore } from "../../ingest/models/run-store.ts";

export interface PipelineOptions {
  readonly broker: Broker;
  /** Where EVENTS is read from, such as EventHistory; the broker's stream alone unless given. */
  readonly events?: StreamSource | undefined;
  readonly pool: TrainingPool;
  /** Where runs are kept while they go on, and the newest few after that. */
  readonly runs_dir: string;
  /** Of a new run; one that is resumed keeps its own. */
  readonly seed: number;
  readonly trigger: TrainingRun["trigger"];
  readonly code_version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** The run to go on with, instead of beginning one. */
  readonly resume?: string | undefined;
}

/** Processes that may try their hand at one run: what killed three would kill a fourth. */
const ATTEMPTS_MAX = 3;

/** A run on the events that there are now. */
export async function beginRun(family: string, options: PipelineOptions): Promise<{ directory: RunDirectory; run: TrainingRun }> {
  const { broker, events = broker, clock, seed, trigger, code_version, runs_dir, pool } = options;
  const { from_ms, to_ms, ...range } = await fixRange(events);
  const started_at = formatTime(clock.now_ms());
  const run: TrainingRun = {
    format: RUN_FORMAT,
    run_id: `${started_at.replaceAll(/[-:.]/g, "")}-${family}-${randomBytes(2).toString("hex")}`,
    family,
    trigger,
    seed,
    code_version,
    range: { stream: STREAM_EVENTS, ...range, from: formatTime(from_ms), to: formatTime(to_ms) },
    status: "running",
    started_at,
    ended_at: null,
    attempts: 1,
    machine: { node: process.version, platform: `${process.platform}-${process.arch}`, cpus: availableParallelism(), backend: pool.backend.backend },
    stages: waitingStages(),
    checks: [],
    candidates: [],
    artifact: null,
    verdict: null,
    failure: null,
  };
  return { directory: RunDirectory.create(runs_dir, run), run };
}

/** Why a run that was begun cannot be gone on with here; undefined when it can. */
export function obstacle(run: TrainingRun, family: string, code_version: string): { readonly code: string; readonly message: string } | undefined {
  if (run.family !== family) return { code: "other_family", message: `it trains ${run.family}, not ${family}` };
  if (run.trigger === "import") return { code: "not_resumable", message: "it judges an imported model: import it again" };
  if (run.status !== "running") return { code: "run_ended", message: `it has ended: ${run.status}` };
  if (run.code_version !== code_version) return { code: "other_version", message: `version ${run.code_version} began it, this is ${code_version}: its stages would not fit together` };
  if (run.attempts >= ATTEMPTS_MAX) return { code: "given_up", message: `${run.attempts} processes have tried it and none has finished it` };
  return undefined;
}

/** Ends a run that nobody will go on with; its record is kept. */
export async function abandonRun(options: Pick<PipelineOptions, "broker" | "runs_dir" | "clock">, run_id: string, failure: { readonly code: string; readonly message: string }): Promise<void> {
  const { directory, run } = RunDirectory.open(options.runs_dir, run_id);
  try {
    const stage = run.stages.find(({ status }) => status !== "done")?.name ?? "report";
    const ended: TrainingRun = { ...run, status: "failed", ended_at: formatTime(options.clock.now_ms()), failure: { stage, ...failure } };
    await new RunStore(options.broker).put({ ...ended, analysis: noAnalysis }, {});
    directory.write(ended);
  } finally {
    directory.release();
  }
}
