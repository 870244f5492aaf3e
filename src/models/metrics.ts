import type { ElasticityModel, Metrics } from "../contracts/artifact.ts";
import { assert } from "../lib/assert.ts";

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

/** Shares of an importance that sum to 1, by feature name. */
export function importanceShares(names: readonly string[], weights: ArrayLike<number>): Record<string, number> {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i]!;
  return Object.fromEntries(names.map((name, i) => [name, total > 0 ? weights[i]! / total : 0]));
}

/** |coefficient| of a linear model's standardised columns; trees report their gain while they grow. */
export function linearImportance(names: readonly string[], model: ElasticityModel & { kind: "log_linear" }): Record<string, number> {
  return importanceShares(names, model.coefficients.map(Math.abs));
}
