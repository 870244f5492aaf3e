import type { Check } from "../../contracts/training-run.ts";
import type { CourseRow } from "../../features/replay.ts";
import { groupBy } from "../../lib/group-by.ts";
import { type FeatureTable, featureColumn } from "../feature-table.ts";
import { judge } from "./check-limits.ts";

type Found = Omit<Check, "stage">;

/** log 5: prices beyond this factor of the course's median. */
const OUTLIER_LOG = Math.log(5);
/** Weeks below this share of the median week's exposures are gaps. */
const GAP_SHARE = 0.1;

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

function median(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Values that are no numbers, and features that never vary. */
export function valueChecks(table: FeatureTable): Found[] {
  let missing = 0;
  const constant: string[] = [];
  for (const [column, name] of table.names.entries()) {
    const values = featureColumn(table, column, 0, table.matrix.rows);
    missing += values.filter((value) => !Number.isFinite(value)).length;
    const train = values.subarray(0, table.train_rows);
    if (train.every((value) => value === train[0])) constant.push(name);
  }
  const share = missing / Math.max(1, table.matrix.rows * table.names.length);
  return [
    judge("quality.missing", share, missing === 0 ? "every feature value is a finite number" : `${missing} feature values are not finite numbers`),
    judge("quality.constant", constant.length, constant.length === 0 ? "every feature varies" : `constant in the training weeks: ${constant.join(", ")}`),
  ];
}

/** What is odd about course-weeks, which are ascending by period and course. */
export function rowChecks(rows: readonly CourseRow[], periods: number): Found[] {
  const keys = new Set(rows.map((row) => `${row.period} ${row.course_id}`));
  const repeated = 1 - keys.size / Math.max(1, rows.length);
  const unseen = rows.filter((row) => row.enrollments > row.exposures).length / Math.max(1, rows.length);
  const lost = unseen === 0 ? "no course-week has more enrollments than exposures" : `${percent(unseen)} of the course-weeks have more enrollments than exposures: exposures are lost, or not sent`;
  return [
    judge("quality.duplicate_rows", repeated, repeated === 0 ? "one row a course and week" : `${percent(repeated)} of the rows repeat another`),
    judge("quality.unseen_enrollments", unseen, lost),
    priceOutliers(rows),
    weekGaps(rows, periods),
  ];
}

function priceOutliers(rows: readonly CourseRow[]): Found {
  let outliers = 0;
  for (const own of groupBy(rows, (row) => row.course_id).values()) {
    const middle = median(own.map((row) => row.mean_log_price).sort((a, b) => a - b));
    outliers += own.filter((row) => Math.abs(row.mean_log_price - middle) > OUTLIER_LOG).length;
  }
  const share = outliers / Math.max(1, rows.length);
  return judge("quality.price_outliers", share, outliers === 0 ? "every price is near the course's median" : `${percent(share)} of the course-weeks have prices far from the course's median`);
}

function weekGaps(rows: readonly CourseRow[], periods: number): Found {
  const exposures = new Array<number>(periods).fill(0);
  for (const row of rows) exposures[row.period]! += Math.max(row.exposures, row.enrollments);
  const least = GAP_SHARE * median(exposures.toSorted((a, b) => a - b));
  const gaps = exposures.filter((count) => count <= least).length;
  return judge("quality.week_gaps", gaps / Math.max(1, periods), gaps === 0 ? "no week without its share of exposures" : `${gaps} of ${periods} weeks have next to no exposures`);
}
