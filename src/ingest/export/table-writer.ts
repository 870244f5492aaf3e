import { existsSync, mkdirSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { TidemarkError } from "../../lib/errors.ts";
import { ArrowSink } from "./arrow-sink.ts";
import { CsvSink } from "./csv-sink.ts";
import { ParquetSink } from "./parquet-sink.ts";
import { SqliteTables } from "./sqlite-tables.ts";
import type { Column, Row, TableFormat, TableSink } from "./table.ts";
import { TemporaryFile } from "./temporary-file.ts";

export interface WriterOptions {
  /** Replaces a file that exists; otherwise that is refused (`file_exists`). */
  readonly force?: boolean;
}

/** Writes one table to one file, which has its name only once it is whole. */
export interface TableWriter {
  write(rows: readonly Row[]): void;
  /** Resolves once the file is on disk under its name; after an error there is no file. */
  close(): Promise<void>;
  /** Leaves nothing behind. May be called at any time, also after `close`, when it does nothing. */
  discard(): void;
}

/** Writes several tables, which get their names together: a SQLite file of them all, or a directory with a file each. */
export interface TableSet {
  /** A table may be ended before the set is closed, and then takes no memory; those that are not end with it. */
  open(table: string, columns: readonly Column[]): Pick<TableSink, "write" | "end">;
  close(): Promise<void>;
  discard(): void;
}

/**
 * Opens a table for writing. The same rows in the same order give the same CSV, Parquet and Arrow bytes. Throws TidemarkError
 * `file_exists`, `no_directory`.
 */
export function openTableWriter(format: TableFormat, path: string, table: string, columns: readonly Column[], options: WriterOptions = {}): TableWriter {
  const set = openSingleTable(format, path, options);
  const { sink } = discardingOnError(set, () => ({ sink: set.open(table, columns) }));
  return {
    write: (rows) => sink.write(rows),
    close: () => set.close(),
    discard: () => set.discard(),
  };
}

/** The same with the table still to be named, for who writes one table or several alike. */
export function openSingleTable(format: TableFormat, path: string, options: WriterOptions = {}): TableSet {
  return format === "sqlite" ? new SqliteSet(path, options) : new FileSet(format, () => path, options);
}

/** Opens several tables for writing: `path` is the SQLite file, or the directory of `<table>.<format>`, which is made if it is not there. */
export function openTableSet(format: TableFormat, path: string, options: WriterOptions = {}): TableSet {
  return format === "sqlite" ? new SqliteSet(path, options) : new DirectorySet(format, path, options);
}

function discardingOnError<T>(set: TableSet, work: () => T): T {
  try {
    return work();
  } catch (error) {
    set.discard();
    throw error;
  }
}

const sinks = { csv: CsvSink, parquet: ParquetSink, arrow: ArrowSink } as const;
type FileFormat = keyof typeof sinks;

class FileSet implements TableSet {
  readonly #format: FileFormat;
  readonly #pathOf: (table: string) => string;
  readonly #force: boolean;
  #open: { readonly file: TemporaryFile; readonly sink: TableSink }[] = [];

  constructor(format: FileFormat, pathOf: (table: string) => string, { force = false }: WriterOptions) {
    this.#format = format;
    this.#pathOf = pathOf;
    this.#force = force;
  }

  open(table: string, columns: readonly Column[]): TableSink {
    const file = new TemporaryFile(this.#pathOf(table), this.#force);
    const sink = new sinks[this.#format](file.path, columns);
    this.#open.push({ file, sink });
    return sink;
  }

  async close(): Promise<void> {
    try {
      for (const { sink } of this.#open) sink.end();
      for (const { file } of this.#open) await file.sync();
      for (const { file } of this.#open) file.check();
      for (const { file } of this.#open) file.commit();
      this.#open = [];
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  discard(): void {
    for (const { file, sink } of this.#open) {
      sink.abandon();
      file.discard();
    }
    this.#open = [];
  }
}

class DirectorySet extends FileSet {
  readonly #path: string;
  /** By this set, and not in use yet. */
  #made: boolean;

  constructor(format: FileFormat, path: string, options: WriterOptions) {
    super(format, (table) => join(path, `${table}.${format}`), options);
    this.#path = path;
    if (existsSync(path) && !statSync(path).isDirectory()) throw new TidemarkError("file_exists", `${path} is a file: several tables need a directory`);
    this.#made = mkdirSync(path, { recursive: true }) !== undefined;
  }

  override async close(): Promise<void> {
    await super.close();
    this.#made = false;
  }

  override discard(): void {
    super.discard();
    if (!this.#made) return;
    this.#made = false;
    try {
      rmdirSync(this.#path);
    } catch {
      // Somebody else uses it by now.
    }
  }
}

class SqliteSet implements TableSet {
  readonly #file: TemporaryFile;
  readonly #tables: SqliteTables;
  #sinks: TableSink[] = [];
  #ended = false;

  constructor(path: string, { force = false }: WriterOptions) {
    this.#file = new TemporaryFile(path, force);
    this.#tables = new SqliteTables(this.#file.path);
  }

  open(table: string, columns: readonly Column[]): TableSink {
    const sink = this.#tables.open(table, columns);
    this.#sinks.push(sink);
    return sink;
  }

  async close(): Promise<void> {
    try {
      for (const sink of this.#sinks) sink.end();
      this.#tables.end();
      await this.#file.sync();
      this.#file.check();
      this.#file.commit();
    } catch (error) {
      this.discard();
      throw error;
    }
    this.#ended = true;
  }

  discard(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const sink of this.#sinks) sink.abandon();
    this.#sinks = [];
    this.#tables.abandon();
    this.#file.discard();
  }
}
