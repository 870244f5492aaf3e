import { must } from "../lib/assert.ts";
import { TidemarkError } from "../lib/errors.ts";
import { type Factor, type NumberColumn, type Sample } from "../models/econometrics/sample.ts";
import type { InputColumn, InputKind, LabelInput, NumberInput } from "../training/table-input-columns.ts";
import { type ColumnRequest, readTable } from "../training/table-input.ts";
import { type AskedElasticity, panelUnit } from "./elasticity-options.ts";
import { firstDifferences, panelOrder, timesOf } from "./elasticity-panel.ts";
import { labelsOf, numbersOf, type RowRule, usableInput } from "./elasticity-rows.ts";

/** A categorical control of more levels than this belongs among the fixed effects, which cost nothing a level. */
const LEVELS_MAX = 100;

/** The file as a sample, and what the report says of how it came about. */
export interface ElasticitySample {
  readonly sample: Sample;
  readonly group: { readonly factor: Factor; readonly names: readonly string[] } | null;
  /** Columns that the effect may differ by. */
  readonly heterogeneity: readonly NumberColumn[];
  /** Weighted means of quantity and price in levels, which elasticities in levels are taken at. */
  readonly mean_quantity: number;
  readonly mean_price: number;
  readonly rows: { readonly read: number; readonly missing: number; readonly not_positive: number; readonly without_previous: number };
}

/** The columns of the file by what they are read as. */
class Input {
  readonly #requests: ColumnRequest[] = [];
  #columns: readonly InputColumn[] = [];

  ask(name: string, kind: InputKind): void {
    if (!this.#requests.some((own) => own.name === name && own.kind === kind)) this.#requests.push({ name, kind });
  }

  async read(path: string, onRows: (rows: number) => void): Promise<number> {
    const table = await readTable(path, this.#requests, onRows);
    this.#columns = table.columns;
    return table.rows;
  }

  of(name: string, kind: InputKind): InputColumn {
    return must(this.#columns[this.#requests.findIndex((own) => own.name === name && own.kind === kind)], `column ${name} was read`);
  }

  number(name: string): NumberInput {
    return this.of(name, "number") as NumberInput;
  }

  label(name: string): LabelInput {
    return this.of(name, "label") as LabelInput;
  }

  get all(): readonly InputColumn[] {
    return this.#columns;
  }
}

/** A column of numbers as it is; labels as one column for every level but the first in order. */
function controlColumns(column: InputColumn, rows: Int32Array): NumberColumn[] {
  if (column.kind === "number") return [{ name: column.name, values: numbersOf(column, rows) }];
  const { codes, labels } = labelsOf(column, rows);
  if (labels.length > LEVELS_MAX) {
    const examples = labels.slice(0, 2).map((own) => JSON.stringify(own)).join(" and ");
    throw new TidemarkError("too_many_levels", `the control ${column.name} has ${labels.length} different values, such as ${examples}\n  allowed: ${LEVELS_MAX}; name it in --fixed-effects`);
  }
  return labels.slice(1).map((label, i) => ({ name: `${column.name}=${label}`, values: Float64Array.from(codes, (code) => (code === i + 1 ? 1 : 0)) }));
}

function askColumns(asked: AskedElasticity, unit: string | null): Input {
  const input = new Input();
  for (const name of [asked.quantity, asked.price, ...asked.instruments, ...asked.heterogeneity]) input.ask(name, "number");
  for (const name of [asked.weights, asked.exposure, asked.offset]) if (name !== null) input.ask(name, "number");
  for (const name of asked.controls) input.ask(name, asked.categorical.includes(name) ? "label" : "either");
  for (const name of [...asked.fixed_effects, ...asked.clusters]) input.ask(name, "label");
  for (const name of [asked.group, unit]) if (name !== null) input.ask(name, "label");
  if (asked.panel_time !== null) input.ask(asked.panel_time, "either");
  return input;
}

function rowRules(asked: AskedElasticity, input: Input): RowRule[] {
  const logs = asked.form === "logs";
  const positive = new Map<InputColumn, string>();
  if (logs && !asked.counts) positive.set(input.number(asked.quantity), "use --method poisson if it is a count, or --levels");
  if (logs) positive.set(input.number(asked.price), "use --levels");
  if (asked.exposure !== null) positive.set(input.number(asked.exposure), "an exposure is above 0");
  return input.all.map((column) => {
    const instead = positive.get(column);
    return instead === undefined ? { column } : { column, positive: "logarithm", instead };
  });
}

/** Reads the file and makes a sample of it as asked. Throws TidemarkError with the column, the row and what to do. */
export async function elasticitySample(asked: AskedElasticity, onRows: (rows: number) => void): Promise<ElasticitySample> {
  const unit = panelUnit(asked.clusters, asked.fixed_effects, asked.panel_time);
  const input = askColumns(asked, unit);
  const read = await input.read(asked.data, onRows);
  const { rows, missing, not_positive } = usableInput(read, rowRules(asked, input), asked.drop_invalid);
  const numbers = (name: string): Float64Array => numbersOf(input.number(name), rows);
  const factor = (name: string): Factor => ({ name, ...levelled(labelsOf(input.label(name), rows)) });
  const logs = asked.form === "logs";
  const logarithm = (name: string, take: boolean): NumberColumn => ({ name: take ? `log ${name}` : name, values: take ? numbers(name).map(Math.log) : numbers(name) });

  const weights = asked.weights === null ? undefined : numbers(asked.weights);
  const exposure = asked.exposure === null ? undefined : numbers(asked.exposure);
  const whole: Sample = {
    rows: rows.length,
    outcome: logarithm(asked.quantity, logs && !asked.counts),
    treatment: logarithm(asked.price, logs),
    controls: asked.controls.flatMap((name) => controlColumns(input.of(name, asked.categorical.includes(name) ? "label" : "either"), rows)),
    instruments: asked.instruments.map((name) => ({ name, values: numbers(name) })),
    fixed_effects: asked.fixed_effects.map(factor),
    clusters: asked.clusters.map(factor),
    weights,
    offset: asked.offset === null ? exposure?.map(Math.log) : numbers(asked.offset),
  };
  const grouped = asked.group === null ? null : labelsOf(input.label(asked.group), rows);
  const { sample, places } = panel(asked, whole, unit, input, rows);
  const later = places === undefined ? rows : places.map((place) => rows[place]!);
  return {
    sample,
    group: grouped === null ? null : { factor: { name: must(asked.group, "a group"), ...levelled(grouped) }, names: grouped.labels },
    heterogeneity: asked.heterogeneity.map((name) => ({ name, values: numbersOf(input.number(name), later) })),
    mean_quantity: mean(numbers(asked.quantity), weights),
    mean_price: mean(numbers(asked.price), weights),
    rows: { read, missing, not_positive, without_previous: rows.length - later.length },
  };
}

function levelled({ codes, labels }: { readonly codes: Int32Array; readonly labels: readonly string[] }): { readonly codes: Int32Array; readonly levels: number } {
  return { codes, levels: labels.length };
}

/** Checks that rows are one a unit and time, and takes differences where that is asked. */
function panel(asked: AskedElasticity, sample: Sample, unit: string | null, input: Input, rows: Int32Array): { readonly sample: Sample; readonly places?: Int32Array } {
  if (unit === null || asked.panel_time === null) return { sample };
  const time = input.of(asked.panel_time, "either");
  const followed = labelsOf(input.label(unit), rows);
  const factor: Factor = { name: unit, ...levelled(followed) };
  let times: Float64Array;
  if (time.kind === "number") times = numbersOf(time, rows);
  else {
    const { codes, labels } = labelsOf(time, rows);
    times = timesOf(time.name, codes, labels);
  }
  const shown = (row: number): string => `${unit} ${JSON.stringify(followed.labels[factor.codes[row]!])}, row ${rows[row]! + 1},`;
  const order = panelOrder(factor, times, asked.panel_time, shown);
  return asked.first_differences ? firstDifferences(sample, factor, order) : { sample };
}

export function mean(values: Float64Array, weights: Float64Array | undefined): number {
  let sum = 0;
  let total = 0;
  for (let i = 0; i < values.length; i++) {
    const weight = weights?.[i] ?? 1;
    sum += weight * values[i]!;
    total += weight;
  }
  return sum / total;
}
