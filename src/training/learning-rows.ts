import type { CountData, LearningRows } from "../contracts/worker-protocol.ts";
import { binMatrix } from "../models/binning.ts";
import { rowsBefore } from "./split.ts";

export type UnbinnedRows = Omit<LearningRows, "binned">;

/** Rows with their bins, which all learners that grow trees then share. */
export function learningRows(data: UnbinnedRows): LearningRows {
  return { ...data, binned: binMatrix(data.values, data.rows, data.columns, data.train_rows) };
}

/** The rows that a learner sees of a dataset: those before `train_end` train, the others before `validation_end` validate. Nothing is copied. */
export function rowsToLearn({ features, period, y, exposure }: CountData, train_end: number, validation_end: number): UnbinnedRows {
  const { columns, values } = features;
  const rows = rowsBefore(period, validation_end);
  return { values: values.subarray(0, rows * columns), columns, y, exposure, train_rows: rowsBefore(period, train_end), rows };
}
