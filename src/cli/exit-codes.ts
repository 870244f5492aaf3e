import { TidemarkError } from "../lib/errors.ts";

export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
/** It would fail again in the same way: wrong usage or configuration, or data that does not fit. */
export const EXIT_PERMANENT = 2;

/** Expected failures that pass by themselves. Every other one needs somebody to change something. */
const passing: ReadonlySet<string> = new Set([
  "address_in_use",
  "broker_closed",
  "broker_failed",
  "broker_refused",
  "broker_timeout",
  "broker_unreachable",
  "elasticity_stopped",
  "engine_busy",
  "engine_failed",
  "engine_unreachable",
  "export_stopped",
  "import_stopped",
  "ingest_unreachable",
  "output_failed",
  "stream_changed",
  "training_aborted",
  "training_deadline",
  "training_pool_failed",
  "training_worker_died",
  "wrong_last_sequence",
]);

/** A bug or an unforeseen failure of the system is worth another try: the next run may find another state. */
export function exitCodeOf(error: unknown): number {
  return error instanceof TidemarkError && !passing.has(error.code) ? EXIT_PERMANENT : EXIT_FAILED;
}
