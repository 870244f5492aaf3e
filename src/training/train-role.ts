import { availableParallelism } from "node:os";
import type { TensorBackend } from "../contracts/worker-protocol.ts";
import type { Broker } from "../ingest/nats.ts";
import type { StreamSource } from "../ingest/read-stream.ts";
import type { Clock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { report } from "../lib/role-report.ts";
import { parseTime } from "../lib/time.ts";
import { elasticityFamily } from "./elasticity/elasticity-family.ts";
import { elasticityRegistry } from "./elasticity/evaluation-stage.ts";
import { abandonRun, obstacle } from "./pipeline/begin-run.ts";
import { runPipeline } from "./pipeline/pipeline.ts";
import { localRuns } from "./pipeline/run-directory.ts";
import { createTrainingPool, type TrainingPool } from "./pool.ts";

export interface TrainRoleOptions {
  readonly broker: Broker;
  readonly events?: StreamSource | undefined;
  readonly runs_dir: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly interval_ms: number;
  readonly seed: number;
  readonly backend?: TensorBackend | undefined;
  readonly signal: AbortSignal;
  readonly code_version?: string;
}

const DEADLINE_MS = 10 * 60_000;
/** Wait after a failed run, doubled by each further one, up to the interval. */
const RETRY_MS = 30_000;
/** An abandoned sleep keeps its timer: short slices let the process end. */
const SLICE_MS = 500;

async function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  for (let left = ms; left > 0 && !signal.aborted; left -= SLICE_MS) await clock.sleep(Math.min(left, SLICE_MS));
}

/** The role's own newest run that was interrupted, if it can be gone on with; others end here, and their records say why. */
async function interruptedRun(options: TrainRoleOptions & { readonly code_version: string }): Promise<{ readonly resume: string | undefined; readonly given_up: boolean }> {
  let given_up = false;
  for (const { run, active } of localRuns(options.runs_dir)) {
    if (active || run.status !== "running" || run.trigger !== "schedule" || run.family !== elasticityFamily.name) continue;
    const age_ms = options.clock.now_ms() - parseTime(run.started_at);
    const stale = age_ms > options.interval_ms ? { code: "superseded", message: "a run on newer events is due" } : undefined;
    const reason = obstacle(run, elasticityFamily.name, options.code_version) ?? stale;
    if (reason === undefined) return { resume: run.run_id, given_up };
    options.logger.warn({ run_id: run.run_id, ...reason }, "an interrupted training run is given up");
    await abandonRun(options, run.run_id, reason);
    given_up = true;
  }
  return { resume: undefined, given_up };
}

/**
 * Trains at once when CONTROL names no champion or a run was interrupted, then every interval, until the signal. A run that fails is logged and
 * tried again; nothing but the signal ends the role.
 */
export async function runTrainRole(given: TrainRoleOptions): Promise<void> {
  const options = { ...given, code_version: given.code_version ?? "unknown" };
  const { broker, logger, clock, interval_ms, backend, signal } = options;
  let pool: TrainingPool | undefined;
  let failures = 0;
  let first = true;
  try {
    while (!signal.aborted) {
      try {
        if (pool === undefined) {
          pool = await createTrainingPool({ threads: availableParallelism(), deadline_ms: DEADLINE_MS, backend, logger });
          const { backend: chosen, tried } = pool.backend;
          logger.info({ backend: chosen, tried }, "training pool is warm");
          report({ type: "ready", detail: { backend: chosen, threads: pool.threads } });
        }
        const { resume, given_up } = await interruptedRun(options);
        if (resume !== undefined || given_up || failures > 0 || !first || (await elasticityRegistry(broker).promoted()) === undefined) {
          const { verdict, failure } = await runPipeline(elasticityFamily, { ...options, pool, trigger: "schedule", resume, onProgress: (phase, done, total) => report({ type: "progress", phase, done, total }) });
          report({ type: "outcome", ok: verdict?.promoted ?? false, reason: verdict?.reason ?? failure?.message ?? "" });
        }
        failures = 0;
      } catch (error) {
        if (signal.aborted) break;
        failures++;
        logger.error({ code: error instanceof TidemarkError ? error.code : "internal", error: errorMessage(error) }, "training run failed; it will be tried again");
        report({ type: "outcome", ok: false, reason: errorMessage(error) });
      }
      first = false;
      await sleep(clock, failures > 0 ? Math.min(RETRY_MS * 2 ** (failures - 1), interval_ms) : interval_ms, signal);
    }
  } finally {
    await pool?.close();
  }
}
