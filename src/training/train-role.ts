import { availableParallelism } from "node:os";
import { PROPENSITY_FAMILY } from "../contracts/propensity.ts";
import type { TensorBackend } from "../contracts/worker-protocol.ts";
import type { Broker } from "../ingest/nats.ts";
import type { StreamSource } from "../ingest/read-stream.ts";
import type { Clock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { report } from "../lib/role-report.ts";
import { parseTime } from "../lib/time.ts";
import { families, type FamilyName, familyNames } from "./families.ts";
import { abandonRun, obstacle } from "./pipeline/begin-run.ts";
import { localRuns } from "./pipeline/run-directory.ts";
import { createTrainingPool, type TrainingPool } from "./pool.ts";
import { HealthTurn } from "./propensity/health-turn.ts";
import { PropensityMonitor } from "./propensity/monitor.ts";

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
  /** Watches the propensity champion between runs. */
  readonly monitor?: Pick<PropensityMonitor, "check"> | undefined;
}

const DEADLINE_MS = 10 * 60_000;
/** Wait after a failed run, doubled by each further one, up to the interval. */
const RETRY_MS = 30_000;
type RoleOptions = TrainRoleOptions & { readonly code_version: string };

/** The role's own newest run of a family that was interrupted, if it can be gone on with; others end here, and their records say why. */
async function interruptedRun(family: FamilyName, options: RoleOptions): Promise<{ readonly resume: string | undefined; readonly given_up: boolean }> {
  let given_up = false;
  for (const { run, active } of localRuns(options.runs_dir)) {
    if (active || run.status !== "running" || run.trigger !== "schedule" || run.family !== family) continue;
    const age_ms = options.clock.now_ms() - parseTime(run.started_at);
    const stale = age_ms > options.interval_ms ? { code: "superseded", message: "a run on newer events is due" } : undefined;
    const reason = obstacle(run, family, options.code_version) ?? stale;
    if (reason === undefined) return { resume: run.run_id, given_up };
    options.logger.warn({ run_id: run.run_id, ...reason }, "an interrupted training run is given up");
    await abandonRun(options, run.run_id, reason);
    given_up = true;
  }
  return { resume: undefined, given_up };
}

/** One family's place in the schedule. */
class Turn {
  readonly family: FamilyName;
  /** Until it is due. */
  wait_ms = 0;
  #failures = 0;
  #first = true;

  constructor(family: FamilyName) {
    this.family = family;
  }

  /** Trains where there is a reason to, and puts the next time off. A failure is logged and reported; nothing is thrown. */
  async take(options: RoleOptions, pool: TrainingPool): Promise<void> {
    const { broker, interval_ms, logger, signal } = options;
    const { family } = this;
    try {
      const { resume, given_up } = await interruptedRun(family, options);
      if (resume !== undefined || given_up || this.#failures > 0 || !this.#first || (await families[family].registry(broker).promoted()) === undefined) {
        const { verdict, failure } = await families[family].run({ ...options, pool, trigger: "schedule", resume, onProgress: (phase, done, total) => report({ type: "progress", phase, done, total }) });
        report({ type: "outcome", of: family, ok: verdict?.promoted ?? false, reason: verdict?.reason ?? failure?.message ?? "" });
      }
      this.#failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      this.#failures++;
      logger.error({ family, code: error instanceof TidemarkError ? error.code : "internal", error: errorMessage(error) }, "training run failed; it will be tried again");
      report({ type: "outcome", of: family, ok: false, reason: errorMessage(error) });
    }
    this.#first = false;
    this.wait_ms = this.#failures > 0 ? Math.min(RETRY_MS * 2 ** (this.#failures - 1), interval_ms) : interval_ms;
  }
}

/**
 * Trains every family at once when CONTROL names no champion of it or a run was interrupted, then every interval, until the signal. A run that fails is logged and
 * tried again, and keeps no other family from its turn; nothing but the signal ends the role. Between runs the propensity champion is checked on labels that have
 * matured: a breach, once for each champion, has its family trained at once.
 */
export async function runTrainRole(given: TrainRoleOptions): Promise<void> {
  const options = { ...given, code_version: given.code_version ?? "unknown" };
  const { logger, clock, backend, signal } = options;
  const turns = familyNames.map((family) => new Turn(family));
  const health = new HealthTurn(given.monitor ?? new PropensityMonitor(given), logger);
  let pool: TrainingPool | undefined;
  let starts = 0;
  try {
    while (!signal.aborted) {
      try {
        pool ??= await startPool(logger, backend);
      } catch (error) {
        logger.error({ code: error instanceof TidemarkError ? error.code : "internal", error: errorMessage(error) }, "the training pool did not start; it will be tried again");
        report({ type: "outcome", of: null, ok: false, reason: errorMessage(error) });
        await clock.sleep(Math.min(RETRY_MS * 2 ** starts++, options.interval_ms), signal);
        continue;
      }
      for (const turn of turns) if (turn.wait_ms <= 0 && !signal.aborted) await turn.take(options, pool);
      if (health.wait_ms <= 0 && !signal.aborted && (await health.take(signal))) {
        for (const turn of turns) if (turn.family === PROPENSITY_FAMILY) turn.wait_ms = 0;
        continue;
      }
      const wait_ms = Math.min(health.wait_ms, ...turns.map((turn) => turn.wait_ms));
      await clock.sleep(wait_ms, signal);
      for (const turn of [health, ...turns]) turn.wait_ms -= wait_ms;
    }
  } finally {
    await pool?.close();
  }
}

async function startPool(logger: Logger, backend: TensorBackend | undefined): Promise<TrainingPool> {
  const pool = await createTrainingPool({ threads: availableParallelism(), deadline_ms: DEADLINE_MS, backend, logger });
  const { backend: chosen, tried } = pool.backend;
  logger.info({ backend: chosen, tried }, "training pool is warm");
  report({ type: "ready", detail: { backend: chosen, threads: pool.threads } });
  return pool;
}
