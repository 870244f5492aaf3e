import { createReadStream } from "node:fs";
import Papa, { type Parser } from "papaparse";
import { TidemarkError } from "../lib/errors.ts";
import type { ColumnFeed, TableReader } from "./table-input.ts";

const CHUNK_BYTES = 1 << 20;
/** Chunks in a row without the end of a record: a quote that was opened and never closed. */
const ENDLESS_CHUNKS = 16;

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
      // The mark that some programs begin a UTF-8 file with is no part of a name.
      const names = record.map((name, i) => (i === 0 ? name.replace(/^\uFEFF/, "") : name).trim());
      this.#columns = this.#open(names);
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

/** RFC 4180 in UTF-8, streamed: quotes, line breaks within them, either line ending, a byte order mark. */
export const readCsv: TableReader = async (path, open, onRows) => {
  const sink = new CsvRows(path, open);
  const stream = createReadStream(path, { encoding: "utf8", highWaterMark: CHUNK_BYTES });
  let endless = 0;
  await new Promise<void>((resolve, reject) => {
    const fail = (error: unknown, parser?: Parser): void => {
      // First: an aborted parser says that it is complete.
      reject(error);
      parser?.abort();
      stream.destroy();
    };
    Papa.parse<string[]>(stream, {
      delimiter: ",",
      chunk: ({ data, errors }, parser) => {
        try {
          const [first] = errors;
          for (const [i, record] of data.entries()) {
            if (first?.row === i) break;
            sink.take(record);
          }
          if (first !== undefined) throw new TidemarkError("bad_file", `${path}, row ${sink.rows + 1}: ${first.message}; double the quotes within a quoted field`);
          endless = data.length > 0 ? 0 : endless + 1;
          if (endless > ENDLESS_CHUNKS) throw new TidemarkError("bad_file", `${path}, row ${sink.rows + 1}: no end of the record in ${ENDLESS_CHUNKS} MB; close the quotes`);
          onRows(sink.rows);
        } catch (error) {
          fail(error, parser);
        }
      },
      complete: () => resolve(),
      error: (error) => fail(new TidemarkError("no_file", `${path} cannot be read: ${error.message}`, { cause: error })),
    });
  });
  return sink.rows;
};
