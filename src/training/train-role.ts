import type { TensorBackend } from "../contracts/worker-protocol.ts";
import type { Broker } from "../ingest/nats.ts";
import type { Clock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { report } from "../lib/role-report.ts";
import { promotedModel } from "./champion.ts";
import { createTrainingPool, type TrainingPool } from "./pool.ts";
import { trainElasticity } from "./train-elasticity.ts";

export interface TrainRoleOptions {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly interval_ms: number;
  readonly seed: number;
  readonly backend?: TensorBackend | undefined;
  readonly signal: AbortSignal;
  readonly code_version?: string;
}

const THREADS = 2;
const DEADLINE_MS = 10 * 60_000;
/** Wait after a failed run; or the interval, when that is shorter. */
const RETRY_MS = 60_000;

/** Sleeps on the clock, or until the signal: at once when it was given already. */
async function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  let wake = (): void => undefined;
  const aborted = new Promise<void>((resolve) => {
    wake = resolve;
  });
  signal.addEventListener("abort", wake, { once: true });
  await Promise.race([clock.sleep(ms), aborted]);
  signal.removeEventListener("abort", wake);
}

/**
 * Trains at once when CONTROL names no champion, then every interval, until the signal. A run that fails is logged and
 * tried again; nothing but the signal ends the role.
 */
export async function runTrainRole(options: TrainRoleOptions): Promise<void> {
  const { broker, logger, clock, interval_ms, seed, backend, signal, code_version = "unknown" } = options;
  let pool: TrainingPool | undefined;
  let failed = false;
  let first = true;
  try {
    while (!signal.aborted) {
      try {
        if (pool === undefined) {
          pool = await createTrainingPool({ threads: THREADS, deadline_ms: DEADLINE_MS, backend, logger });
          const { backend: chosen, tried } = pool.backend;
          logger.info({ backend: chosen, tried }, "training pool is warm");
          report({ type: "ready", detail: { backend: chosen, threads: THREADS } });
        }
        if (failed || !first || (await promotedModel(broker)) === undefined) {
          await trainElasticity({ broker, pool, seed, clock, logger, code_version, signal, onProgress: (phase, done, total) => report({ type: "progress", phase, done, total }) });
        }
        failed = false;
      } catch (error) {
        if (signal.aborted) break;
        failed = true;
        logger.error({ code: error instanceof TidemarkError ? error.code : "internal", error: errorMessage(error) }, "training run failed; it will be tried again");
      }
      first = false;
      await sleep(clock, failed ? Math.min(RETRY_MS, interval_ms) : interval_ms, signal);
    }
  } finally {
    await pool?.close();
  }
}
