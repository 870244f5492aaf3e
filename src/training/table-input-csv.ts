import { readCsvRecords } from "../ingest/csv-records.ts";
import { TidemarkError } from "../lib/errors.ts";
import type { ColumnFeed, TableReader } from "./table-input.ts";

/** Feeds records into columns; the first one is the names. */
class CsvRows {
  readonly #path: string;
  readonly #open: (names: readonly string[]) => readonly ColumnFeed[];
  #columns: readonly ColumnFeed[] | undefined;
  #width = 0;
  rows = 0;

  constructor(path: string, open: (names: readonly string[]) => readonly ColumnFeed[]) {
    this.#path = path;
    this.#open = open;
  }

  take(record: readonly string[]): void {
    if (this.#columns === undefined) {
      this.#columns = this.#open(record.map((name) => name.trim()));
      this.#width = record.length;
      return;
    }
    // A line without anything, as files often end with. In a file of one column it is a missing cell.
    if (record.length === 1 && record[0] === "" && this.#width > 1) return;
    this.rows++;
    if (record.length !== this.#width) {
      const found = `${record.length} fields where the line of names has ${this.#width}`;
      throw new TidemarkError("bad_file", `${this.#path}, row ${this.rows}: ${found}; put fields with commas in quotes, and end all lines alike`);
    }
    for (const { index, builder } of this.#columns) builder.text(record[index]!);
  }
}

/** Commas alone: a table of numbers is not guessed at. */
export const readCsv: TableReader = async (path, open, onRows) => {
  const rows = new CsvRows(path, open);
  await readCsvRecords(path, { delimiter: ",", onRecord: (record) => rows.take(record), onChunk: () => onRows(rows.rows), place: () => `row ${rows.rows + 1}` });
  return rows.rows;
};
