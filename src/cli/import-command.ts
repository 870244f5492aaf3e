import { resolve } from "node:path";
import { EventHistory } from "../ingest/event-history.ts";
import { openTableWriter, type TableWriter } from "../ingest/export/table-writer.ts";
import type { Column } from "../ingest/export/table.ts";
import { type TableCounts, PreparedImport } from "../ingest/import/prepared-import.ts";
import { type PublishedImport, publishImport } from "../ingest/import/publish-import.ts";
import type { Rejection, TableSource } from "../ingest/import/read-table.ts";
import { inScratch } from "../ingest/scratch.ts";
import { systemClock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { report } from "../lib/role-report.ts";
import { eventArchive, eventLimits } from "./archive.ts";
import type { CommandContext } from "./command.ts";
import { connectBroker } from "./connect-broker.ts";
import { EXIT_OK, EXIT_PERMANENT } from "./exit-codes.ts";
import { importSources } from "./import-sources.ts";
import { createProgress, formatCount, type Phase, type Progress } from "./progress.ts";

/** The report of the last import, in the working directory. */
const REJECTED = "tidemark-rejected.csv";

const rejectedColumns: readonly Column[] = [
  { name: "table", type: "string" },
  { name: "file", type: "string" },
  { name: "line", type: "integer" },
  { name: "column", type: "string" },
  { name: "value", type: "string" },
  { name: "reason", type: "string" },
];
const VALUE_CHARACTERS = 500;

/** A file of rejected rows, which is there only when there are any. */
class RejectedRows {
  readonly path: string;
  readonly #force: boolean;
  #writer: TableWriter | undefined;
  count = 0;

  constructor(path: string, force: boolean) {
    this.path = path;
    this.#force = force;
  }

  add({ table, path }: TableSource, line: number, { column, value, reason }: Rejection): void {
    this.#writer ??= openTableWriter("csv", this.path, "rejected", rejectedColumns, { force: this.#force });
    this.#writer.write([[table, path, line, column, value.slice(0, VALUE_CHARACTERS), reason]]);
    this.count++;
  }

  async close(): Promise<void> {
    await this.#writer?.close();
  }

  discard(): void {
    this.#writer?.discard();
  }
}

function mapText({ table, path, map }: TableCounts): string {
  const renamed = (map?.columns ?? []).filter(({ header, column }) => header !== undefined && header !== column.name).map(({ header, column }) => `${header} as ${column.name}`);
  const unused = map?.unused ?? [];
  const ignored = unused.length === 0 ? "" : `; not used: ${unused.slice(0, 8).join(", ")}${unused.length > 8 ? ` and ${unused.length - 8} more` : ""}`;
  return `  ${table} from ${path}${renamed.length === 0 ? "" : `: ${renamed.join(", ")}`}${ignored}`;
}

/** One phase a table, ended when it is read. */
class TableSteps {
  readonly #progress: Progress;
  #phase: Phase | undefined;

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  update(table: string, done: number, total: number): void {
    this.#phase ??= this.#progress.phase(table);
    this.#phase.update("bytes", done, total);
  }

  done(counts: TableCounts): void {
    const { table, rows, rejected, events } = counts;
    (this.#phase ?? this.#progress.phase(table)).done(`${formatCount(rows)} rows, ${formatCount(events)} events${rejected > 0 ? `, ${formatCount(rejected)} rows rejected` : ""}`);
    this.#phase = undefined;
    this.#progress.line(mapText(counts));
  }
}

async function publish(context: CommandContext, prepared: PreparedImport, progress: Progress): Promise<PublishedImport> {
  const { read: { config }, signal } = context;
  const broker = await connectBroker(context, "tidemark-import");
  const phase = progress.phase("publish");
  try {
    await broker.ensureStreams(eventLimits(config));
    const archive = eventArchive(config);
    const source = archive === undefined ? broker : new EventHistory(broker, archive);
    const counts = await publishImport(prepared.prepared(), prepared.events, {
      broker,
      source,
      clock: systemClock,
      signal,
      onProgress: (step, done, total) => {
        phase.update(step, done, total);
        report({ type: "progress", phase: "history", done: step === "published" ? done : 0, total: prepared.events });
      },
    });
    const erased = counts.erased > 0 ? `, ${formatCount(counts.erased)} about erased learners left out` : "";
    phase.done(`${formatCount(counts.published)} events published, ${formatCount(counts.present)} were there already${erased}`);
    return counts;
  } catch (error) {
    phase.failed(errorMessage(error).split("\n")[0] ?? "");
    throw error;
  } finally {
    await broker.close();
  }
}

function jsonOf(prepared: PreparedImport, published: PublishedImport | null, rejected: RejectedRows): object {
  const tables = prepared.tables.map(({ table, path, rows, rejected: left, events, map }) => ({
    table,
    path,
    rows,
    rejected: left,
    events,
    columns: Object.fromEntries((map?.columns ?? []).map(({ column, header, fallback }) => [column.name, header ?? { value: fallback }])),
    unused: map?.unused ?? [],
  }));
  return { tables, notes: Object.fromEntries(prepared.notes), events: prepared.events, rejected: rejected.count, rejected_file: rejected.count > 0 ? rejected.path : null, published };
}

/** `tidemark import`: the tables of a platform as the history that it begins with. Ends with 2 when rows were rejected. */
export async function runImportCommand(context: CommandContext): Promise<number> {
  const { read: { config }, options, arguments: [directory], signal } = context;
  const sources = importSources(directory, options);
  if (options["strict"] === true && options["lenient"] === true) throw new TidemarkError("bad_usage", "--strict and --lenient exclude each other");
  const named = options["rejected"];
  const rejected = new RejectedRows(resolve(typeof named === "string" ? named : REJECTED), options["force"] === true || named === undefined);
  const json = options["json"] === true;
  const progress = createProgress(json ? process.stderr : process.stdout, systemClock);
  return inScratch(config.data_dir, ".tidemark-import-", async (scratch) => {
    try {
      const steps = new TableSteps(progress);
      const prepared = new PreparedImport({
        sources,
        scratch,
        now_ms: systemClock.now_ms(),
        signal,
        onRejected: (source, line, rejection) => rejected.add(source, line, rejection),
        onProgress: (table, done, total) => steps.update(table, done, total),
        onTable: (counts) => steps.done(counts),
      });
      await prepared.read();
      for (const [note, count] of prepared.notes) progress.line(`  note: ${formatCount(count)} ${note}`);
      await rejected.close();
      if (rejected.count > 0) progress.line(`${formatCount(rejected.count)} rows rejected, with the reason of each: ${rejected.path}`);
      const strict = rejected.count > 0 && options["strict"] === true;
      const dry = options["dryRun"] === true;
      if (strict && !dry) throw new TidemarkError("rows_rejected", "nothing was published, as --strict asks; mend the rows, or leave --strict out to import the others");
      if (dry) progress.line(`${formatCount(prepared.events)} events would be published: it was a dry run`);
      const published = dry ? null : await publish(context, prepared, progress);
      if (json) console.log(JSON.stringify(jsonOf(prepared, published, rejected), null, 2));
      const counted = `${formatCount(published?.published ?? 0)} events imported${rejected.count > 0 ? `, ${formatCount(rejected.count)} rows rejected (${rejected.path})` : ""}`;
      report({ type: "outcome", of: null, ok: rejected.count === 0, reason: counted });
      return rejected.count > 0 && options["lenient"] !== true ? EXIT_PERMANENT : EXIT_OK;
    } finally {
      rejected.discard();
    }
  });
}
