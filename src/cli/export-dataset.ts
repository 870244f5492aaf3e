import { availableParallelism } from "node:os";
import { mkdtemp, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { DatasetName } from "../contracts/worker-protocol.ts";
import { EventHistory } from "../ingest/event-history.ts";
import { openTableWriter, type TableWriter } from "../ingest/export/table-writer.ts";
import { tableFormats } from "../ingest/export/table.ts";
import { systemClock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { DAY_MS, HOUR_MS } from "../lib/time.ts";
import type { DatasetManifest } from "../training/column-files.ts";
import { buildDatasetFiles } from "../training/dataset-files.ts";
import { datasetTableColumns, datasetTableRows } from "../training/dataset-table.ts";
import { createTrainingPool } from "../training/pool.ts";
import { GAP_DAYS, HORIZON_DAYS } from "../training/propensity/definitions.ts";
import { eventArchive } from "./archive.ts";
import type { CommandContext } from "./command.ts";
import { connectBroker } from "./connect-broker.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { createLogger } from "./logger.ts";
import { brokerUrl } from "./nats-url.ts";
import { oneOf } from "./one-of-option.ts";
import { createProgress, formatCount } from "./progress.ts";
import { wholeOption } from "./whole-option.ts";

/** Only ends a part that hangs. */
const PART_DEADLINE_MS = 6 * HOUR_MS;
const DAYS_MAX = 3_650;
const PARTITIONS_MAX = 256;
const COLUMNS = "columns";
const formats = [...tableFormats, COLUMNS] as const;

interface Times {
  readonly every_days: number;
  readonly gap_days: number;
  readonly horizon_days: number;
}

/** Courses by the week; learners by the month, with the longest window of what their models are asked. */
const defaults: Readonly<Record<DatasetName, Times>> = {
  elasticity: { every_days: 7, gap_days: 0, horizon_days: 7 },
  propensity: { every_days: 30, gap_days: GAP_DAYS, horizon_days: HORIZON_DAYS },
};

function days(options: CommandContext["options"], flag: string, name: string, fallback: number, least: number): number {
  const given = options[name];
  const value = given === undefined ? fallback : given === "0" && least === 0 ? 0 : wholeOption(flag, given, DAYS_MAX);
  return value * DAY_MS;
}

async function writeTable(writer: TableWriter, directory: string, manifest: DatasetManifest, onRows: (done: number) => void): Promise<void> {
  let done = 0;
  for (const rows of datasetTableRows(directory, manifest)) {
    writer.write(rows);
    onRows((done += rows.length));
    await new Promise(setImmediate);
  }
  await writer.close();
}

/** `tidemark export --dataset`: features as of cut-offs and what followed, for who trains models elsewhere. */
export async function runDatasetExport(context: CommandContext, dataset: DatasetName): Promise<number> {
  const { read: { config }, options, signal } = context;
  const format = oneOf("--format", options["format"], formats) ?? "csv";
  const out = options["out"];
  if (typeof out !== "string" || out === "") throw new TidemarkError("bad_usage", "--out is missing: name the file, or for columns the directory");
  const times = defaults[dataset];
  const threads = availableParallelism();
  const partitions = options["partitions"] === undefined ? threads : wholeOption("--partitions", options["partitions"], PARTITIONS_MAX);
  const every_ms = days(options, "--every-days", "everyDays", times.every_days, 1);
  const gap_ms = days(options, "--gap-days", "gapDays", times.gap_days, 0);
  const horizon_ms = days(options, "--horizon-days", "horizonDays", times.horizon_days, 1);
  const path = resolve(out);
  // Opened before anything is read: a name that cannot be had is said at once, and not when all the work is done.
  const writer = format === COLUMNS ? undefined : openTableWriter(format, path, dataset, datasetTableColumns(dataset), { force: options["force"] === true });
  const json = options["json"] === true;
  const progress = createProgress(json ? process.stderr : process.stdout, systemClock);
  const phase = progress.phase("dataset");
  const nats_url = brokerUrl(config);
  const archive = eventArchive(config);
  const broker = await connectBroker(context, "tidemark-export");
  const pool = await createTrainingPool({ threads, deadline_ms: PART_DEADLINE_MS, backend: "cpu", logger: createLogger("export", config.log_level, process.stderr) });
  let scratch: string | undefined;
  try {
    scratch = writer && (await mkdtemp(join(dirname(path), ".tidemark-dataset-")));
    const directory = scratch === undefined ? path : join(scratch, "columns");
    const source = archive === undefined ? broker : new EventHistory(broker, archive);
    const build = { dataset, source, nats_url, archive_dir: archive?.directory ?? null, pool, every_ms, gap_ms, horizon_ms, partitions, directory, signal };
    const manifest = await buildDatasetFiles({ ...build, onProgress: (step, done, total) => phase.update(step === "replay" ? "shares" : "cut-offs", done, total) });
    if (writer !== undefined) await writeTable(writer, directory, manifest, (done) => phase.update("rows", done, manifest.rows));
    phase.done(`${out}: ${formatCount(manifest.rows)} rows at ${manifest.at.length} cut-offs, from messages ${formatCount(manifest.stream.first_sequence)} to ${formatCount(manifest.stream.last_sequence)}`);
    if (json) console.log(JSON.stringify({ path, format, rows: manifest.rows, at: manifest.at, stream: manifest.stream }, null, 2));
  } catch (error) {
    phase.failed(errorMessage(error).split("\n")[0] ?? "");
    throw error;
  } finally {
    writer?.discard();
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
    await pool.close();
    await broker.close();
  }
  return EXIT_OK;
}
