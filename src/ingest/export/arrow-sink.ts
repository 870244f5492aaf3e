import { closeSync, openSync, writeSync } from "node:fs";
import { AsyncByteQueue, Bool, type Builder, type DataType, DateDay, Field, Float64, Int64, makeBuilder, makeData, RecordBatch, RecordBatchFileWriter, Schema, Struct, TimestampMillisecond, Utf8 } from "apache-arrow";
import { type Cell, type Column, type ColumnType, type Row, type TableSink, checkRow } from "./table.ts";

/** In memory before a record batch is written. */
const BATCH_CELLS = 262_144;

const types: Record<ColumnType, () => DataType> = {
  string: () => new Utf8(),
  integer: () => new Int64(),
  double: () => new Float64(),
  boolean: () => new Bool(),
  timestamp: () => new TimestampMillisecond("UTC"),
  date: () => new DateDay(),
};

function value(type: ColumnType, cell: Cell): unknown {
  return type === "integer" && cell !== null ? BigInt(cell) : cell;
}

/** Takes what the writer says straight to the file: it would wait in memory for somebody to read it. */
class FileQueue extends AsyncByteQueue {
  readonly #file: number;

  constructor(file: number) {
    super();
    this.#file = file;
  }

  override write(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.byteLength; ) at += writeSync(this.#file, chunk, at);
  }
}

/** Arrow's file format (Feather 2), uncompressed: record batches of a bounded number of cells. */
export class ArrowSink implements TableSink {
  readonly #columns: readonly Column[];
  readonly #schema: Schema;
  readonly #writer = new RecordBatchFileWriter();
  readonly #batch_rows: number;
  readonly #builders: readonly Builder[];
  #file: number | undefined;
  #rows = 0;

  constructor(path: string, columns: readonly Column[]) {
    this.#columns = columns;
    this.#schema = new Schema(columns.map(({ name, type, nullable }) => new Field(name, types[type](), nullable === true)));
    this.#builders = this.#schema.fields.map(({ type }) => makeBuilder({ type, nullValues: [null] }));
    this.#batch_rows = Math.max(1, Math.floor(BATCH_CELLS / columns.length));
    this.#file = openSync(path, "w");
    this.#writer.reset(new FileQueue(this.#file), this.#schema);
  }

  write(rows: readonly Row[]): void {
    for (const row of rows) {
      checkRow(this.#columns, row);
      for (let i = 0; i < row.length; i++) this.#builders[i]!.append(value(this.#columns[i]!.type, row[i]!));
      if (++this.#rows >= this.#batch_rows) this.#flush();
    }
  }

  end(): void {
    if (this.#file === undefined) return;
    this.#flush();
    this.#writer.finish();
    this.abandon();
  }

  abandon(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #flush(): void {
    if (this.#rows === 0) return;
    const children = this.#builders.map((builder) => builder.flush());
    this.#writer.write(new RecordBatch(this.#schema, makeData({ type: new Struct(this.#schema.fields), length: this.#rows, nullCount: 0, children })));
    this.#rows = 0;
  }
}
