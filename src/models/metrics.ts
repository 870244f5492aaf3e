import type { CourseMetrics, Metrics } from "../contracts/artifact.ts";
import { assert } from "../lib/assert.ts";
import { Prng } from "../lib/prng.ts";

/** Poisson deviance of one count, 2(y·log(y/μ) − (y − μ)). */
export function poissonDeviance(y: number, mean: number): number {
  return 2 * ((y > 0 ? y * Math.log(y / mean) : 0) - (y - mean));
}

/** Mean Poisson deviance; lower is better. */
export function meanDeviance(y: ArrayLike<number>, mean: ArrayLike<number>): number {
  assert(y.length === mean.length && y.length > 0, "deviance needs as many predictions as counts, and one at least");
  let sum = 0;
  for (let i = 0; i < y.length; i++) sum += poissonDeviance(y[i]!, mean[i]!);
  return sum / y.length;
}

/**
 * Metrics of predicted means against counts. `naive` is the forecast to beat: each course's trailing conversion
 * times its exposures. R², RMSE and MAPE are on log(1 + count); MAPE over the rows that sold.
 */
export function evaluateCounts(y: ArrayLike<number>, mean: ArrayLike<number>, naive: ArrayLike<number>): Metrics {
  const rows = y.length;
  const deviance = meanDeviance(y, mean);
  const naiveDeviance = meanDeviance(y, naive);
  let logMean = 0;
  for (let i = 0; i < rows; i++) logMean += Math.log1p(y[i]!) / rows;
  let residual = 0;
  let total = 0;
  let percent = 0;
  let sold = 0;
  let absolute = 0;
  let count = 0;
  for (let i = 0; i < rows; i++) {
    const actual = Math.log1p(y[i]!);
    const error = actual - Math.log1p(mean[i]!);
    residual += error * error;
    total += (actual - logMean) ** 2;
    if (actual > 0) {
      percent += Math.abs(error) / actual;
      sold++;
    }
    absolute += Math.abs(y[i]! - mean[i]!);
    count += y[i]!;
  }
  return {
    rows,
    poisson_deviance: deviance,
    skill: naiveDeviance > 0 ? 1 - deviance / naiveDeviance : 0,
    r2_log: total > 0 ? 1 - residual / total : 0,
    rmse_log: Math.sqrt(residual / rows),
    mape_log: sold > 0 ? percent / sold : 0,
    wape: count > 0 ? absolute / count : 0,
  };
}

const CEILING_DRAWS = 20;

/** R², RMSE and MAPE on log(1 + count), as the product description computes them. */
function logMetrics(y: ArrayLike<number>, mean: ArrayLike<number>): CourseMetrics["ceiling"] {
  const { r2_log, rmse_log, mape_log } = evaluateCounts(y, mean, mean);
  return { r2_log, rmse_log, mape_log };
}

/** Metrics of whole courses, with what they would be if the predictions were the truth and only chance were left: means over seeded Poisson draws. */
export function evaluateCourses(y: ArrayLike<number>, mean: ArrayLike<number>): CourseMetrics {
  const random = new Prng("noise ceiling");
  const ceiling = { r2_log: 0, rmse_log: 0, mape_log: 0 };
  for (let draw = 0; draw < CEILING_DRAWS; draw++) {
    const drawn = logMetrics(Float64Array.from({ length: y.length }, (_, i) => random.poisson(mean[i]!)), mean);
    for (const key of ["r2_log", "rmse_log", "mape_log"] as const) ceiling[key] += drawn[key] / CEILING_DRAWS;
  }
  return { courses: y.length, ...logMetrics(y, mean), ceiling };
}

/** Shares of an importance that sum to 1, by feature name. */
export function importanceShares(names: readonly string[], weights: ArrayLike<number>): Record<string, number> {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i]!;
  return Object.fromEntries(names.map((name, i) => [name, total > 0 ? weights[i]! / total : 0]));
}
