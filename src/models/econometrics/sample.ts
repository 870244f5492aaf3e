import { assert } from "../../lib/assert.ts";
import { TidemarkError } from "../../lib/errors.ts";

export interface NumberColumn {
  readonly name: string;
  readonly values: Float64Array;
}

/** A column of labels as whole numbers from 0 to levels − 1, each of which some row has. */
export interface Factor {
  readonly name: string;
  readonly codes: Int32Array;
  readonly levels: number;
}

/** What an effect is estimated from. Every column has `rows` values. */
export interface Sample {
  readonly rows: number;
  readonly outcome: NumberColumn;
  /** Whose effect is asked for: a price or its logarithm. */
  readonly treatment: NumberColumn;
  readonly controls: readonly NumberColumn[];
  readonly instruments: readonly NumberColumn[];
  /** Dimensions whose effects are absorbed. */
  readonly fixed_effects: readonly Factor[];
  /** None, or what errors are clustered by: one dimension or two. */
  readonly clusters: readonly Factor[];
  /** Precision weights ≥ 0: only their ratios matter. */
  readonly weights?: Float64Array | undefined;
  /** Added to the linear predictor of a count: the logarithm of its exposure. */
  readonly offset?: Float64Array | undefined;
}

/** Squares must neither overflow nor vanish. */
const MAGNITUDE_MAX = 1e100;
const MAGNITUDE_MIN = 1e-100;

function checkColumn({ name, values }: NumberColumn, rows: number): void {
  assert(values.length === rows, `column ${name} does not have its rows`);
  let most = 0;
  for (let i = 0; i < rows; i++) {
    const magnitude = Math.abs(values[i]!);
    if (!(magnitude <= MAGNITUDE_MAX)) throw new TidemarkError("value_out_of_range", `row ${i + 1}: ${name} is ${values[i]}; allowed: numbers up to 1e100, so give the column in another unit`);
    if (magnitude > most) most = magnitude;
  }
  if (most > 0 && most < MAGNITUDE_MIN) throw new TidemarkError("value_out_of_range", `no value of ${name} is above 1e-100: give the column in another unit`);
}

/** Throws TidemarkError `value_out_of_range`, `bad_weight`; asserts shapes. */
export function checkSample(sample: Sample): void {
  const { rows, outcome, treatment, controls, instruments, fixed_effects, clusters, weights, offset } = sample;
  for (const column of [outcome, treatment, ...controls, ...instruments]) checkColumn(column, rows);
  for (const factor of [...fixed_effects, ...clusters]) assert(factor.codes.length === rows, `factor ${factor.name} does not have its rows`);
  assert(clusters.length <= 2, "errors are clustered by two dimensions at most");
  const endless = offset?.findIndex((own) => !Number.isFinite(own)) ?? -1;
  if (endless >= 0) throw new TidemarkError("value_out_of_range", `row ${endless + 1}: the offset is ${offset![endless]}; allowed: finite numbers`);
  if (weights === undefined) return;
  checkColumn({ name: "weights", values: weights }, rows);
  const negative = weights.findIndex((weight) => weight < 0);
  if (negative >= 0) throw new TidemarkError("bad_weight", `row ${negative + 1}: the weight is ${weights[negative]}; allowed: 0 or more`);
}

function takeValues(values: Float64Array, rows: Int32Array): Float64Array {
  const taken = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) taken[i] = values[rows[i]!]!;
  return taken;
}

/** The factor of some rows, its codes without gaps. */
export function takeFactor({ name, codes, levels }: Factor, rows: Int32Array): Factor {
  const recoded = new Int32Array(levels).fill(-1);
  const taken = new Int32Array(rows.length);
  let next = 0;
  for (let i = 0; i < rows.length; i++) {
    const code = codes[rows[i]!]!;
    if (recoded[code]! < 0) recoded[code] = next++;
    taken[i] = recoded[code]!;
  }
  return { name, codes: taken, levels: next };
}

/** A factor out of any whole numbers. */
export function factorOf(name: string, labels: ArrayLike<number | string>): Factor {
  const known = new Map<number | string, number>();
  const codes = new Int32Array(labels.length);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    let code = known.get(label);
    if (code === undefined) known.set(label, (code = known.size));
    codes[i] = code;
  }
  return { name, codes, levels: known.size };
}

/** Rows that agree in both factors share a level. */
export function crossFactors(a: Factor, b: Factor): Factor {
  return factorOf(`${a.name}×${b.name}`, Float64Array.from(a.codes, (code, i) => code * b.levels + b.codes[i]!));
}

/** The sample of some rows. */
export function takeRows(sample: Sample, rows: Int32Array): Sample {
  const column = ({ name, values }: NumberColumn): NumberColumn => ({ name, values: takeValues(values, rows) });
  const factor = (own: Factor): Factor => takeFactor(own, rows);
  return {
    rows: rows.length,
    outcome: column(sample.outcome),
    treatment: column(sample.treatment),
    controls: sample.controls.map(column),
    instruments: sample.instruments.map(column),
    fixed_effects: sample.fixed_effects.map(factor),
    clusters: sample.clusters.map(factor),
    weights: sample.weights && takeValues(sample.weights, rows),
    offset: sample.offset && takeValues(sample.offset, rows),
  };
}

/** Places of the rows that `keep` marks. */
export function markedRows(keep: Uint8Array): Int32Array {
  const rows = new Int32Array(keep.length);
  let count = 0;
  for (let i = 0; i < keep.length; i++) if (keep[i] === 1) rows[count++] = i;
  return rows.subarray(0, count);
}

/** The sample of the rows that `keep` marks, and itself where that is all of them. */
export function keepRows(sample: Sample, keep: Uint8Array): Sample {
  const rows = markedRows(keep);
  return rows.length === sample.rows ? sample : takeRows(sample, rows);
}
