import sqlite, { type BindValues, type Database, type JSValue, type Statement } from "node-sqlite3-wasm";
import { cellText } from "./cell-text.ts";
import { type Cell, type Column, type ColumnType, type Row, type TableSink, checkRow } from "./table.ts";

const declared: Record<ColumnType, string> = { string: "TEXT", integer: "BIGINT", double: "DOUBLE", boolean: "BOOLEAN", timestamp: "TEXT", date: "TEXT" };
const utf8 = new TextEncoder();
/** The binding ends a text at its first NUL, and gives half a character as bytes that are no UTF-8. Bytes that SQLite then casts it takes whole. */
const AS_BYTES = /\0|\p{Surrogate}/u;

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

function bound(type: ColumnType, cell: Cell): JSValue {
  if (cell === null || type === "integer" || type === "double" || type === "boolean") return cell;
  const text = cellText(type, cell);
  return AS_BYTES.test(text) ? utf8.encode(text) : text;
}

/** Tables of one SQLite file. The library's page cache, 2 MB, is what stays in memory. */
export class SqliteTables {
  readonly #database: Database;

  constructor(path: string) {
    this.#database = new sqlite.Database(path);
    // The file gets its name once it is whole: until then there is nothing to roll back to.
    this.#database.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN");
  }

  open(table: string, columns: readonly Column[]): TableSink {
    const definitions = columns.map(({ name, type, nullable }) => `${quoted(name)} ${declared[type]}${nullable === true ? "" : " NOT NULL"}`);
    this.#database.exec(`CREATE TABLE ${quoted(table)} (${definitions.join(", ")})`);
    const places = columns.map(({ type }) => (type === "string" ? "CAST(? AS TEXT)" : "?"));
    return new SqliteSink(this.#database.prepare(`INSERT INTO ${quoted(table)} VALUES (${places.join(", ")})`), columns);
  }

  /** After every table has ended. */
  end(): void {
    this.#database.exec("COMMIT");
    this.#database.close();
  }

  /** Ends the tables as well. */
  abandon(): void {
    if (this.#database.isOpen) this.#database.close();
  }
}

class SqliteSink implements TableSink {
  readonly #insert: Statement;
  readonly #columns: readonly Column[];

  constructor(insert: Statement, columns: readonly Column[]) {
    this.#insert = insert;
    this.#columns = columns;
  }

  write(rows: readonly Row[]): void {
    for (const row of rows) {
      checkRow(this.#columns, row);
      this.#insert.run(row.map((cell, i) => bound(this.#columns[i]!.type, cell)) satisfies BindValues);
    }
  }

  end(): void {
    if (!this.#insert.isFinalized) this.#insert.finalize();
  }

  abandon(): void {
    this.end();
  }
}
