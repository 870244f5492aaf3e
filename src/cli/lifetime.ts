import cluster from "node:cluster";

/** How long a role may take to stop after its supervisor is gone. */
const ORPHAN_GRACE_MS = 5_000;

/**
 * One signal for the whole process: aborted by SIGINT, SIGTERM or SIGHUP, and when the supervisor that started this
 * process goes away, so that no role outlives it. A second SIGINT does not wait.
 */
export function processLifetime(): AbortSignal {
  const controller = new AbortController();
  // The primary of a cluster decides for its workers, which Node ends when the primary is gone.
  if (cluster.isWorker) return controller.signal;
  let interrupts = 0;
  process.on("SIGINT", () => {
    if (++interrupts > 1) process.exit(130);
    controller.abort();
  });
  process.on("SIGTERM", () => controller.abort());
  process.on("SIGHUP", () => controller.abort());
  if (process.send !== undefined) {
    process.once("disconnect", () => {
      controller.abort();
      setTimeout(() => process.exit(1), ORPHAN_GRACE_MS).unref();
    });
    // Its output went to the supervisor as well: losing that must not end a clean stop half-way.
    for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  }
  return controller.signal;
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
