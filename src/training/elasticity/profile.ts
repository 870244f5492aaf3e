import type { Analysis, CategoryRow, Histogram } from "../../contracts/training-analysis.ts";
import { courseFeatureIndex } from "../../features/course-view.ts";
import type { CourseRow } from "../../features/replay.ts";
import { groupBy } from "../../lib/group-by.ts";
import { formatTime } from "../../lib/time.ts";
import { correlations } from "../../models/correlation.ts";
import { comparedHistogram } from "../compared-histogram.ts";
import type { TrainingDataset } from "../dataset.ts";
import { type FeatureTable, featureColumn } from "../feature-table.ts";

const REFERENCE = courseFeatureIndex("reference_price_tokens");

/** Sums of course-weeks. */
interface Totals {
  exposures: number;
  enrollments: number;
  /** Price times exposures, and times enrollments. */
  shown_tokens: number;
  revenue_tokens: number;
  readonly courses: Set<string>;
}

const exposed = (row: CourseRow): number => Math.max(row.exposures, row.enrollments);

function total(rows: readonly CourseRow[]): Totals {
  const sums: Totals = { exposures: 0, enrollments: 0, shown_tokens: 0, revenue_tokens: 0, courses: new Set() };
  for (const row of rows) {
    const price = Math.exp(row.mean_log_price);
    sums.exposures += exposed(row);
    sums.enrollments += row.enrollments;
    sums.shown_tokens += exposed(row) * price;
    sums.revenue_tokens += row.enrollments * price;
    sums.courses.add(row.course_id);
  }
  return sums;
}

export function conversionOf(rows: readonly CourseRow[]): number {
  const { exposures, enrollments } = total(rows);
  return enrollments / Math.max(1, exposures);
}

/** Every feature, and what is to be predicted. */
export function histograms(table: FeatureTable, rows: readonly CourseRow[]): Histogram[] {
  const unitOf = (name: string): string => (name.startsWith("log_") ? "log" : "");
  const { train_rows, test_from, matrix } = table;
  const features = table.names.map((name, column) => comparedHistogram(name, unitOf(name), featureColumn(table, column, 0, train_rows), featureColumn(table, column, test_from, matrix.rows)));
  const label = (name: string, unit: string, of: (row: CourseRow) => number): Histogram =>
    comparedHistogram(name, unit, Float64Array.from(rows.slice(0, train_rows), of), Float64Array.from(rows.slice(test_from), of));
  return [...features, label("exposures", "a course and week", (row) => row.exposures), label("enrollments", "a course and week", (row) => row.enrollments)];
}

/** Of the features and, last, the conversion of the course-week. */
export function correlation(table: FeatureTable, rows: readonly CourseRow[]): NonNullable<Analysis["correlation"]> {
  const columns = table.names.map((_, column) => featureColumn(table, column, 0, table.train_rows));
  const conversion = Float64Array.from(rows.slice(0, table.train_rows), (row) => row.enrollments / exposed(row));
  return { names: [...table.names, "conversion"], values: correlations([...columns, conversion]) };
}

export function trend({ rows, at_ms, train_end, validation_end }: Pick<TrainingDataset, "rows" | "at_ms" | "train_end" | "validation_end">): NonNullable<Analysis["trend"]> {
  const weeks = groupBy(rows, (row) => row.period);
  const totals = at_ms.map((_, period) => total(weeks.get(period) ?? []));
  const series = (name: string, unit: string, of: (sums: Totals) => number): { name: string; unit: string; values: (number | null)[] } => ({
    name,
    unit,
    values: totals.map((sums) => (Number.isFinite(of(sums)) ? of(sums) : null)),
  });
  return {
    at: at_ms.map(formatTime),
    block: at_ms.map((_, period) => (period < train_end ? "train" : period < validation_end ? "validation" : "test")),
    series: [
      series("exposures", "a week", ({ exposures }) => exposures),
      series("enrollments", "a week", ({ enrollments }) => enrollments),
      series("conversion", "enrollments per exposure", ({ enrollments, exposures }) => enrollments / exposures),
      series("mean price", "tokens", ({ shown_tokens, exposures }) => shown_tokens / exposures),
      series("revenue", "tokens a week", ({ revenue_tokens }) => revenue_tokens),
      series("courses", "with exposures", ({ courses }) => courses.size),
    ],
  };
}

export function categories(rows: readonly CourseRow[]): CategoryRow[] {
  return [...groupBy(rows, (row) => row.category)]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([category, own]) => {
      const { courses, exposures, enrollments, shown_tokens, revenue_tokens } = total(own);
      return { category, courses: courses.size, exposures, enrollments, conversion: enrollments / exposures, mean_price_tokens: shown_tokens / exposures, revenue_tokens, elasticity: null };
    });
}

/** Standard deviation of weighted values around their mean; 0 without weight. */
function weightedSd(values: readonly number[], weights: readonly number[]): { mean: number; sd: number } {
  const weight = weights.reduce((sum, own) => sum + own, 0);
  if (!(weight > 0)) return { mean: 0, sd: 0 };
  const mean = values.reduce((sum, value, i) => sum + weights[i]! * value, 0) / weight;
  return { mean, sd: Math.sqrt(values.reduce((sum, value, i) => sum + weights[i]! * (value - mean) ** 2, 0) / weight) };
}

/** How far prices move within a course, and how much of it is the random, logged part. */
export function prices(table: FeatureTable, rows: readonly CourseRow[]): NonNullable<Analysis["prices"]> {
  const variation = (own: readonly CourseRow[]): Float64Array => Float64Array.from(own, (row) => (row.view[REFERENCE]! > 0 ? row.mean_log_price - Math.log(row.view[REFERENCE]!) : 0));
  const courses = [...groupBy(rows, (row) => row.course_id).values()].map((own) => {
    const weights = own.map(exposed);
    const { mean, sd } = weightedSd(own.map((row) => row.mean_log_price), weights);
    return { mean, sd, weight: weights.reduce((sum, weight) => sum + weight, 0) };
  });
  const within = courses.reduce((sum, { sd, weight }) => sum + weight * sd * sd, 0) / courses.reduce((sum, { weight }) => sum + weight, 0);
  const jittered = rows.filter((row) => row.jitter_exposures > 0);
  const jitter_exposures = jittered.reduce((sum, row) => sum + row.jitter_exposures, 0);
  return {
    variation: comparedHistogram("log price over the reference price", "log", variation(rows.slice(0, table.train_rows)), variation(rows.slice(table.test_from))),
    within_course_sd: Math.sqrt(within),
    between_course_sd: weightedSd(courses.map(({ mean }) => mean), courses.map(({ weight }) => weight)).sd,
    jitter: {
      exposure_share: jitter_exposures / Math.max(1, rows.reduce((sum, row) => sum + row.exposures, 0)),
      course_week_share: jittered.length / Math.max(1, rows.length),
      courses: new Set(jittered.map((row) => row.course_id)).size,
      sd: weightedSd(jittered.map((row) => row.mean_jitter), jittered.map((row) => row.jitter_exposures)).sd,
    },
  };
}
