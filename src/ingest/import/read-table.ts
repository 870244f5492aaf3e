import { TidemarkError } from "../../lib/errors.ts";
import { readCsvRecords } from "../csv-records.ts";
import { type CellValue, isMissing, readCell } from "./cell.ts";
import { type ColumnChoices, type ColumnMap, mapColumns } from "./column-map.ts";
import type { ImportRow, ImportTableName } from "./import-tables.ts";

/** Why a row is left out. */
export interface Rejection {
  /** Of the file, by its header; empty where it is the row as a whole. */
  readonly column: string;
  readonly value: string;
  readonly reason: string;
}

export interface TableSource {
  readonly table: ImportTableName;
  readonly path: string;
  readonly choices: ColumnChoices;
}

export interface RowHandlers {
  readonly onMap: (map: ColumnMap) => void;
  readonly onRow: (row: ImportRow, map: ColumnMap, line: number) => void;
  readonly onRejected: (rejection: Rejection, line: number) => void;
  readonly onBytes: (done: number) => void;
}

function readRow(record: readonly string[], map: ColumnMap): ImportRow | Rejection {
  const row: Record<string, CellValue> = {};
  for (const { column, index, header = column.name, fallback } of map.columns) {
    const cell = index === undefined ? "" : record[index]!.trim();
    const text = isMissing(cell) ? fallback : cell;
    if (text === undefined) {
      if (column.required === true) return { column: header, value: "", reason: "is missing" };
      continue;
    }
    const read = readCell(column.kind, text);
    if ("problem" in read) return { column: header, value: text, reason: read.problem };
    row[column.name] = read.value;
  }
  return row;
}

const isRejection = (row: ImportRow | Rejection): row is Rejection => "reason" in row && "value" in row && "column" in row;

/** Reads a file row by row, with the line that each begins in, counted from 1. Throws TidemarkError `no_file`, `bad_file`, `missing_column`, `unknown_column`. */
export async function readImportTable({ table, path, choices }: TableSource, { onMap, onRow, onRejected, onBytes }: RowHandlers): Promise<void> {
  let map: ColumnMap | undefined;
  let line = 1;
  await readCsvRecords(path, {
    place: () => `line ${line}`,
    onChunk: onBytes,
    onRecord: (record) => {
      const at = line++;
      for (const cell of record) for (let i = cell.indexOf("\n"); i >= 0; i = cell.indexOf("\n", i + 1)) line++;
      if (map === undefined) {
        map = mapColumns(table, path, record.map((name) => name.trim()), choices);
        onMap(map);
        return;
      }
      // A line without anything, as files often end with.
      if (record.length === 1 && record[0]!.trim() === "" && map.width > 1) return;
      if (record.length !== map.width) {
        onRejected({ column: "", value: record.join(","), reason: `has ${record.length} fields where the first line has ${map.width}: put fields with commas in quotes` }, at);
        return;
      }
      const row = readRow(record, map);
      if (isRejection(row)) onRejected(row, at);
      else onRow(row, map, at);
    },
  });
  if (map === undefined) throw new TidemarkError("bad_file", `${path} is empty: it needs a line of column names and rows`);
}
