import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { DatasetName } from "../contracts/worker-protocol.ts";
import type { Column, Row } from "../ingest/export/table.ts";
import { must } from "../lib/assert.ts";
import { parseTime } from "../lib/time.ts";
import type { DatasetManifest } from "./column-files.ts";
import { derivedColumns, numberColumns, textColumns } from "./dataset-columns.ts";

const ROWS = 1_024;
const TEXT_BYTES = 64 * 1024;

/** Reads a column file from its beginning, some values at a time. */
class NumberReader {
  readonly #file: number;
  readonly #bytes: number;
  readonly #buffer: Buffer;

  constructor(path: string, bytes: number) {
    this.#file = openSync(path, "r");
    this.#bytes = bytes;
    this.#buffer = Buffer.alloc(ROWS * bytes);
  }

  read(rows: number): Float64Array {
    const wanted = rows * this.#bytes;
    for (let at = 0; at < wanted; ) {
      const more = readSync(this.#file, this.#buffer, at, wanted - at, null);
      must(more > 0 ? more : undefined, "a column is shorter than the manifest says");
      at += more;
    }
    return Float64Array.from({ length: rows }, (_, i) => (this.#bytes === 4 ? this.#buffer.readInt32LE(i * 4) : this.#buffer.readDoubleLE(i * 8)));
  }

  close(): void {
    closeSync(this.#file);
  }
}

class TextReader {
  readonly #file: number;
  readonly #buffer = Buffer.alloc(TEXT_BYTES);
  #rest = "";
  #lines: string[] = [];
  #at = 0;

  constructor(path: string) {
    this.#file = openSync(path, "r");
  }

  read(rows: number): string[] {
    const found: string[] = [];
    while (found.length < rows) {
      if (this.#at === this.#lines.length) {
        const more = readSync(this.#file, this.#buffer, 0, TEXT_BYTES, null);
        must(more > 0 ? more : undefined, "a column is shorter than the manifest says");
        // Ids and categories are ASCII: no character is cut in two.
        this.#lines = (this.#rest + this.#buffer.toString("latin1", 0, more)).split("\n");
        this.#rest = this.#lines.pop() ?? "";
        this.#at = 0;
      } else found.push(this.#lines[this.#at++]!);
    }
    return found;
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** The table that a dataset is as one file: its cut-off as a time, and the description's names beside ours. */
export function datasetTableColumns(dataset: DatasetName): Column[] {
  const { features, labels } = numberColumns[dataset];
  const doubles = [...features, ...labels, ...derivedColumns[dataset].flatMap(({ names }) => names)];
  return [...textColumns[dataset].map((name): Column => ({ name, type: "string" })), { name: "at", type: "timestamp" }, ...doubles.map((name): Column => ({ name, type: "double" }))];
}

/** Its rows, some at a time, in order. */
export function* datasetTableRows(directory: string, manifest: DatasetManifest): Generator<Row[]> {
  const { columns, rows, at, dataset } = manifest;
  const at_ms = at.map(parseTime);
  const readers = columns.map(({ file, type }) => (type === "text" ? new TextReader(join(directory, file)) : new NumberReader(join(directory, file), type === "i32" ? 4 : 8)));
  const position = (name: string): number => columns.findIndex((column) => column.name === name && column.type === "f64");
  const derived = derivedColumns[dataset].map(({ from, of }) => ({ of, from: from.map((name) => must(position(name) >= 0 ? position(name) : undefined, `no column ${name}`)) }));
  try {
    for (let done = 0; done < rows; done += ROWS) {
      const count = Math.min(ROWS, rows - done);
      const values = readers.map((reader) => reader.read(count));
      yield Array.from({ length: count }, (_, i) => {
        const own = columns.map(({ type }, c) => (type === "i32" ? at_ms[values[c]![i] as number]! : values[c]![i]!));
        return [...own, ...derived.flatMap(({ from, of }) => of(...from.map((c) => values[c]![i] as number)))];
      });
    }
  } finally {
    for (const reader of readers) reader.close();
  }
}
