import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import Papa, { type Parser } from "papaparse";
import { TidemarkError } from "../lib/errors.ts";

const CHUNK_BYTES = 1 << 20;
/** Chunks in a row without the end of a record: a quote that was opened and never closed. */
const ENDLESS_CHUNKS = 16;
/** The mark that some programs begin a UTF-8 file with. */
const BYTE_ORDER_MARK = /^\uFEFF/;
const DELIMITERS = [",", ";", "\t", "|"] as const;

export interface CsvReading {
  /** Undefined: whichever of comma, semicolon, tab and bar the line of names has most of. */
  readonly delimiter?: string;
  /** The first record is the names. What it throws ends the reading. */
  readonly onRecord: (record: readonly string[]) => void;
  /** After each piece of the file. */
  readonly onChunk?: (bytes_read: number) => void;
  /** Where in the file the next record is, for messages. */
  readonly place: () => string;
}

/** What separates the names in the first line. The library's own guess fails on tables of two columns. */
function delimiterOf(path: string): string {
  const bytes = Buffer.alloc(1 << 16);
  const file = openSync(path, "r");
  let length: number;
  try {
    length = readSync(file, bytes);
  } finally {
    closeSync(file);
  }
  const names = bytes.toString("utf8", 0, length).replaceAll(/"[^"]*"/g, "").split(/[\r\n]/, 1)[0]!;
  const count = (delimiter: string): number => names.split(delimiter).length;
  return DELIMITERS.reduce((best, delimiter) => (count(delimiter) > count(best) ? delimiter : best));
}

/**
 * The records of a CSV file, streamed: RFC 4180 in UTF-8, quotes, line breaks within them, either line ending, a byte order mark. Memory does not
 * grow with the file. Throws TidemarkError `no_file`, or `bad_file` where quotes do not close.
 */
export async function readCsvRecords(path: string, { delimiter = delimiterOf(path), onRecord, onChunk, place }: CsvReading): Promise<void> {
  const stream = createReadStream(path, { encoding: "utf8", highWaterMark: CHUNK_BYTES });
  let endless = 0;
  let first_record = true;
  const take = (record: readonly string[]): void => {
    if (first_record) onRecord(record.map((name, i) => (i === 0 ? name.replace(BYTE_ORDER_MARK, "") : name)));
    else onRecord(record);
    first_record = false;
  };
  await new Promise<void>((resolve, reject) => {
    const fail = (error: unknown, parser?: Parser): void => {
      // First: an aborted parser says that it is complete.
      reject(error);
      parser?.abort();
      stream.destroy();
    };
    Papa.parse<string[]>(stream, {
      delimiter,
      chunk: ({ data, errors }, parser) => {
        try {
          const [first] = errors;
          for (const [i, record] of data.entries()) {
            if (first?.row === i) break;
            take(record);
          }
          if (first !== undefined) throw new TidemarkError("bad_file", `${path}, ${place()}: ${first.message}; double the quotes within a quoted field`);
          endless = data.length > 0 ? 0 : endless + 1;
          if (endless > ENDLESS_CHUNKS) throw new TidemarkError("bad_file", `${path}, ${place()}: no end of the record in ${ENDLESS_CHUNKS} MB; close the quotes`);
          onChunk?.(stream.bytesRead);
        } catch (error) {
          fail(error, parser);
        }
      },
      complete: () => resolve(),
      error: (error) => fail(new TidemarkError("no_file", `${path} cannot be read: ${error.message}`, { cause: error })),
    });
  });
}
