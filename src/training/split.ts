import { TidemarkError } from "../lib/errors.ts";

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
