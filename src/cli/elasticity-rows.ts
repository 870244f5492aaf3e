import { TidemarkError } from "../lib/errors.ts";
import type { InputColumn, LabelInput, NumberInput } from "../training/table-input-columns.ts";
import { formatCount } from "./progress.ts";

/** A column's demand on its values beside being there. */
export interface RowRule {
  readonly column: InputColumn;
  /** `logarithm`: above 0, as a logarithm is taken. */
  readonly positive?: "logarithm";
  /** What else can be done where a value has no logarithm. */
  readonly instead?: string;
}

export interface KeptRows {
  /** Places among the rows read. */
  readonly rows: Int32Array;
  readonly missing: number;
  readonly not_positive: number;
}

function firstOf(count: number, first: string): string {
  return `${first}${count > 1 ? ` (and ${formatCount(count - 1)} more)` : ""}`;
}

/**
 * The rows that have every value, and positive ones where logarithms are taken. Throws TidemarkError `missing_value` or `not_positive` with the column and the
 * first row, unless such rows are to be left out.
 */
export function usableInput(rows: number, rules: readonly RowRule[], drop_invalid: boolean): KeptRows {
  const state = new Uint8Array(rows);
  for (const { column, positive, instead } of rules) {
    let missing = 0;
    let negative = 0;
    let first = "";
    for (let i = 0; i < rows; i++) {
      const absent = column.kind === "number" ? Number.isNaN(column.values[i]!) : column.codes[i]! < 0;
      const low = !absent && positive !== undefined && column.kind === "number" && !(column.values[i]! > 0);
      if (!absent && !low) continue;
      if (missing + negative === 0) first = absent ? `row ${i + 1}: ${column.name} is missing` : `row ${i + 1}: ${column.name} is ${(column as NumberInput).values[i]}, which has no logarithm`;
      if (absent) missing++;
      else negative++;
      // A row without a value counts as that, whatever else is wrong with it.
      state[i] = absent || state[i] === 1 ? 1 : 2;
    }
    if (drop_invalid || missing + negative === 0) continue;
    const way = negative > 0 && instead !== undefined ? `${instead}, or leave such rows out with --drop-invalid` : "fill it in, or leave such rows out with --drop-invalid";
    throw new TidemarkError(missing > 0 && first.endsWith("missing") ? "missing_value" : "not_positive", `${firstOf(missing + negative, first)}\n  ${way}`);
  }
  const kept = new Int32Array(rows);
  const counts = [0, 0, 0];
  for (let i = 0; i < rows; i++) {
    if (state[i] === 0) kept[counts[0]!] = i;
    counts[state[i]!]!++;
  }
  if (counts[0] === 0) throw new TidemarkError("no_rows", `every row has a missing value${counts[2]! > 0 ? " or one without a logarithm" : ""}: nothing is left`);
  return { rows: kept.subarray(0, counts[0]), missing: counts[1]!, not_positive: counts[2]! };
}

/** Values of some rows. */
export function numbersOf({ values }: NumberInput, rows: Int32Array): Float64Array {
  const taken = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) taken[i] = values[rows[i]!]!;
  return taken;
}

/** Labels of some rows: codes without gaps in the order of the labels, so that the order of rows shows nowhere. */
export function labelsOf({ codes, labels }: LabelInput, rows: Int32Array): { readonly codes: Int32Array; readonly labels: readonly string[] } {
  const present = new Uint8Array(labels.length);
  for (let i = 0; i < rows.length; i++) present[codes[rows[i]!]!] = 1;
  const own = labels.filter((_, code) => present[code] === 1).toSorted();
  const place = new Map(own.map((label, i) => [label, i]));
  const recoded = Int32Array.from(labels, (label) => place.get(label) ?? -1);
  const taken = new Int32Array(rows.length);
  for (let i = 0; i < rows.length; i++) taken[i] = recoded[codes[rows[i]!]!]!;
  return { codes: taken, labels: own };
}
