import { Prng } from "../../lib/prng.ts";
import { binMatrix } from "../binning.ts";
import type { BinnedMatrix } from "../../contracts/worker-protocol.ts";
import { logistic, type HazardRows } from "./hazard.ts";

export interface SyntheticRows extends HazardRows {
  readonly values: Float64Array<SharedArrayBuffer>;
  readonly y: Uint8Array<SharedArrayBuffer>;
  readonly steps: Uint8Array<SharedArrayBuffer>;
  /** True margins. */
  readonly truth: Float64Array;
  readonly binned: BinnedMatrix;
}

export interface SyntheticOptions {
  readonly seed: string;
  readonly rows: number;
  readonly train_rows: number;
  readonly columns: number;
  /** One entry a step, log-odds at margin 0. */
  readonly offsets?: readonly number[];
  /** Share of windows that are cut short after a random number of steps. */
  readonly censored?: number;
  margin(x: Float64Array): number;
}

/** Windows with standard normal inputs and a known margin. */
export function syntheticRows({ seed, rows, train_rows, columns, offsets = [0], censored = 0, margin }: SyntheticOptions): SyntheticRows {
  const random = new Prng(seed);
  const values = new Float64Array(new SharedArrayBuffer(8 * rows * columns));
  const y = new Uint8Array(new SharedArrayBuffer(rows));
  const steps = new Uint8Array(new SharedArrayBuffer(rows));
  const truth = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < columns; i++) values[row * columns + i] = random.normal();
    truth[row] = margin(values.subarray(row * columns, (row + 1) * columns));
    const observed = random.uniform() < censored ? 1 + random.integer(offsets.length) : offsets.length;
    while (steps[row]! < observed && y[row] === 0) {
      y[row] = random.uniform() < logistic(truth[row]! + offsets[steps[row]!]!) ? 1 : 0;
      steps[row]!++;
    }
  }
  return { values, columns, y, steps, steps_max: offsets.length, train_rows, rows, truth, binned: binMatrix(values, rows, columns, train_rows, { bins_max: 64 }) };
}
