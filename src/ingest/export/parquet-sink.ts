import { fileWriter, ParquetWriter, type SchemaElement } from "hyparquet-writer";
import { DAY_MS } from "../../lib/time.ts";
import { type Cell, type Column, type ColumnType, type Row, type TableSink, checkRow } from "./table.ts";

/** In memory before a row group is written, some 50 MB while it is encoded: 32,768 rows of 8 columns, say. */
const ROW_GROUP_CELLS = 262_144;

const elements: Record<ColumnType, Pick<SchemaElement, "type" | "converted_type">> = {
  string: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  integer: { type: "INT64" },
  double: { type: "DOUBLE" },
  boolean: { type: "BOOLEAN" },
  timestamp: { type: "INT64", converted_type: "TIMESTAMP_MILLIS" },
  date: { type: "INT32", converted_type: "DATE" },
};

function value(type: ColumnType, cell: Cell): unknown {
  if (cell === null) return null;
  if (type === "integer") return BigInt(cell);
  return type === "date" ? Math.floor((cell as number) / DAY_MS) : cell;
}

/** Row groups of a bounded number of cells, compressed with Snappy. */
export class ParquetSink implements TableSink {
  readonly #columns: readonly Column[];
  readonly #writer: ParquetWriter;
  readonly #group_rows: number;
  #group: unknown[][];
  #ended = false;

  constructor(path: string, columns: readonly Column[]) {
    this.#columns = columns;
    const leaves = columns.map(({ name, type, nullable }): SchemaElement => ({ name, ...elements[type], repetition_type: nullable === true ? "OPTIONAL" : "REQUIRED" }));
    this.#writer = new ParquetWriter({ writer: fileWriter(path), schema: [{ name: "root", num_children: columns.length }, ...leaves] });
    this.#group_rows = Math.max(1, Math.floor(ROW_GROUP_CELLS / columns.length));
    this.#group = columns.map(() => []);
  }

  write(rows: readonly Row[]): void {
    for (const row of rows) {
      checkRow(this.#columns, row);
      for (let i = 0; i < row.length; i++) this.#group[i]!.push(value(this.#columns[i]!.type, row[i]!));
      if (this.#group[0]!.length >= this.#group_rows) this.#flush();
    }
  }

  end(): void {
    if (this.#ended) return;
    this.#flush();
    void this.#writer.finish();
    this.abandon();
  }

  /** The library keeps no file open between its writes. */
  abandon(): void {
    this.#group = [];
    this.#ended = true;
  }

  #flush(): void {
    const rows = this.#group[0]!.length;
    if (rows === 0) return;
    void this.#writer.write({ columnData: this.#columns.map(({ name }, i) => ({ name, data: this.#group[i]! })), rowGroupSize: rows });
    this.#group = this.#columns.map(() => []);
  }
}
