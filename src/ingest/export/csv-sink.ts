import { closeSync, openSync, writeSync } from "node:fs";
import { stringify } from "csv-stringify/sync";
import { cellText } from "./cell-text.ts";
import { type Column, type Row, type TableSink, checkRow } from "./table.ts";

const BATCH_ROWS = 1_024;
/** A null is nothing at all between two commas, an empty text is "". */
const options = { quoted_match: /^$/ };

/** RFC 4180 with a header, in UTF-8; lines end in \n. */
export class CsvSink implements TableSink {
  readonly #columns: readonly Column[];
  readonly #file: number;
  #closed = false;
  #batch: (string | null)[][];

  constructor(path: string, columns: readonly Column[]) {
    this.#columns = columns;
    this.#file = openSync(path, "w");
    this.#batch = [columns.map(({ name }) => name)];
  }

  write(rows: readonly Row[]): void {
    for (const row of rows) {
      checkRow(this.#columns, row);
      this.#batch.push(row.map((cell, i) => (cell === null ? null : cellText(this.#columns[i]!.type, cell))));
      if (this.#batch.length >= BATCH_ROWS) this.#flush();
    }
  }

  end(): void {
    if (!this.#closed) this.#flush();
    this.abandon();
  }

  abandon(): void {
    if (!this.#closed) closeSync(this.#file);
    this.#closed = true;
  }

  #flush(): void {
    const bytes = Buffer.from(stringify(this.#batch, options));
    this.#batch = [];
    // A write may take less than it was given.
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
  }
}
