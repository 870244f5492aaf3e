import type { CountData } from "../contracts/worker-protocol.ts";
import { elasticityFeatureNames } from "../models/elasticity-features.ts";
import type { CountRows } from "../models/boosting.ts";
import { shareableDoubles } from "./shared-memory.ts";

export const COURSE_FOLDS = 5;

/** A course's own conversion in the period is what its row is to predict: these columns say the category's instead. */
const OWN = new Set(["log_conversion_30d", "log_conversion_90d"].map((name) => elasticityFeatureNames.indexOf(name)));
const CATEGORY = elasticityFeatureNames.indexOf("log_category_conversion");

/**
 * One row a course over the whole period, as the product description has it: exposures and enrollments summed, features averaged over exposures. The folds
 * take turns in the order of `course_ids`, which must be that of the rows; a course is never fitted and judged in the same one.
 */
export function courseRows({ features, y, exposure }: CountData, course_ids: readonly string[]): CountData {
  const { columns, values } = features;
  const position = new Map([...new Set(course_ids)].toSorted().map((id, i) => [id, i]));
  const rows = position.size;
  const sums = shareableDoubles(rows * columns);
  const total = { y: shareableDoubles(rows), exposure: shareableDoubles(rows) };
  for (const [row, id] of course_ids.entries()) {
    const at = position.get(id)!;
    total.y[at]! += y[row]!;
    total.exposure[at]! += exposure[row]!;
    for (let column = 0; column < columns; column++) sums[at * columns + column]! += exposure[row]! * values[row * columns + (OWN.has(column) ? CATEGORY : column)]!;
  }
  for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) sums[row * columns + column]! /= total.exposure[row]!;
  const period = new Int32Array(new SharedArrayBuffer(4 * rows));
  for (let row = 0; row < rows; row++) period[row] = row % COURSE_FOLDS;
  return { features: { rows, columns, values: sums }, ...total, period };
}

/** The rows of a fold's turn: it is held out, the next fold validates, the others train. */
export function foldRows(data: CountData, fold: number): { rows: CountRows; held_out: Int32Array } {
  const { columns, values } = data.features;
  const indices = Int32Array.from(data.period, (_, i) => i);
  const validating = (fold + 1) % COURSE_FOLDS;
  const train = indices.filter((i) => data.period[i] !== fold && data.period[i] !== validating);
  const validation = indices.filter((i) => data.period[i] === validating);
  const order = Int32Array.of(...train, ...validation);
  const own = new Float64Array(order.length * columns);
  for (const [i, row] of order.entries()) own.set(values.subarray(row * columns, (row + 1) * columns), i * columns);
  const pick = (from: Float64Array): Float64Array => Float64Array.from(order, (row) => from[row]!);
  return {
    rows: { values: own, columns, y: pick(data.y), exposure: pick(data.exposure), train_rows: train.length, rows: order.length },
    held_out: indices.filter((i) => data.period[i] === fold),
  };
}
