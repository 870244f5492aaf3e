import cluster from "node:cluster";
import { once } from "node:events";
import { pino, stdTimeFunctions } from "pino";
import { must } from "../lib/assert.ts";
import { systemClock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { RoleReport } from "../lib/role-report.ts";
import { MetricsClient } from "./cluster-metrics.ts";
import { isClusterMessage } from "./cluster-messages.ts";
import { ServingMetrics } from "./metrics.ts";
import { WORKER_CONFIG } from "./options.ts";
import type { ServeConfig } from "./options.ts";
import { startServing } from "./serving-process.ts";

/**
 * Connections that the primary hands over while it does not know yet that this worker takes none are given back to it; with a worker that had ended they would be lost, and their
 * clients wait for ever. Once the primary has acknowledged the leave, none comes any more.
 */
async function leaveCluster(): Promise<void> {
  if (!process.connected) return;
  const left = once(process, "disconnect");
  must(cluster.worker, "a worker").disconnect();
  await left;
}

/** The entry of a cluster worker: the primary starts it, and it ends when the primary says so or is gone. */
async function main(): Promise<void> {
  const config = JSON.parse(must(process.env[WORKER_CONFIG], `${WORKER_CONFIG} is not set`)) as ServeConfig;
  const logger = pino({ level: config.log_level, base: { role: "serve", pid: process.pid }, timestamp: stdTimeFunctions.isoTime });
  const metrics = new ServingMetrics();
  const client = new MetricsClient(systemClock, (message) => void process.send?.(message));
  // Told to stop while starting: it stops as soon as it has started.
  let drain = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    drain = resolve;
  });
  process.on("SIGTERM", drain);
  process.on("SIGINT", drain);
  process.on("message", (message) => {
    if (!isClusterMessage(message)) return;
    if (message.type === "drain") drain();
    else if (message.type === "metrics_text") client.receive(message);
    else if (message.type === "metrics_collect") void client.contribute(metrics.registry, message.collection);
  });
  const serving = await startServing({ config, logger, clock: systemClock, name: `serve-${process.pid}`, metrics, metricsText: () => client.text(metrics.registry) });
  await asked;
  await serving.drain();
  await leaveCluster();
  process.exit(0);
}

main().catch((error: unknown) => {
  const failed: RoleReport = { type: "failed", code: error instanceof TidemarkError ? error.code : "internal", message: errorMessage(error) };
  process.send?.(failed, undefined, undefined, () => process.exit(1));
});
