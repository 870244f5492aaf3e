import { dirname } from "node:path";
import { STREAM_EVENTS } from "../../contracts/subjects.ts";
import { must } from "../../lib/assert.ts";
import { errorMessage, TidemarkError } from "../../lib/errors.ts";
import { handScorer } from "../../models/propensity/hand-scorer.ts";
import type { PropensityScorer } from "../../models/propensity/scorer.ts";
import { decodeEvent, isRefusal } from "../decode.ts";
import { type ReadRange, type StreamSource, readStream } from "../read-stream.ts";
import { type EntityTable, entityTables } from "./entity-tables.ts";
import { EventFold } from "./event-fold.ts";
import { enrollmentColumns, enrollmentRow, eventTables, type EventTableName, isEventTable } from "./event-tables.ts";
import { ScratchDirectory } from "./scratch-directory.ts";
import type { Column, Row, TableFormat } from "./table.ts";
import { type TableSet, openSingleTable, openTableSet } from "./table-writer.ts";

/** The seed's six, learners' scores in full, and the events that no table sums up. */
export const exportTableNames = [
  "learners",
  "teachers",
  "courses",
  "enrollments",
  "token_transactions",
  "platform_metrics",
  "propensity",
  "exposures",
  "activities",
  "price_changes",
  "competitor_prices",
] as const;
export type ExportTableName = (typeof exportTableNames)[number];

export interface ExportOptions {
  /** EVENTS from its beginning, archive included where there is one. */
  readonly source: StreamSource;
  /** One, which goes to a file of its own; or all, into a SQLite file or a directory. */
  readonly table: ExportTableName | "all";
  readonly format: TableFormat;
  readonly path: string;
  readonly force?: boolean;
  /** What learners are scored with; the hand-weighted scores unless given. */
  readonly scorer?: PropensityScorer;
  readonly signal: AbortSignal;
  /** `step` is "events", then each table by its name, "rows" for all tables of events; at the end of each, `done` is how many messages or rows it had. */
  readonly onProgress?: (step: ExportStep, done: number, total: number) => void;
}

export type ExportStep = "events" | "rows" | ExportTableName;

export interface Exported {
  readonly rows: ReadonlyMap<ExportTableName, number>;
  readonly first_sequence: number;
  readonly last_sequence: number;
  /** The latest event time: what features are read at. undefined without events. */
  readonly as_of_ms: number | undefined;
  readonly duplicates: number;
  readonly refused: number;
}

/** Tables that say what features do not. */
const detailed: ReadonlySet<ExportTableName> = new Set(["learners", "courses", "enrollments"]);

/** Tables that hold scores. */
export const scoredTables: ReadonlySet<ExportTableName> = new Set(["learners", "propensity"]);

/** Rows between two turns of the event loop. */
const TURN_ROWS = 2_048;
const PROGRESS_EVENTS = 4_096;

export function exportColumns(table: ExportTableName): readonly Column[] {
  if (table === "enrollments") return enrollmentColumns;
  return isEventTable(table) ? eventTables[table].columns : entityTables[table].columns;
}

/**
 * Rebuilds tables from EVENTS as it is now and writes them; their files have their names only once all are whole. What is a duplicate,
 * refused, too late or erased is the same as for ingest, and so is every feature, as of the latest event time. Throws TidemarkError:
 * `export_stopped` after the signal, `stream_changed` when messages were removed meanwhile, `output_failed`, those of `openTableWriter`
 * and of reading a stream.
 */
export async function exportTables(options: ExportOptions): Promise<Exported> {
  const { table, format, path, force = false, signal } = options;
  const tables = table === "all" ? exportTableNames : [table];
  try {
    const set = table === "all" ? openTableSet(format, path, { force }) : openSingleTable(format, path, { force });
    try {
      const exported = await withAbort(signal, new Export(options, tables, set).run());
      await set.close();
      return exported;
    } finally {
      set.discard();
    }
  } catch (error) {
    if (error instanceof TidemarkError && error.code !== "store_write_failed") throw error.code === "erased_since" ? changed() : error;
    if (signal.aborted) throw new TidemarkError("export_stopped", "stopped: nothing was written");
    // Of the file system, of SQLite or of the store beside the output, all of which say what went wrong; anything else is a bug.
    const writing = error instanceof Error && ("syscall" in error || error.name === "SQLite3Error" || error instanceof TidemarkError);
    throw writing ? new TidemarkError("output_failed", `the tables could not be written: ${errorMessage(error)}`, { cause: error }) : error;
  }
}

function changed(): TidemarkError {
  return new TidemarkError("stream_changed", `messages of ${STREAM_EVENTS} were removed while it was read: run it again`);
}

/** Rejects as soon as the signal aborts, even while the broker is away. */
async function withAbort<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  // What it still does comes to an end by itself, at its next look at the signal.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

class Export {
  readonly #options: ExportOptions;
  readonly #tables: readonly ExportTableName[];
  readonly #set: TableSet;
  readonly #rows = new Map<ExportTableName, number>();
  #refused = 0;

  constructor(options: ExportOptions, tables: readonly ExportTableName[], set: TableSet) {
    this.#options = options;
    this.#tables = tables;
    this.#set = set;
  }

  async run(): Promise<Exported> {
    const { source, path } = this.#options;
    const sinks = new Map(this.#tables.map((table) => [table, this.#set.open(table, exportColumns(table))]));
    const stream = await source.streamInfo(STREAM_EVENTS);
    if (stream === undefined) throw new TidemarkError("stream_missing", `the broker has no stream ${STREAM_EVENTS}`);
    const listed = this.#tables.filter(isEventTable);
    const scratch = new ScratchDirectory(dirname(path));
    try {
      const entities = this.#tables.flatMap((table) => (table === "enrollments" || isEventTable(table) ? [] : [entityTables[table].entity, ...entityTables[table].folded]));
      const details = this.#tables.some((table) => detailed.has(table));
      const lists = new Set(listed.flatMap((table) => [...eventTables[table].types]));
      const fold = new EventFold(scratch.path, stream.created, { entities, details, lists });
      try {
        const range = await this.#fold(fold);
        const counters = new Map(
          [...sinks].map(([table, sink]) => {
            this.#rows.set(table, 0);
            return [
              table,
              (row: Row): void => {
                sink.write([row]);
                this.#rows.set(table, this.#rows.get(table)! + 1);
              },
            ] as const;
          }),
        );
        for (const [table, sink] of sinks) {
          if (isEventTable(table)) continue;
          const count = must(counters.get(table), "a table that was opened");
          if (table === "enrollments") await this.#enrollments(fold, count);
          else await this.#entities(fold, table, entityTables[table] as EntityTable, count);
          sink.end();
          await this.#turn(table, this.#rows.get(table)!, this.#rows.get(table)!);
        }
        await this.#events(fold, range, listed, (table, row) => must(counters.get(table), "a table that was opened")(row));
        for (const table of listed) {
          sinks.get(table)?.end();
          await this.#turn(table, this.#rows.get(table)!, this.#rows.get(table)!);
        }
        return { rows: this.#rows, ...range, as_of_ms: fold.as_of_ms, duplicates: fold.duplicates, refused: this.#refused };
      } finally {
        await fold.close();
      }
    } finally {
      scratch.remove();
    }
  }

  async #fold(fold: EventFold): Promise<ReadRange> {
    const range = await this.#read("events", undefined, (message) => {
      const decoded = decodeEvent(message);
      if (isRefusal(decoded)) this.#refused++;
      else fold.apply(decoded);
    });
    fold.finish();
    return range;
  }

  /** Straight through: of the second reading, which is one for all of them, nothing is kept. */
  async #events(fold: EventFold, first: ReadRange, tables: readonly EventTableName[], write: (table: EventTableName, row: Row) => void): Promise<void> {
    if (fold.listed.size === 0) return;
    let found = 0;
    const second = await this.#read("rows", first.last_sequence, (message) => {
      if (!fold.listed.has(message.sequence)) return;
      const decoded = decodeEvent(message);
      const table = isRefusal(decoded) ? undefined : tables.find((name) => eventTables[name].types.has(decoded.event.type));
      if (isRefusal(decoded) || table === undefined) return;
      found++;
      const { event, sequence } = decoded;
      if (!("learner_id" in event) || !fold.isErased(event.learner_id, sequence)) write(table, eventTables[table].row(decoded));
    });
    if (found !== fold.listed.size || second.stream_created !== first.stream_created) throw changed();
  }

  async #enrollments(fold: EventFold, write: (row: Row) => void): Promise<void> {
    const total = fold.details.enrollments_count;
    let done = 0;
    for (const detail of fold.details.enrollments()) {
      write(enrollmentRow(detail));
      if (++done % TURN_ROWS === 0) await this.#turn("enrollments", done, total);
    }
  }

  async #entities(fold: EventFold, table: ExportTableName, { entity, columns, detail }: EntityTable, write: (row: Row) => void): Promise<void> {
    let total = 0;
    for (const _ of fold.ids(entity)) total++;
    const reader = fold.reader();
    const { scorer = handScorer } = this.#options;
    const now_ms = fold.as_of_ms ?? 0;
    let done = 0;
    for (const id of fold.ids(entity)) {
      const features = must(reader.read(entity, id, now_ms), `${entity} ${id} has no record`).values;
      const known = detail({ id, features, now_ms, ledger: fold.details, scorer });
      write(columns.map((column) => column.cell(id, features, known)));
      if (++done % TURN_ROWS === 0) await this.#turn(table, done, total);
    }
  }

  async #read(step: ExportStep, last_sequence: number | undefined, onMessage: Parameters<typeof readStream>[3]): Promise<ReadRange> {
    const { source, signal, onProgress } = this.#options;
    const stream = await source.streamInfo(STREAM_EVENTS);
    const first = Math.max(1, stream?.first_sequence ?? 1);
    const last = last_sequence ?? stream?.last_sequence ?? 0;
    let messages = 0;
    const range = await readStream(source, STREAM_EVENTS, { last_sequence: last }, (message) => {
      signal.throwIfAborted();
      onMessage(message);
      if (++messages % PROGRESS_EVENTS === 0) onProgress?.(step, message.sequence - first + 1, last - first + 1);
    });
    if (step === "events") onProgress?.(step, messages, messages);
    return range;
  }

  /** Lets the process see a signal. */
  async #turn(table: ExportTableName, done: number, total: number): Promise<void> {
    this.#options.onProgress?.(table, done, total);
    await new Promise(setImmediate);
    this.#options.signal.throwIfAborted();
  }
}
