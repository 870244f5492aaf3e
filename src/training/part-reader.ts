import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { assert } from "../lib/assert.ts";
import { partFiles } from "./dataset-part.ts";

/** Rows read at a time. */
const ROWS = 1_024;

/** Reads rows of doubles from a file, some at a time. */
class Doubles {
  readonly #file: number;
  readonly #width: number;
  readonly #buffer: Float64Array;
  #at = 0;
  #end = 0;

  constructor(path: string, width: number) {
    this.#file = openSync(path, "r");
    this.#width = width;
    this.#buffer = new Float64Array(ROWS * width);
  }

  /** Copies the next row. */
  next(into: Float64Array, offset: number): void {
    if (this.#at === this.#end) this.#fill();
    into.set(this.#buffer.subarray(this.#at, this.#at + this.#width), offset);
    this.#at += this.#width;
  }

  skip(): void {
    if (this.#at === this.#end) this.#fill();
    this.#at += this.#width;
  }

  close(): void {
    closeSync(this.#file);
  }

  #fill(): void {
    const bytes = new Uint8Array(this.#buffer.buffer);
    let read = 0;
    for (let more = -1; more !== 0 && read < bytes.length; read += more) more = readSync(this.#file, bytes, read, bytes.length - read, null);
    assert(read > 0 && read % (this.#width * Float64Array.BYTES_PER_ELEMENT) === 0, "a part's file ends within a row");
    this.#at = 0;
    this.#end = read / Float64Array.BYTES_PER_ELEMENT;
  }
}

/** The rows of one cut-off of one part, in order, without those that are withheld. */
export class PartReader {
  readonly #texts: string[];
  readonly #features: Doubles;
  readonly #labels: Doubles;
  readonly #widths: { readonly features: number; readonly labels: number };
  #row = 0;

  constructor(directory: string, period: number, widths: { readonly features: number; readonly labels: number }) {
    const text = readFileSync(join(directory, partFiles.texts(period)), "utf8");
    this.#texts = text === "" ? [] : text.slice(0, -1).split("\n");
    this.#widths = widths;
    this.#features = new Doubles(join(directory, partFiles.features(period)), widths.features);
    this.#labels = new Doubles(join(directory, partFiles.labels(period)), widths.labels);
    this.#passWithheld();
  }

  /** Texts of the row that comes next, tab-separated; undefined at the end. */
  get head(): string | undefined {
    return this.#texts[this.#row];
  }

  /** Copies the next row's numbers, features before labels. */
  take(into: Float64Array): void {
    this.#features.next(into, 0);
    this.#labels.next(into, this.#widths.features);
    this.#row++;
    this.#passWithheld();
  }

  #passWithheld(): void {
    for (; this.head === ""; this.#row++) {
      this.#features.skip();
      this.#labels.skip();
    }
  }

  close(): void {
    this.#features.close();
    this.#labels.close();
  }
}
