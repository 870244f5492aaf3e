import type { TensorBackend } from "../contracts/worker-protocol.ts";
import type { Broker } from "../ingest/nats.ts";
import type { StreamSource } from "../ingest/read-stream.ts";
import type { Clock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { report } from "../lib/role-report.ts";
import { promotedModel } from "./champion.ts";
import { createTrainingPool, type TrainingPool } from "./pool.ts";
import { trainElasticity } from "./train-elasticity.ts";

export interface TrainRoleOptions {
  readonly broker: Broker;
  readonly events?: StreamSource | undefined;
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
/** Wait after a failed run, doubled by each further one, up to the interval. */
const RETRY_MS = 30_000;
/** An abandoned sleep keeps its timer: short slices let the process end. */
const SLICE_MS = 500;

async function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  for (let left = ms; left > 0 && !signal.aborted; left -= SLICE_MS) await clock.sleep(Math.min(left, SLICE_MS));
}

/**
 * Trains at once when CONTROL names no champion, then every interval, until the signal. A run that fails is logged and
 * tried again; nothing but the signal ends the role.
 */
export async function runTrainRole(options: TrainRoleOptions): Promise<void> {
  const { broker, events, logger, clock, interval_ms, seed, backend, signal, code_version = "unknown" } = options;
  let pool: TrainingPool | undefined;
  let failures = 0;
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
        if (failures > 0 || !first || (await promotedModel(broker)) === undefined) {
          const { promoted, reason } = await trainElasticity({ broker, events, pool, seed, clock, logger, code_version, signal, onProgress: (phase, done, total) => report({ type: "progress", phase, done, total }) });
          report({ type: "outcome", ok: promoted, reason });
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
