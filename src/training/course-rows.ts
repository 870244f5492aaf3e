import type { CountData, FoldTask } from "../contracts/worker-protocol.ts";
import { elasticityFeatureNames } from "../models/elasticity-features.ts";
import { learningRows } from "./learning-rows.ts";
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

/** A fold's turn, ready to be shared with threads: it is held out, the next fold validates, the others train. */
export interface CourseFold extends Pick<FoldTask, "data" | "held_out"> {
  /** Rows of the courses that are held out. */
  readonly rows: Int32Array;
}

export function courseFold(courses: CountData, fold: number): CourseFold {
  const { columns, values } = courses.features;
  const indices = Int32Array.from(courses.period, (_, i) => i);
  const validating = (fold + 1) % COURSE_FOLDS;
  const train = indices.filter((i) => courses.period[i] !== fold && courses.period[i] !== validating);
  const validation = indices.filter((i) => courses.period[i] === validating);
  const held_out = indices.filter((i) => courses.period[i] === fold);
  const order = Int32Array.of(...train, ...validation);
  const gather = (rows: Int32Array, from: Float64Array, width: number): Float64Array<SharedArrayBuffer> => {
    const gathered = shareableDoubles(rows.length * width);
    for (const [i, row] of rows.entries()) gathered.set(from.subarray(row * width, (row + 1) * width), i * width);
    return gathered;
  };
  return {
    rows: held_out,
    data: learningRows({ values: gather(order, values, columns), columns, y: gather(order, courses.y, 1), exposure: gather(order, courses.exposure, 1), train_rows: train.length, rows: order.length }),
    held_out: { features: { rows: held_out.length, columns, values: gather(held_out, values, columns) }, exposure: gather(held_out, courses.exposure, 1) },
  };
}
