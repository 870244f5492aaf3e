import { statSync } from "node:fs";
import { extname } from "node:path";
import { must } from "../lib/assert.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { type ColumnBuilder, columnBuilder, type InputColumn, type InputKind } from "./table-input-columns.ts";
import { readCsv } from "./table-input-csv.ts";
import { readParquet } from "./table-input-parquet.ts";

export interface ColumnRequest {
  readonly name: string;
  readonly kind: InputKind;
}

export interface TableInput {
  readonly rows: number;
  /** One a request, in their order. */
  readonly columns: readonly InputColumn[];
}

/** What a reader of one format does: calls `open` once with the names of the columns, then feeds the builders that it gets, one a request. */
export type TableReader = (path: string, open: (names: readonly string[]) => readonly ColumnFeed[], onRows: (rows: number) => void) => Promise<number>;

export interface ColumnFeed {
  /** Place among the file's columns. */
  readonly index: number;
  readonly builder: ColumnBuilder;
}

const readers: Readonly<Record<string, TableReader>> = { ".csv": readCsv, ".parquet": readParquet };
const NAMES_SHOWN = 40;

function checkFile(path: string): TableReader {
  const reader = readers[extname(path).toLowerCase()];
  if (reader === undefined) throw new TidemarkError("bad_file", `${path} ends in neither .csv nor .parquet: those are the formats that are read`);
  let stat;
  try {
    stat = statSync(path);
  } catch (error) {
    throw new TidemarkError("no_file", `${path} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
  if (!stat.isFile()) throw new TidemarkError("bad_file", `${path} is not a file`);
  if (stat.size === 0) throw new TidemarkError("bad_file", `${path} is empty: it needs a line of column names and rows`);
  return reader;
}

function feeds(path: string, names: readonly string[], requests: readonly ColumnRequest[]): ColumnFeed[] {
  return requests.map(({ name, kind }) => {
    const index = names.indexOf(name);
    if (index < 0) {
      const known = `${names.slice(0, NAMES_SHOWN).join(", ")}${names.length > NAMES_SHOWN ? `, and ${names.length - NAMES_SHOWN} more` : ""}`;
      const separator = names.length === 1 ? /[;\t|]/.exec(names[0]!)?.[0] : undefined;
      const hint = separator === undefined ? "" : `\n  the first line seems to be separated by ${JSON.stringify(separator)}: columns must be separated by commas`;
      throw new TidemarkError("unknown_column", `${path} has no column ${JSON.stringify(name)}\n  there are: ${known}${hint}`);
    }
    if (names.includes(name, index + 1)) throw new TidemarkError("bad_file", `${path} has two columns named ${JSON.stringify(name)}: rename one`);
    return { index, builder: columnBuilder(name, kind) };
  });
}

/**
 * Reads some columns of a CSV or Parquet file, row by row into typed arrays. Missing cells are NaN, or −1 for labels. Throws TidemarkError that names the file,
 * the column and the row: `no_file`, `bad_file`, `unknown_column`, `bad_value`. Rows count from 1 after the line of names.
 */
export async function readTable(path: string, requests: readonly ColumnRequest[], onRows: (rows: number) => void = () => undefined): Promise<TableInput> {
  const reader = checkFile(path);
  let columns: ColumnFeed[] | undefined;
  const rows = await reader(path, (names) => (columns = feeds(path, names, requests)), onRows);
  const built = must(columns, "a reader opens its file");
  if (rows === 0) throw new TidemarkError("bad_file", `${path} has column names and no rows`);
  return { rows, columns: built.map(({ builder }) => builder.finish()) };
}
