import { availableParallelism } from "node:os";
import { EventHistory } from "../ingest/event-history.ts";
import { Broker } from "../ingest/nats.ts";
import { systemClock } from "../lib/clock.ts";
import { HOUR_MS, MINUTE_MS } from "../lib/time.ts";
import { createTrainingPool } from "../training/pool.ts";
import { trainElasticity } from "../training/train-elasticity.ts";
import { runTrainRole } from "../training/train-role.ts";
import { eventArchive } from "./archive.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { createLogger } from "./logger.ts";
import { brokerUrl } from "./nats-url.ts";
import { programVersion } from "./version.ts";

/** A single run on the default platform takes well under a minute; this only ends one that hangs. */
const RUN_DEADLINE_MS = 30 * MINUTE_MS;

type Trained = Awaited<ReturnType<typeof trainElasticity>>;

function resultText({ artifact, name, promoted, reason }: Trained): string {
  const number = (value: number): string => value.toPrecision(4);
  const rows = artifact.candidates.map(({ name: candidate, metrics, elasticity, backend, training_seconds }) => {
    const mark = candidate === artifact.champion ? "*" : " ";
    const figures = [metrics.poisson_deviance, metrics.skill, metrics.r2_log, metrics.wape, elasticity].map((value) => number(value).padStart(12));
    return `${mark} ${candidate.padEnd(16)}${figures.join("")}  ${backend}, ${training_seconds.toFixed(1)} s`;
  });
  const { value, se, identified } = artifact.elasticity.global;
  return [
    `  ${"candidate".padEnd(16)}${["deviance", "skill", "R2 (log)", "WAPE", "elasticity"].map((title) => title.padStart(12)).join("")}`,
    ...rows,
    `Elasticity of enrollments to price: ${number(value)} ± ${number(1.96 * se)}${identified ? "" : " (prior only: prices never varied at random)"}`,
    `${name}: ${promoted ? "promoted" : "not promoted"}, ${reason}`,
  ].join("\n");
}

/** `tidemark train`: one run now, or with --role the scheduled role. */
export async function runTrainCommand({ read: { config }, options, signal }: CommandContext): Promise<number> {
  const scheduled = options["role"] === true;
  // A single run's standard output is its result alone.
  const logger = createLogger("train", config.log_level, scheduled ? undefined : process.stderr);
  const backend = config.tf_backend === "auto" ? undefined : config.tf_backend;
  const broker = await Broker.connect({ url: brokerUrl(config), name: "tidemark-train", signal });
  const archive = eventArchive(config);
  const events = archive && new EventHistory(broker, archive);
  try {
    if (scheduled) {
      await runTrainRole({ broker, events, logger, clock: systemClock, interval_ms: config.train_interval_hours * HOUR_MS, seed: config.seed, backend, code_version: programVersion(), signal });
      return EXIT_OK;
    }
    const pool = await createTrainingPool({ threads: availableParallelism(), deadline_ms: RUN_DEADLINE_MS, backend, logger });
    try {
      const trained = await trainElasticity({ broker, events, pool, seed: config.seed, clock: systemClock, logger, code_version: programVersion() });
      console.log(options["json"] === true ? JSON.stringify({ ...trained, artifact: { ...trained.artifact, model: undefined } }, null, 2) : resultText(trained));
    } finally {
      await pool.close();
    }
  } finally {
    await broker.close();
  }
  return EXIT_OK;
}
