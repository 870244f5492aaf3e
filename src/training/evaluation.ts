import type { Metrics } from "../contracts/artifact.ts";
import type { CourseRow } from "../features/replay.ts";
import { exp } from "../lib/exp-log.ts";
import { clipRate } from "../models/compiled.ts";
import { overDispersion, levelSd, type CourseCounts } from "../models/course-effects.ts";
import { elasticityFeatureNames, fillElasticityRow, TRAILING_CONVERSION_COLUMN } from "../models/elasticity-features.ts";
import { evaluateCounts, poissonDeviance } from "../models/metrics.ts";

/** Expected enrollments per exposure of a course view at a log price: a compiled model's, or a candidate's. */
export type RateOf = (view: ArrayLike<number>, log_price: number) => number;
/** The same of a row, for forecasts that are no models. */
export type RowRate = (row: CourseRow) => number;

/** The naive forecast: the course's own shrunk conversion of the last 90 days. */
export function trailingConversion({ view, mean_log_price }: CourseRow): number {
  fillElasticityRow(view, mean_log_price, features, 0);
  return clipRate(exp(features[TRAILING_CONVERSION_COLUMN]!));
}
const features = new Float64Array(elasticityFeatureNames.length);

/** Half the step of the finite difference, in log price. */
const PRICE_STEP = 0.05;
/** Steps of a walk along the price, on either side. */
const PRICE_WALK = 10;

/** Held-out rows with what every judgement of them needs. */
export class HeldOut {
  readonly rows: readonly CourseRow[];
  readonly #y: Float64Array;
  readonly #exposure: Float64Array;
  readonly #naive: Float64Array;

  constructor(rows: readonly CourseRow[]) {
    this.rows = rows;
    this.#y = Float64Array.from(rows, (row) => row.enrollments);
    this.#exposure = Float64Array.from(rows, (row) => Math.max(row.exposures, row.enrollments));
    this.#naive = Float64Array.from(rows, (row, i) => this.#exposure[i]! * trailingConversion(row));
  }

  get y(): Float64Array {
    return this.#y;
  }

  get exposure(): Float64Array {
    return this.#exposure;
  }

  /** Expected enrollments of each row. */
  means(rate: RateOf): Float64Array {
    return Float64Array.from(this.rows, (row, i) => this.#exposure[i]! * rate(row.view, row.mean_log_price));
  }

  /** Poisson deviance of each row. */
  losses(rate: RowRate): Float64Array {
    return Float64Array.from(this.rows, (row, i) => poissonDeviance(this.#y[i]!, this.#exposure[i]! * rate(row)));
  }

  metrics(rate: RateOf): Metrics {
    return this.metricsOf(this.means(rate));
  }

  /** Of the rows' expected enrollments: of all rows, or of those at some positions. */
  metricsOf(means: Float64Array, positions?: readonly number[]): Metrics {
    if (positions === undefined) return evaluateCounts(this.#y, means, this.#naive);
    const pick = (values: Float64Array): Float64Array => Float64Array.from(positions, (i) => values[i]!);
    return evaluateCounts(pick(this.#y), pick(means), pick(this.#naive));
  }

  /** d log rate / d log price by central differences, averaged over the rows. */
  elasticity(rate: RateOf): number {
    let sum = 0;
    for (const row of this.rows) {
      sum += Math.log(rate(row.view, row.mean_log_price + PRICE_STEP) / rate(row.view, row.mean_log_price - PRICE_STEP));
    }
    return sum / (2 * PRICE_STEP * this.rows.length);
  }

  /** Share of rows whose rate rises anywhere along the price, from 0.6 to 1.6 times theirs. */
  rising(rate: RateOf): number {
    let rising = 0;
    for (const { view, mean_log_price } of this.rows) {
      let before = Number.POSITIVE_INFINITY;
      for (let step = -PRICE_WALK; step <= PRICE_WALK; step++) {
        const now = rate(view, mean_log_price + step * PRICE_STEP);
        if (now > before * (1 + 1e-9)) {
          rising++;
          break;
        }
        before = now;
      }
    }
    return rising / this.rows.length;
  }

  /** How courses scatter around the predictions: over-dispersion within a course, and the spread of their levels. */
  scatter(rate: RateOf): { dispersion: Record<string, number>; level_sd: number } {
    const means = this.means(rate);
    const indices = new Map<string, number[]>();
    for (const [i, row] of this.rows.entries()) {
      const own = indices.get(row.course_id);
      if (own === undefined) indices.set(row.course_id, [i]);
      else own.push(i);
    }
    const courses: CourseCounts[] = [...indices.values()].map((own) => ({
      category: this.rows[own[0]!]!.category,
      counts: Float64Array.from(own, (i) => this.#y[i]!),
      offsets: Float64Array.from(own, (i) => means[i]!),
    }));
    const dispersion = overDispersion(courses);
    const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
    return { dispersion: Object.fromEntries(dispersion), level_sd: levelSd(courses, dispersion, sum(this.#y) / sum(this.#exposure)) };
  }
}
