import { PROPENSITY_FAMILY } from "../contracts/propensity.ts";
import { type Exported, type ExportTableName, exportTableNames, exportTables, scoredTables } from "../ingest/export/export-tables.ts";
import { type TableFormat, tableFormats } from "../ingest/export/table.ts";
import { EventHistory } from "../ingest/event-history.ts";
import type { Broker } from "../ingest/nats.ts";
import { systemClock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { formatTime } from "../lib/time.ts";
import { compilePropensity } from "../models/propensity/compiled-scorer.ts";
import { handScorer } from "../models/propensity/hand-scorer.ts";
import type { PropensityScorer } from "../models/propensity/scorer.ts";
import { ModelRegistry } from "../ingest/models/registry.ts";
import { eventArchive } from "./archive.ts";
import { askedDataset } from "./asked-dataset.ts";
import type { CommandContext } from "./command.ts";
import { connectBroker } from "./connect-broker.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { createLogger } from "./logger.ts";
import { oneOf } from "./one-of-option.ts";
import { type Phase, type Progress, createProgress, formatCount } from "./progress.ts";

const FORMAT: TableFormat = "csv";

interface Asked {
  readonly table: ExportTableName | "all";
  readonly format: TableFormat;
  readonly path: string;
  readonly force: boolean;
}

function asked(options: CommandContext["options"]): Asked {
  const table = oneOf("--table", options["table"], exportTableNames);
  const all = options["all"] === true;
  if ((table === undefined) !== all) throw new TidemarkError("bad_usage", `give one of --table, --all and --dataset\n  allowed for --table: one of ${exportTableNames.join(", ")}`);
  const format = oneOf("--format", options["format"], tableFormats) ?? FORMAT;
  const path = options["out"];
  if (typeof path !== "string" || path === "") throw new TidemarkError("bad_usage", "--out is missing: name the file, or with --all the directory (for sqlite: the one file of all tables)");
  return { table: table ?? "all", format, path, force: options["force"] === true };
}

/** One phase a step, each ended by the next. */
class Steps {
  readonly #progress: Progress;
  #step = "";
  #phase: Phase | undefined;
  #done = 0;

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  update(step: string, done: number, total: number): void {
    if (step !== this.#step) {
      this.end();
      this.#step = step;
      this.#phase = this.#progress.phase(step);
    }
    this.#done = done;
    this.#phase?.update("read", done, total);
  }

  end(): void {
    this.#phase?.done(formatCount(this.#done));
    this.#phase = undefined;
  }

  failed(detail: string): void {
    (this.#phase ?? this.#progress.phase("export")).failed(detail);
  }
}

function summary({ first_sequence, last_sequence, as_of_ms, duplicates, refused }: Exported): string {
  if (last_sequence < first_sequence) return "the stream is empty";
  const as_of = as_of_ms === undefined ? "" : `, as of ${formatTime(as_of_ms)}`;
  const left_out = `${formatCount(duplicates)} duplicates and ${formatCount(refused)} refused messages left out`;
  const late = first_sequence > 1 ? "; neither stream nor archive has what came before: it is not in here" : "";
  return `messages ${formatCount(first_sequence)} to ${formatCount(last_sequence)} of the stream${as_of}; ${left_out}${late}`;
}

/** The promoted model's scores; the hand-weighted ones where none is promoted, or this version cannot use it, which the log says. */
async function scorerOf({ read: { config } }: CommandContext, broker: Broker): Promise<PropensityScorer> {
  const { model } = await new ModelRegistry(broker, PROPENSITY_FAMILY, compilePropensity).champion(createLogger("export", config.log_level, process.stderr));
  return model ?? handScorer;
}

/** `tidemark export`: tables rebuilt from the stream, as files that data scientists read. */
export async function runExportCommand(context: CommandContext): Promise<number> {
  const { read: { config }, options, signal } = context;
  const dataset = askedDataset(options);
  // Loaded for it alone: tables need no worker pool.
  if (dataset !== undefined) return (await import("./export-dataset.ts")).runDatasetExport(context, dataset);
  const { table, format, path, force } = asked(options);
  const json = options["json"] === true;
  const progress = createProgress(json ? process.stderr : process.stdout, systemClock);
  const broker = await connectBroker(context, "tidemark-export");
  const archive = eventArchive(config);
  const source = archive === undefined ? broker : new EventHistory(broker, archive);
  const steps = new Steps(progress);
  try {
    const scorer = table === "all" || scoredTables.has(table) ? await scorerOf(context, broker) : handScorer;
    const exported = await exportTables({ source, table, format, path, force, scorer, signal, onProgress: (step, done, total) => steps.update(step, done, total) });
    steps.end();
    progress.line(`${path}: ${summary(exported)}`);
    if (json) console.log(JSON.stringify({ path, format, ...exported, rows: Object.fromEntries(exported.rows) }, null, 2));
  } catch (error) {
    steps.failed(errorMessage(error).split("\n")[0] ?? "");
    throw error;
  } finally {
    await broker.close();
  }
  return EXIT_OK;
}
