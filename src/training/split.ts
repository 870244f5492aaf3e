import type { CountData } from "../contracts/worker-protocol.ts";
import { TidemarkError } from "../lib/errors.ts";
import type { CountRows } from "../models/boosting.ts";

/** Weeks held out at the end, and before them for early stopping and selection, when there are enough. */
const HELD_OUT_PERIODS = 4;
const PERIODS_MIN = 4;

/** Forward in time: periods [0, train_end) train, [train_end, validation_end) select, the rest test. */
export interface Split {
  readonly train_end: number;
  readonly validation_end: number;
}

/** Short histories hold out a quarter twice. Throws TidemarkError("too_little_data") below four periods. */
export function splitPeriods(periods: number): Split {
  if (periods < PERIODS_MIN) throw new TidemarkError("too_little_data", `the events span ${periods} whole weeks with history before them; training needs ${PERIODS_MIN}`);
  const block = Math.min(HELD_OUT_PERIODS, Math.floor(periods / 4));
  return { train_end: periods - 2 * block, validation_end: periods - block };
}

/** Number of rows before a period, in an ascending list of periods. */
export function rowsBefore(period: Int32Array, end: number): number {
  let low = 0;
  let high = period.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (period[middle]! < end) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The rows that a learner sees: those before `train_end` train, the others before `validation_end` validate. */
export function countRows({ features, period, y, exposure }: CountData, train_end: number, validation_end: number): CountRows {
  const { columns, values } = features;
  const rows = rowsBefore(period, validation_end);
  return { values: values.subarray(0, rows * columns), columns, y, exposure, train_rows: rowsBefore(period, train_end), rows };
}
