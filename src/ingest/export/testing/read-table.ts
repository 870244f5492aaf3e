import { readFileSync } from "node:fs";
import { tableFromIPC } from "apache-arrow";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import sqlite from "node-sqlite3-wasm";
import { must } from "../../../lib/assert.ts";
import type { Cell, Column, ColumnType, Row, TableFormat } from "../table.ts";

/** RFC 4180, written from its text and not from the writer's: undefined is a field without quotes and without characters. */
function parseCsv(text: string): (string | undefined)[][] {
  const records: (string | undefined)[][] = [];
  let record: (string | undefined)[] = [];
  let at = 0;
  while (at < text.length) {
    let field: string | undefined;
    if (text[at] === '"') {
      field = "";
      for (at++; ; at++) {
        if (at >= text.length) throw new Error("a quoted field does not end");
        if (text[at] !== '"') field += text[at]!;
        else if (text[at + 1] === '"') field += text[at++]!;
        else break;
      }
      at++;
    } else {
      const from = at;
      while (at < text.length && text[at] !== "," && text[at] !== "\n") at++;
      field = at > from ? text.slice(from, at) : undefined;
      if (field !== undefined && /["\r]/.test(field)) throw new Error("a field should have been quoted");
    }
    record.push(field);
    if (text[at] === "\n") {
      records.push(record);
      record = [];
    } else if (text[at] !== ",") throw new Error(`a field ends with ${JSON.stringify(text[at])}`);
    at++;
    if (text[at - 1] === "," && at >= text.length) throw new Error("the last line does not end");
  }
  return records;
}

function ofText(type: ColumnType, text: string | undefined): Cell {
  if (text === undefined) return null;
  switch (type) {
    case "string":
      return text;
    case "integer":
      return BigInt(text);
    case "double":
      return Number(text);
    case "boolean":
      if (text !== "true" && text !== "false") throw new Error(`${text} is no boolean`);
      return text === "true";
    case "timestamp":
    case "date":
      return Date.parse(text);
  }
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The rows of a table as the writer took them, whole numbers as bigint. Throws where the file is not as its format and columns say. */
export async function readTable(format: TableFormat, path: string, table: string, columns: readonly Column[]): Promise<Row[]> {
  if (format === "csv") {
    const [header, ...records] = parseCsv(strict.decode(readFileSync(path)));
    if (JSON.stringify(header) !== JSON.stringify(columns.map(({ name }) => name))) throw new Error(`the header is ${JSON.stringify(header)}`);
    return records.map((record) => columns.map(({ type }, i) => ofText(type, record[i])));
  }
  if (format === "arrow") return readArrow(path, columns);
  return format === "parquet" ? readParquet(path, columns) : readSqlite(path, table, columns);
}

function readArrow(path: string, columns: readonly Column[]): Row[] {
  const read = tableFromIPC(readFileSync(path));
  const names = read.schema.fields.map(({ name }) => name);
  if (JSON.stringify(names) !== JSON.stringify(columns.map(({ name }) => name))) throw new Error(`the columns are ${JSON.stringify(names)}`);
  const cells = columns.map(({ type }, i): readonly Cell[] => {
    const vector = must(read.getChildAt(i), "a column");
    // As bytes, since this library, too, takes U+FEFF at the start of a text away.
    return type === "string" ? vector.data.flatMap((data) => Array.from({ length: data.length }, (_, at) => (data.getValid(at) ? strict.decode((data.values as Uint8Array).subarray(data.valueOffsets[at], data.valueOffsets[at + 1])) : null))) : ([...vector] as Cell[]);
  });
  return Array.from({ length: read.numRows }, (_, row) => cells.map((column) => column[row] as Cell));
}

/** The reader's own way takes U+FEFF at the start of a text away. */
const keepingMark = (bytes: Uint8Array | undefined): string | undefined => (bytes === undefined ? undefined : strict.decode(bytes));

async function readParquet(path: string, columns: readonly Column[]): Promise<Row[]> {
  const bytes = readFileSync(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const names = parquetMetadata(file).schema.slice(1).map(({ name }) => name);
  if (JSON.stringify(names) !== JSON.stringify(columns.map(({ name }) => name))) throw new Error(`the columns are ${JSON.stringify(names)}`);
  const objects: Record<string, unknown>[] = await parquetReadObjects({ file, parsers: { stringFromBytes: keepingMark } });
  return objects.map((object) =>
    columns.map(({ name }) => {
      const cell = object[name];
      return cell instanceof Date ? cell.getTime() : (cell as Cell);
    }),
  );
}

function readSqlite(path: string, table: string, columns: readonly Column[]): Row[] {
  const database = new sqlite.Database(path, { readOnly: true });
  try {
    // As bytes, since this library ends a text that it reads at the first NUL.
    const cells = columns.map(({ name, type }, i) => {
      const quoted = `"${name.replaceAll('"', '""')}"`;
      return `${type === "string" ? `CAST(${quoted} AS BLOB)` : quoted} AS c${i}, typeof(${quoted}) AS t${i}`;
    });
    return database.all(`SELECT ${cells.join(", ")} FROM "${table}" ORDER BY rowid`).map((row) =>
      columns.map(({ type }, i): Cell => {
        const cell = row[`c${i}`] as number | bigint | string | Uint8Array | null;
        if (cell === null) return null;
        const stored = must({ string: "text", integer: "integer", double: "real", boolean: "integer", timestamp: "text", date: "text" }[type], "a type");
        if (row[`t${i}`] !== stored) throw new Error(`a ${type} is stored as ${String(row[`t${i}`])}`);
        if (type === "string") return typeof cell === "string" ? cell : strict.decode(cell as Uint8Array);
        if (type === "integer") return BigInt(cell as number | bigint);
        if (type === "boolean") return cell === 1;
        return type === "double" ? Number(cell) : Date.parse(cell as string);
      }),
    );
  } finally {
    database.close();
  }
}
