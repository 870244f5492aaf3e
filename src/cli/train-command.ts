import { EventHistory } from "../ingest/event-history.ts";
import { serveMetrics } from "../ingest/metrics-server.ts";
import { systemClock } from "../lib/clock.ts";
import { HOUR_MS } from "../lib/time.ts";
import { giveWay } from "../training/low-priority.ts";
import { HealthMetrics } from "../training/propensity/health-metrics.ts";
import { PropensityMonitor } from "../training/propensity/monitor.ts";
import { runTrainRole } from "../training/train-role.ts";
import { eventArchive } from "./archive.ts";
import type { CommandContext } from "./command.ts";
import { connectBroker } from "./connect-broker.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { createLogger } from "./logger.ts";
import { runPipelineOnce } from "./pipeline-command.ts";
import { runsDirectory } from "./training-session.ts";
import { programVersion } from "./version.ts";

/** `tidemark train`: one run now, or with --role the scheduled role. */
export async function runTrainCommand(context: CommandContext): Promise<number> {
  const { options, signal } = context;
  const { config } = context.read;
  if (options["role"] !== true) return runPipelineOnce(context);
  giveWay();
  const logger = createLogger("train", config.log_level);
  const metrics = new HealthMetrics();
  const server = await serveMetrics(metrics.registry, { port: config.train_metrics_port, variable: "TIDEMARK_TRAIN_METRICS_PORT" }, logger);
  const broker = await connectBroker(context, "tidemark-train", (text) => logger.warn({}, text));
  const archive = eventArchive(config);
  const events = archive && new EventHistory(broker, archive);
  try {
    await runTrainRole({
      broker,
      events,
      monitor: new PropensityMonitor({ broker, events, clock: systemClock, logger, metrics }),
      runs_dir: runsDirectory(config),
      logger,
      clock: systemClock,
      interval_ms: config.train_interval_hours * HOUR_MS,
      seed: config.seed,
      backend: config.tf_backend === "auto" ? undefined : config.tf_backend,
      code_version: programVersion(),
      signal,
    });
    return EXIT_OK;
  } finally {
    await broker.close();
    await server?.close();
  }
}
