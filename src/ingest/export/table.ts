import { assert } from "../../lib/assert.ts";

export const tableFormats = ["csv", "parquet", "arrow", "sqlite"] as const;
export type TableFormat = (typeof tableFormats)[number];

/**
 * What a column holds, and as what: `integer` any whole number of 64 bits; `timestamp` milliseconds since the epoch, written as RFC 3339 text
 * or the timestamp in milliseconds and UTC that Parquet and Arrow have; `date` milliseconds at the start of a UTC day, written as YYYY-MM-DD or their date.
 */
export type ColumnType = "string" | "integer" | "double" | "boolean" | "timestamp" | "date";

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** Whether a cell may be null; no unless said. */
  readonly nullable?: boolean;
}

export type Cell = string | number | bigint | boolean | null;
/** One cell a column, in their order. */
export type Row = readonly Cell[];

/** Takes rows of one table, and keeps a bounded part of them in memory. */
export interface TableSink {
  write(rows: readonly Row[]): void;
  /** Writes what is still in memory and takes no more; once is enough, twice does no harm. */
  end(): void;
  /** Lets go of the file as it is, however far it is. */
  abandon(): void;
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
/** Years 0000 to 9999, which are all that RFC 3339 has. */
const TIME_MIN_MS = -62_167_219_200_000;
const TIME_MAX_MS = 253_402_300_799_999;

function fits(type: ColumnType, cell: Cell): boolean {
  switch (type) {
    case "string":
      return typeof cell === "string";
    case "integer":
      return Number.isSafeInteger(cell) || (typeof cell === "bigint" && cell >= INT64_MIN && cell <= INT64_MAX);
    case "double":
      return Number.isFinite(cell);
    case "boolean":
      return typeof cell === "boolean";
    case "timestamp":
    case "date":
      return Number.isSafeInteger(cell) && (cell as number) >= TIME_MIN_MS && (cell as number) <= TIME_MAX_MS;
  }
}

/** The same for every format, so that no table can be written as one and not as another. */
export function checkRow(columns: readonly Column[], row: Row): void {
  assert(row.length === columns.length, "a row has one cell a column");
  for (let i = 0; i < columns.length; i++) {
    const { name, type, nullable } = columns[i]!;
    const cell = row[i]!;
    if (cell === null ? nullable !== true : !fits(type, cell)) throw new TypeError(`${String(cell)} is no ${type} for column ${name}`);
  }
}
