import { createHash, type Hash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { datasetNames } from "../contracts/worker-protocol.ts";

/** Bytes of a column that wait to be written. */
const BUFFER_BYTES = 64 * 1024;

const columnSchema = z.object({
  name: z.string(),
  /** `f64`: 8-byte doubles, little end first. `i32`: 4-byte integers. `text`: UTF-8 lines, each ended by a newline. */
  type: z.enum(["f64", "i32", "text"]),
  file: z.string(),
  sha256: z.string(),
});

export const datasetManifestSchema = z.object({
  format: z.literal(1),
  dataset: z.enum(datasetNames),
  /** Of the record layout that the features were folded with. */
  layout: z.string(),
  rows: z.int(),
  columns: z.array(columnSchema),
  /** Cut-offs, RFC 3339: `period` is a row's index in here. */
  at: z.array(z.string()),
  gap_ms: z.number(),
  horizon_ms: z.number(),
  stream: z.object({ created: z.string(), first_sequence: z.int(), last_sequence: z.int() }),
});
export type DatasetManifest = z.infer<typeof datasetManifestSchema>;
type ColumnType = z.infer<typeof columnSchema>["type"];

const MANIFEST = "manifest.json";
const PERIOD = "period";

class ColumnFile {
  readonly name: string;
  readonly type: ColumnType;
  readonly file: string;
  readonly #handle: number;
  readonly #hash: Hash = createHash("sha256");
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  #length = 0;

  constructor(directory: string, name: string, type: ColumnType) {
    this.name = name;
    this.type = type;
    this.file = `${name}.${type}`;
    this.#handle = openSync(join(directory, this.file), "wx");
  }

  number(value: number): void {
    if (this.#length + 8 > BUFFER_BYTES) this.#flush();
    this.#length = this.type === "i32" ? this.#buffer.writeInt32LE(value, this.#length) : this.#buffer.writeDoubleLE(value, this.#length);
  }

  text(value: string): void {
    if (this.#length + 3 * value.length + 1 > BUFFER_BYTES) this.#flush();
    this.#length += this.#buffer.write(`${value}\n`, this.#length);
  }

  close(): z.infer<typeof columnSchema> {
    this.#flush();
    fsyncSync(this.#handle);
    closeSync(this.#handle);
    return { name: this.name, type: this.type, file: this.file, sha256: this.#hash.digest("hex") };
  }

  #flush(): void {
    const bytes = this.#buffer.subarray(0, this.#length);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#handle, bytes, at);
    this.#hash.update(bytes);
    this.#length = 0;
  }
}

/** A directory of a dataset's columns, a file each, and a manifest. A column's buffer is all that is in memory. */
export class ColumnFiles {
  readonly #directory: string;
  readonly #texts: readonly ColumnFile[];
  readonly #period: ColumnFile;
  readonly #numbers: readonly ColumnFile[];
  #rows = 0;

  constructor(directory: string, texts: readonly string[], numbers: readonly string[]) {
    this.#directory = directory;
    this.#texts = texts.map((name) => new ColumnFile(directory, name, "text"));
    this.#period = new ColumnFile(directory, PERIOD, "i32");
    this.#numbers = numbers.map((name) => new ColumnFile(directory, name, "f64"));
  }

  add(texts: readonly string[], period: number, numbers: Float64Array): void {
    for (let i = 0; i < this.#texts.length; i++) this.#texts[i]!.text(texts[i]!);
    this.#period.number(period);
    for (let i = 0; i < this.#numbers.length; i++) this.#numbers[i]!.number(numbers[i]!);
    this.#rows++;
  }

  /** Durable when it returns: the manifest comes last. */
  close(about: Omit<DatasetManifest, "format" | "rows" | "columns">): DatasetManifest {
    const columns = [...this.#texts, this.#period, ...this.#numbers].map((column) => column.close());
    const manifest: DatasetManifest = { format: 1, dataset: about.dataset, layout: about.layout, rows: this.#rows, columns, at: about.at, gap_ms: about.gap_ms, horizon_ms: about.horizon_ms, stream: about.stream };
    writeFileSync(join(this.#directory, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, { flush: true });
    return manifest;
  }
}

/** Throws TidemarkError `dataset_damaged`. */
export function readManifest(directory: string): DatasetManifest {
  try {
    return datasetManifestSchema.parse(JSON.parse(readFileSync(join(directory, MANIFEST), "utf8")));
  } catch (error) {
    throw new TidemarkError("dataset_damaged", `${directory} holds no whole dataset: ${errorMessage(error)}`, { cause: error });
  }
}

/** A column's bytes. Throws TidemarkError `dataset_damaged` when they are not what the manifest says. */
function readColumnBytes(directory: string, manifest: DatasetManifest, name: string, type: ColumnType): Uint8Array {
  const column = manifest.columns.find((one) => one.name === name && one.type === type);
  if (column === undefined) throw new TidemarkError("dataset_damaged", `the dataset has no column ${name} of type ${type}`);
  const bytes = readFileSync(join(directory, column.file));
  const whole = type === "text" || bytes.length === manifest.rows * (type === "f64" ? 8 : 4);
  if (!whole || createHash("sha256").update(bytes).digest("hex") !== column.sha256) throw new TidemarkError("dataset_damaged", `${column.file} is not what the manifest says`);
  return bytes;
}

/** A column's doubles, all of them. Throws as `readColumnBytes`. */
export function readColumn(directory: string, manifest: DatasetManifest, name: string): Float64Array {
  const values = new Float64Array(manifest.rows);
  new Uint8Array(values.buffer).set(readColumnBytes(directory, manifest, name, "f64"));
  return values;
}

/** The index of every row's cut-off. Throws as `readColumnBytes`. */
export function readPeriods(directory: string, manifest: DatasetManifest): Int32Array {
  const values = new Int32Array(manifest.rows);
  new Uint8Array(values.buffer).set(readColumnBytes(directory, manifest, PERIOD, "i32"));
  return values;
}

/** A column's texts. Throws as `readColumnBytes`. */
export function readTexts(directory: string, manifest: DatasetManifest, name: string): string[] {
  const texts = new TextDecoder().decode(readColumnBytes(directory, manifest, name, "text")).split("\n").slice(0, -1);
  if (texts.length !== manifest.rows) throw new TidemarkError("dataset_damaged", `the column ${name} has ${texts.length} texts for ${manifest.rows} rows`);
  return texts;
}
