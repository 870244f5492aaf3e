import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetRead } from "hyparquet";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { TableReader } from "./table-input.ts";

/** Snappy and plain pages are the library's own; these are Node's. */
const compressors = { GZIP: (bytes: Uint8Array) => gunzipSync(bytes), BROTLI: (bytes: Uint8Array) => brotliDecompressSync(bytes) };

/** Names of the columns at the top; nested ones keep their name and cannot be read. */
function columnNames({ schema }: FileMetaData): string[] {
  const names: string[] = [];
  for (let i = 1, left = schema[0]?.num_children ?? 0; left > 0 && i < schema.length; left--) {
    names.push(schema[i]!.name);
    // Past whatever it holds.
    for (let inside = 1; inside > 0 && i < schema.length; i++) inside += (schema[i]!.num_children ?? 0) - 1;
  }
  return names;
}

/** Row group by row group, the columns that are asked for alone. */
export const readParquet: TableReader = async (path, open, onRows) => {
  const refuse = (error: unknown): never => {
    throw error instanceof TidemarkError ? error : new TidemarkError("bad_file", `${path} cannot be read as Parquet: ${errorMessage(error)}`, { cause: error });
  };
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file).catch(refuse);
  const names = columnNames(metadata);
  const feeds = open(names);
  const columns = [...new Set(feeds.map(({ index }) => names[index]!))];
  let rows = 0;
  for (const group of metadata.row_groups) {
    const size = Number(group.num_rows);
    const parts = new Map<string, { readonly from: number; readonly cells: ArrayLike<unknown> }[]>(columns.map((name) => [name, []]));
    const from = rows;
    await parquetRead({
      file,
      metadata,
      columns,
      compressors,
      rowStart: from,
      rowEnd: from + size,
      onChunk: ({ columnName, columnData, rowStart }) => parts.get(columnName)?.push({ from: rowStart, cells: columnData }),
    }).catch(refuse);
    for (const { index, builder } of feeds) {
      let next = from;
      for (const { from: start, cells } of (parts.get(names[index]!) ?? []).toSorted((a, b) => a.from - b.from)) {
        for (let i = Math.max(0, next - start); i < cells.length && start + i < from + size; i++, next++) builder.value(cells[i]);
      }
      if (next !== from + size) refuse(new Error(`column ${names[index]} has ${next - from} cells for ${size} rows`));
    }
    rows += size;
    onRows(rows);
  }
  return rows;
};
