import { TidemarkError } from "../lib/errors.ts";

/** Numbers; a missing one is NaN. */
export interface NumberInput {
  readonly kind: "number";
  readonly name: string;
  readonly values: Float64Array;
}

/** Texts by their code; a missing one has −1. */
export interface LabelInput {
  readonly kind: "label";
  readonly name: string;
  readonly codes: Int32Array;
  readonly labels: readonly string[];
}

export type InputColumn = NumberInput | LabelInput;

/** What a column is read as: `either` numbers, where all of it are, or else labels. */
export type InputKind = "number" | "label" | "either";

/** Takes a column's cells in the order of the rows, from the text of a CSV file or from the typed values of a Parquet file. */
export interface ColumnBuilder {
  readonly name: string;
  text(cell: string): void;
  value(cell: unknown): void;
  /** Throws TidemarkError `bad_value` where something is no number that had to be one. */
  finish(): InputColumn;
}

const FIRST_ROWS = 4_096;
const numberText = /^[ \t]*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[ \t]*$/;
const missingText = /^[ \t]*(?:|na|n\/a|nan|null|none|\.)[ \t]*$/i;

/** Numbers in a typed array that doubles when it is full. */
class NumberList {
  #values = new Float64Array(FIRST_ROWS);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Float64Array(2 * this.length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length++] = value;
  }

  get values(): Float64Array {
    return this.#values.subarray(0, this.length);
  }
}

class CodeList {
  #codes = new Int32Array(FIRST_ROWS);
  length = 0;

  push(code: number): void {
    if (this.length === this.#codes.length) {
      const larger = new Int32Array(2 * this.length);
      larger.set(this.#codes);
      this.#codes = larger;
    }
    this.#codes[this.length++] = code;
  }

  get codes(): Int32Array {
    return this.#codes.subarray(0, this.length);
  }
}

/** A number out of its text; NaN where it is missing, undefined where it is something else. */
export function parseNumber(text: string): number | undefined {
  if (numberText.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }
  return missingText.test(text) ? Number.NaN : undefined;
}

/** A cell of a typed file as text; undefined where it is missing. */
function cellText(cell: unknown): string | undefined {
  if (cell === null || cell === undefined) return undefined;
  if (cell instanceof Date) return cell.toISOString().replace("T00:00:00.000Z", "");
  return typeof cell === "object" ? JSON.stringify(cell) : String(cell as string | number | bigint | boolean);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

class NumberBuilder implements ColumnBuilder {
  readonly name: string;
  readonly #list = new NumberList();
  #bad = 0;
  #first = "";

  constructor(name: string) {
    this.name = name;
  }

  text(cell: string): void {
    const value = parseNumber(cell);
    if (value === undefined) this.#refuse(cell);
    else this.#list.push(value);
  }

  value(cell: unknown): void {
    if (typeof cell === "number" && (Number.isFinite(cell) || Number.isNaN(cell))) this.#list.push(cell);
    else if (typeof cell === "bigint" || typeof cell === "boolean") this.#list.push(Number(cell));
    else if (cell === null || cell === undefined) this.#list.push(Number.NaN);
    else if (typeof cell === "string") this.text(cell);
    else this.#refuse(cellText(cell) ?? "");
  }

  #refuse(text: string): void {
    if (this.#bad++ === 0) this.#first = `row ${this.#list.length + 1}: ${this.name} is ${shown(text)}`;
    this.#list.push(Number.NaN);
  }

  finish(): NumberInput {
    if (this.#bad > 0) {
      const more = this.#bad > 1 ? ` (and ${this.#bad - 1} more)` : "";
      const allowed = "numbers up to 1.8e308 such as 1234.5, with a point and no separators of thousands";
      throw new TidemarkError("bad_value", `${this.#first}${more}\n  allowed: ${allowed}; if it holds no numbers, it can be a fixed effect, a cluster or a categorical control`);
    }
    return { kind: "number", name: this.name, values: this.#list.values };
  }
}

class LabelBuilder implements ColumnBuilder {
  readonly name: string;
  readonly #list = new CodeList();
  readonly #codes = new Map<string, number>();

  constructor(name: string) {
    this.name = name;
  }

  /** How many different texts there are. */
  get different(): number {
    return this.#codes.size;
  }

  text(cell: string): void {
    this.#list.push(cell === "" ? -1 : this.#code(cell));
  }

  value(cell: unknown): void {
    const text = typeof cell === "string" ? cell : cellText(cell);
    this.#list.push(text === undefined || text === "" ? -1 : this.#code(text));
  }

  #code(text: string): number {
    let code = this.#codes.get(text);
    if (code === undefined) {
      code = this.#codes.size;
      // A copy: a field may be a view of the whole chunk that it was cut from.
      this.#codes.set(Buffer.from(text).toString(), code);
    }
    return code;
  }

  finish(): LabelInput {
    return { kind: "label", name: this.name, codes: this.#list.codes, labels: [...this.#codes.keys()] };
  }
}

/** Different values after which a column of numbers is numbers for good. */
const LABELS_MAX = 10_000;

/** Labels until there are too many different numbers to be any. */
class EitherBuilder implements ColumnBuilder {
  readonly name: string;
  #labels: LabelBuilder;
  #numbers: NumberBuilder | undefined;

  constructor(name: string) {
    this.name = name;
    this.#labels = new LabelBuilder(name);
  }

  text(cell: string): void {
    if (this.#numbers !== undefined) return this.#numbers.text(cell);
    this.#labels.text(cell);
    this.#decide();
  }

  value(cell: unknown): void {
    if (this.#numbers !== undefined) return this.#numbers.value(cell);
    this.#labels.value(cell);
    this.#decide();
  }

  #decide(): void {
    if (this.#labels.different <= LABELS_MAX) return;
    this.#numbers = asNumbers(this.#labels.finish());
    if (this.#numbers !== undefined) this.#labels = new LabelBuilder(this.name);
  }

  finish(): InputColumn {
    if (this.#numbers !== undefined) return this.#numbers.finish();
    const labels = this.#labels.finish();
    return asNumbers(labels)?.finish() ?? labels;
  }
}

/** The column as numbers; undefined where some label is none, or all of it is missing. */
function asNumbers({ name, codes, labels }: LabelInput): NumberBuilder | undefined {
  const numbers = labels.map(parseNumber);
  if (labels.length === 0 || numbers.includes(undefined)) return undefined;
  const builder = new NumberBuilder(name);
  for (const code of codes) builder.value(code < 0 ? null : numbers[code]);
  return builder;
}

export function columnBuilder(name: string, kind: InputKind): ColumnBuilder {
  if (kind === "number") return new NumberBuilder(name);
  return kind === "label" ? new LabelBuilder(name) : new EitherBuilder(name);
}
