import type { BinnedMatrix, SharedMatrix, WindowLabels } from "../../contracts/worker-protocol.ts";
import type { HazardRows } from "../../models/propensity/hazard.ts";
import { shareableDoubles } from "../shared-memory.ts";

/** The rows of a dimension next to each other. */
export function hazardRows({ values, columns }: SharedMatrix, { row, y, steps, steps_max, train_rows }: WindowLabels): HazardRows {
  const own = shareableDoubles(row.length * columns);
  for (let i = 0; i < row.length; i++) own.set(values.subarray(row[i]! * columns, (row[i]! + 1) * columns), i * columns);
  return { values: own, columns, y, steps, steps_max, train_rows, rows: row.length };
}

/** And their bins. */
export function binsOf(binned: BinnedMatrix, { row }: WindowLabels): BinnedMatrix {
  const { stride } = binned;
  const bins = new Uint8Array(new SharedArrayBuffer(row.length * stride));
  for (let i = 0; i < row.length; i++) bins.set(binned.bins.subarray(row[i]! * stride, (row[i]! + 1) * stride), i * stride);
  return { ...binned, rows: row.length, bins };
}
