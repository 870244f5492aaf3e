import type { BinaryDimension } from "../../contracts/propensity.ts";
import type { Check } from "../../contracts/training-run.ts";
import { Prng } from "../../lib/prng.ts";
import { binMatrix } from "../../models/binning.ts";
import { binAt, quantileEdges } from "../../models/histogram.ts";
import { areaUnderCurve } from "../../models/propensity/binary-metrics.ts";
import type { HazardRows } from "../../models/propensity/hazard.ts";
import { fitHazardBoosting, hazardBoostingDefaults } from "../../models/propensity/hazard-boosting.ts";
import { compileMargin } from "../../models/propensity/margin.ts";
import { judge } from "../checks/check-limits.ts";
import type { SplitWindows, WindowRows } from "./outputs.ts";

/** Windows of each dimension that there are any of. */
export type Windows = readonly (readonly [BinaryDimension, SplitWindows])[];

const BINS = 32;
/** Rows that quantiles are taken from, evenly thinned. */
const EDGE_ROWS_MAX = 8_192;
/** Windows' worth of the overall rate that a bin's is shrunk with. */
const PRIOR_ROWS = 50;

/** Rows by bin of a column, and to how many of them it happened. */
function count({ values, y }: WindowRows, from: number, to: number, edges: readonly number[], column: number, columns: number): { rows: Float64Array; happened: Float64Array } {
  const [rows, happened] = [new Float64Array(edges.length - 1), new Float64Array(edges.length - 1)];
  for (let row = from; row < to; row++) {
    const bin = binAt(edges, values[row * columns + column]!);
    rows[bin]!++;
    happened[bin]! += y[row]!;
  }
  return { rows, happened };
}

const sum = (values: Float64Array): number => values.reduce((total, own) => total + own, 0);

/** AUC on the validation rows of one column alone: of its rates by quantile among the training rows, so that it need not be monotone. */
function columnAuc({ learning, whole_rows, train_rows }: SplitWindows, column: number, columns: number): number {
  const sampled = Math.min(whole_rows, EDGE_ROWS_MAX);
  const edges = quantileEdges(Float64Array.from({ length: sampled }, (_, i) => learning.values[Math.floor((i * whole_rows) / sampled) * columns + column]!), BINS);
  const train = count(learning, 0, whole_rows, edges, column, columns);
  const overall = sum(train.happened) / whole_rows;
  const rate = train.happened.map((own, bin) => (own + PRIOR_ROWS * overall) / (train.rows[bin]! + PRIOR_ROWS));
  const judged = count(learning, train_rows, learning.rows, edges, column, columns);
  const [positives, all] = [sum(judged.happened), learning.rows - train_rows];
  let below = 0;
  let won = 0;
  for (const bin of Array.from(rate.keys()).sort((a, b) => rate[a]! - rate[b]!)) {
    const others = judged.rows[bin]! - judged.happened[bin]!;
    // Rows of one bin are ties, which count half.
    won += judged.happened[bin]! * (below + others / 2);
    below += others;
  }
  return won / (positives * (all - positives));
}

/** An input that holds a label tells nearly all of it. */
export function singleInput(windows: Windows, names: readonly string[]): Omit<Check, "stage"> {
  const found = windows.flatMap(([dimension, split]) => names.map((name, column) => ({ name, dimension, auc: columnAuc(split, column, names.length) })));
  const { name, dimension, auc } = found.reduce((a, b) => (b.auc > a.auc ? b : a));
  return judge("leakage.single_input_auc", auc, `${name} alone has an AUC of ${auc.toFixed(3)} for ${dimension} on the validation rows, more than any other input for any dimension`);
}

/** Windows on which shuffled labels are fitted, one half, and judged, the other. */
const SHUFFLED_ROWS_MAX = 40_000;
const SHUFFLED_TREES = 25;
const STOPPING_ROWS = 1_000;
/** Labels are dealt so many times. The halves could judge each other instead, but the two AUCs would be nearly the same number: of the same chance agreement. */
const DEALS = 2;
/** Standard errors within which an AUC is chance. */
const CHANCE_ERRORS = 4;

/** The training windows, evenly thinned and in random order, with labels dealt anew among them. */
function shuffle({ learning: { values, y, steps }, train_rows }: SplitWindows, columns: number, random: Prng): Pick<HazardRows, "values" | "y" | "steps" | "rows"> {
  const rows = Math.min(train_rows, SHUFFLED_ROWS_MAX);
  const source = Int32Array.from({ length: rows }, (_, i) => Math.floor((i * train_rows) / rows));
  const labels = source.slice();
  for (const order of [source, labels]) {
    for (let i = rows - 1; i > 0; i--) {
      const j = random.integer(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
  }
  const x = new Float64Array(rows * columns);
  for (const [i, row] of source.entries()) x.set(values.subarray(row * columns, (row + 1) * columns), i * columns);
  return { values: x, y: Uint8Array.from(labels, (row) => y[row]!), steps: Uint8Array.from(labels, (row) => steps[row]!), rows };
}

/** The rows that are fitted, and some of them again: boosting stops by rows that it was fitted to, and so grows all its trees, however little there is to be found. */
function withRepeats({ values, y, steps }: Pick<HazardRows, "values" | "y" | "steps">, train_rows: number, columns: number, steps_max: number): HazardRows {
  const repeated = Math.min(train_rows, STOPPING_ROWS);
  const rows = train_rows + repeated;
  const [x, outcomes, observed] = [new Float64Array(rows * columns), new Uint8Array(rows), new Uint8Array(rows)];
  for (const [count, at] of [[train_rows, 0], [repeated, train_rows]] as const) {
    x.set(values.subarray(0, count * columns), at * columns);
    outcomes.set(y.subarray(0, count), at);
    observed.set(steps.subarray(0, count), at);
  }
  return { values: x, columns, y: outcomes, steps: observed, steps_max, train_rows, rows };
}

export interface ShuffledAuc {
  readonly auc: number;
  /** Of an AUC of labels that have nothing to do with the scores. */
  readonly se: number;
}

/** What boosting makes of a dimension's labels that have nothing to do with its inputs any more, on windows that it was not fitted to. */
export function shuffledAuc(split: SplitWindows, columns: number, seed: string): ShuffledAuc {
  let auc = 0;
  let variance = 0;
  for (let deal = 0; deal < DEALS; deal++) {
    const random = new Prng(`shuffled labels ${seed} ${deal}`);
    const { values, y, steps, rows } = shuffle(split, columns, random);
    const own = Math.floor(rows / 2);
    const data = withRepeats({ values, y, steps }, own, columns, split.steps_max);
    const binned = binMatrix(data.values, data.rows, columns, own);
    const { model } = fitHazardBoosting(data, binned, { ...hazardBoostingDefaults, trees_max: SHUFFLED_TREES, seed: random.uint32() });
    const compiled = compileMargin(model, columns);
    const judged = y.subarray(own);
    auc += areaUnderCurve(Float64Array.from(judged, (_, i) => compiled.margin(values, (own + i) * columns)), judged) / DEALS;
    const positives = judged.reduce((total, one) => total + one, 0);
    // Of a rank sum under the null hypothesis (Mann, Whitney 1947); ties make it smaller.
    variance += (judged.length + 1) / (12 * positives * (judged.length - positives)) / DEALS ** 2;
  }
  return { auc, se: Math.sqrt(variance) };
}

/** The dimension with the AUC furthest from 0.5. What chance explains counts as 0. */
export function judgeShuffled(found: readonly (readonly [BinaryDimension, ShuffledAuc])[]): Omit<Check, "stage"> {
  const distances = found.map(([, { auc, se }]) => (Math.abs(auc - 0.5) > CHANCE_ERRORS * se ? Math.abs(auc - 0.5) : 0));
  const detail = found.map(([dimension, { auc, se }]) => `${dimension} ${auc.toFixed(4)} ± ${se.toFixed(4)}`).join(", ");
  return judge("leakage.shuffled_auc", Math.max(0, ...distances), `AUC of boosting on shuffled labels, with its standard error: ${detail}`);
}
