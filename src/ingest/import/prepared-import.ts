import { statSync } from "node:fs";
import { eventSubject } from "../../contracts/subjects.ts";
import { assert } from "../../lib/assert.ts";
import { errorMessage, TidemarkError } from "../../lib/errors.ts";
import { HASH_WORDS, hashText } from "../../lib/hash128.ts";
import { HashQueue } from "../../lib/hash-queue.ts";
import { parseTime } from "../../lib/time.ts";
import type { ColumnMap } from "./column-map.ts";
import { eventOfDraft, importedId, isProblem } from "./event-of-draft.ts";
import { type EventDraft, type ImportRow, type ImportScope, type ImportTable, type ImportTableName, importTableNames, importTables } from "./import-tables.ts";
import { readImportTable, type Rejection, type TableSource } from "./read-table.ts";
import { SortedLines } from "./sorted-lines.ts";

/** What ids that were seen may take: 32 bytes each. */
const EVENTS_MAX = 100_000_000;
/** Courses that are remembered by name, so that those which nothing describes can be told of. */
const COURSES_MAX = 1_000_000;

export interface TableCounts {
  readonly table: ImportTableName;
  readonly path: string;
  rows: number;
  rejected: number;
  events: number;
  map: ColumnMap | undefined;
}

export interface PrepareOptions {
  readonly sources: readonly TableSource[];
  /** For what does not fit into memory; the caller removes it. */
  readonly scratch: string;
  readonly now_ms: number;
  readonly onRejected: (source: TableSource, line: number, rejection: Rejection) => void;
  readonly onProgress?: (table: ImportTableName, bytes_done: number, bytes_total: number) => void;
  /** When a table is read. */
  readonly onTable?: (counts: TableCounts) => void;
  readonly signal: AbortSignal;
}

/** An event as it waits to be published. */
export interface PreparedEvent {
  readonly id: string;
  /** What the row itself goes by; empty without an id that an event could have. */
  readonly source_id: string;
  readonly subject: string;
  readonly json: string;
}

/** Events of the same moment come in the order in which one leads to the other. */
const order: readonly string[] = ["teacher.upserted", "course.upserted", "learner.upserted", "course.repriced", "market.competitor_price", "exposure.viewed", "token.purchased", "token.earned", "enrollment.created", "token.spent"];
const ORDERS = 16;
/** What a line can carry, and an event be called. */
const SOURCE_ID = /^[A-Za-z0-9_./-]{1,128}$/;

/** What a field of an event is called as a column. */
const columnsOfFields: Readonly<Record<string, readonly string[]>> = {
  price: ["token_price", "price"],
  base_price: ["base_price", "token_price"],
  "jitter.base": ["jitter_base"],
  "jitter.sigma": ["jitter_sigma"],
  "jitter.probability": ["jitter_probability"],
  time: ["enrolled_at", "transaction_at", "viewed_at", "occurred_at", "changed_at", "observed_at", "described_at", "registered_at", "launched_at"],
};

function headerOf(field: string, { columns }: ColumnMap): string {
  const names = columnsOfFields[field] ?? [field.split(".")[0]!];
  const found = columns.find(({ column }) => names.includes(column.name));
  return found?.header ?? names[0] ?? field;
}

/**
 * Rows of all tables as events, in the order in which the platform came to know them. Memory: the ids of all rows (32 bytes an event), one run of the
 * sort, and the ids of the courses.
 */
export class PreparedImport {
  readonly tables: TableCounts[] = [];
  /** What was noticed, with how often. */
  readonly notes = new Map<string, number>();
  readonly #options: PrepareOptions;
  readonly #lines: SortedLines;
  readonly #seen = new HashQueue(EVENTS_MAX);
  readonly #hash = new Int32Array(HASH_WORDS);
  readonly #named = new Set<string>();
  readonly #described = new Set<string>();
  #first_ms = Number.POSITIVE_INFINITY;
  #last_ms = Number.NEGATIVE_INFINITY;

  constructor(options: PrepareOptions) {
    this.#options = options;
    this.#lines = new SortedLines(options.scratch);
  }

  get events(): number {
    return this.#lines.length;
  }

  get rejected(): number {
    return this.tables.reduce((sum, { rejected }) => sum + rejected, 0);
  }

  /** Reads every file. Throws TidemarkError `import_stopped` after the signal, `import_too_large`, and those of reading a table. */
  async read(): Promise<void> {
    // What describes entities comes last: it is dated by what the others say.
    for (const table of importTableNames) {
      for (const source of this.#options.sources) if (source.table === table) await this.#readTable(source);
    }
    if (!this.#options.sources.some(({ table }) => table === "courses")) return;
    const undescribed = [...this.#named].filter((course_id) => !this.#described.has(course_id)).length;
    if (undescribed > 0) this.notes.set("courses are named that no row describes: until one does, they have no category and no teacher", undescribed);
  }

  /** Once, after `read`. */
  *prepared(): Generator<PreparedEvent> {
    for (const line of this.#lines.read()) {
      const [id, source_id, subject, json] = line.split("\t", 4);
      assert(id !== undefined && source_id !== undefined && subject !== undefined && json !== undefined, "a prepared event has four parts");
      yield { id, source_id, subject, json };
    }
  }

  async #readTable(source: TableSource): Promise<void> {
    const { table, path } = source;
    const { signal, onProgress, onRejected } = this.#options;
    const counts: TableCounts = { table, path, rows: 0, rejected: 0, events: 0, map: undefined };
    this.tables.push(counts);
    const total = sizeOf(path);
    const scope: ImportScope = {
      latest_ms: Number.isFinite(this.#last_ms) ? this.#last_ms : undefined,
      prices_told: this.#options.sources.some((other) => other.table === "price_changes"),
      note: (text) => this.notes.set(text, (this.notes.get(text) ?? 0) + 1),
    };
    const reject = (rejection: Rejection, line: number): void => {
      counts.rejected++;
      onRejected(source, line, rejection);
    };
    await readImportTable(source, {
      onMap: (map) => {
        counts.map = map;
      },
      onRow: (row, map, line) => {
        counts.rows++;
        const rejection = this.#take(table, row, map, scope, counts);
        if (rejection !== undefined) reject(rejection, line);
      },
      onRejected: (rejection, line) => {
        counts.rows++;
        reject(rejection, line);
      },
      onBytes: (done) => {
        if (signal.aborted) throw new TidemarkError("import_stopped", "stopped: nothing was published");
        onProgress?.(table, done, total);
      },
    });
    this.#options.onTable?.(counts);
  }

  /** All events of a row, or none of them. */
  #take(table: ImportTableName, row: ImportRow, map: ColumnMap, scope: ImportScope, counts: TableCounts): Rejection | undefined {
    const { key, drafts: draftsOf }: ImportTable = importTables[table];
    const drafts = draftsOf(row, scope);
    if (typeof drafts === "string") return { column: headerOf("transaction_type" in row ? "transaction_type" : "activity_type", map), value: "", reason: drafts };
    const identified = key.every((name) => row[name] !== undefined);
    const lines: { readonly known_ms: number; readonly rank: number; readonly text: string; readonly id: string; readonly time_ms: number }[] = [];
    for (const draft of drafts) {
      const id = this.#idOf(draft, identified);
      if (id === undefined) {
        const header = headerOf(key[0] ?? "", map);
        return { column: header, value: String(row[key[0] ?? ""] ?? ""), reason: "an earlier row has the same" };
      }
      const time_ms = draft.time_ms ?? (Number.isFinite(this.#first_ms) ? this.#first_ms : this.#options.now_ms);
      const event = eventOfDraft(draft, id, time_ms, this.#options.now_ms);
      if (isProblem(event)) return { column: headerOf(event.field, map), value: valueOf(draft, event.field), reason: event.reason };
      const known_ms = event.known_at === undefined ? time_ms : parseTime(event.known_at);
      const rank = order.indexOf(draft.type);
      lines.push({ known_ms, rank: rank < 0 ? order.length : rank, text: `${id}\t${draft.source_id !== undefined && SOURCE_ID.test(draft.source_id) ? draft.source_id : ""}\t${eventSubject(event, "backfill")}\t${JSON.stringify(event)}`, id, time_ms });
    }
    for (const { known_ms, rank, text, id, time_ms } of lines) {
      if (this.#seen.length === EVENTS_MAX) throw new TidemarkError("import_too_large", `more than ${EVENTS_MAX} events: import the history in several parts, oldest first`);
      hashText(id, this.#hash);
      this.#seen.add(this.#hash);
      this.#lines.add(known_ms * ORDERS + rank, text);
      if (time_ms < this.#first_ms) this.#first_ms = time_ms;
      if (time_ms > this.#last_ms) this.#last_ms = time_ms;
    }
    counts.events += lines.length;
    this.#remember(table, row);
    return undefined;
  }

  /** Undefined: this import has the row already, by its key. */
  #idOf(draft: EventDraft, identified: boolean): string | undefined {
    for (let repetition = 0; ; repetition++) {
      const id = importedId(draft, repetition);
      hashText(id, this.#hash);
      if (!this.#seen.has(this.#hash)) return id;
      if (identified) return undefined;
    }
  }

  #remember(table: ImportTableName, { course_id }: ImportRow): void {
    if (typeof course_id !== "string") return;
    const known = table === "courses" ? this.#described : this.#named;
    if (known.size < COURSES_MAX) known.add(course_id);
  }
}

function valueOf({ fields }: EventDraft, field: string): string {
  const value = fields[field.split(".")[0] ?? ""];
  return value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
}

function sizeOf(path: string): number {
  try {
    const stat = statSync(path);
    if (stat.isFile()) return stat.size;
  } catch (error) {
    throw new TidemarkError("no_file", `${path} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
  throw new TidemarkError("bad_file", `${path} is not a file`);
}
