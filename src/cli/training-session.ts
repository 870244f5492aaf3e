import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { TrainingReport } from "../contracts/training-run.ts";
import { EventHistory } from "../ingest/event-history.ts";
import { systemClock } from "../lib/clock.ts";
import { errorMessage } from "../lib/errors.ts";
import { MINUTE_MS } from "../lib/time.ts";
import { families, type FamilyName, familyNames, type ModelFamily } from "../training/families.ts";
import { giveWay } from "../training/low-priority.ts";
import { createTrainingPool } from "../training/pool.ts";
import { eventArchive } from "./archive.ts";
import type { CommandContext } from "./command.ts";
import { connectBroker } from "./connect-broker.ts";
import { EXIT_OK, EXIT_PERMANENT } from "./exit-codes.ts";
import { createLogger } from "./logger.ts";
import { oneOf } from "./one-of-option.ts";
import { createProgress } from "./progress.ts";
import type { Config } from "./settings.ts";
import { programVersion } from "./version.ts";

/** A single run on the default platform takes well under a minute; this only ends one that hangs. */
const RUN_DEADLINE_MS = 30 * MINUTE_MS;

/** Where training keeps its runs. */
export const runsDirectory = ({ data_dir }: Config): string => join(data_dir, "runs");

/** The family that a command is about: `--family`, or else the one that prices need. */
export function familyOption({ options }: CommandContext): FamilyName {
  return oneOf("--family", options["family"], familyNames) ?? "elasticity";
}

export interface Session {
  /** What runs. */
  readonly family?: Pick<ModelFamily, "run">;
  readonly trigger: TrainingReport["trigger"];
  readonly resume?: string | undefined;
}

/** One training run with its progress on standard error. */
export async function runTraining(context: CommandContext, { family = families.elasticity, trigger, resume }: Session): Promise<TrainingReport> {
  const { read: { config, sources }, signal } = context;
  giveWay();
  // Beside the bars only what is worth a look, unless asked for more.
  const logger = createLogger("train", sources.log_level === "default" ? "warn" : config.log_level, process.stderr);
  const backend = config.tf_backend === "auto" ? undefined : config.tf_backend;
  const broker = await connectBroker(context, "tidemark-train");
  const archive = eventArchive(config);
  const phase = createProgress(process.stderr, systemClock).phase("training");
  try {
    const pool = await createTrainingPool({ threads: availableParallelism(), deadline_ms: RUN_DEADLINE_MS, backend, logger });
    try {
      const events = archive && new EventHistory(broker, archive);
      const report = await family.run({ broker, events, pool, runs_dir: runsDirectory(config), seed: config.seed, trigger, code_version: programVersion(), clock: systemClock, logger, signal, resume, onProgress: phase.update });
      const outcome = `${report.run_id}: ${report.verdict?.promoted === true ? "promoted" : "not promoted"}`;
      if (report.status === "completed") phase.done(outcome);
      else phase.failed(`${report.run_id}: ${report.status}`);
      return report;
    } finally {
      await pool.close();
    }
  } catch (error) {
    phase.failed(errorMessage(error).split("\n")[0] ?? "");
    throw error;
  } finally {
    await broker.close();
  }
}

/** A run that a check failed would fail again. */
export const exitCodeOfRun = ({ status }: TrainingReport): number => (status === "completed" ? EXIT_OK : EXIT_PERMANENT);
