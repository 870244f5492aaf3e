import { type ErrorModel, scoreCovariance } from "./covariance.ts";
import { chiSquareTail } from "./distributions.ts";
import { inverseProduct } from "./inverse-product.ts";
import { dot } from "./orthogonal-basis.ts";

/** Test of more instruments than needed: Sargan's for one variance, else Hansen's from two-step GMM. χ² where all are valid. */
export interface OverIdentification {
  readonly test: "sargan" | "hansen";
  readonly j: number;
  readonly df: number;
  readonly p: number;
}

/**
 * In an orthonormal basis z of the instruments without controls, of outcome and treatment without them (y, d) and of the residual of two-stage least squares: n·R² of
 * that residual, or the criterion at the efficient two-step estimate, without corrections for few rows or clusters (as ivreg2 has both). The minimum over
 * all moments is the same as over these, since controls' coefficients can meet their own moments exactly. Null where there is nothing to test, or too few clusters.
 */
export function overIdentification(z: readonly Float64Array[], y: Float64Array, d: Float64Array, residual: Float64Array, model: ErrorModel): OverIdentification | null {
  const df = z.length - 1;
  if (df === 0) return null;
  const moments = (column: Float64Array): Float64Array => Float64Array.from(z, (own) => dot(own, column));
  if (model.kind === "iid") {
    const own = moments(residual);
    const j = (model.rows * dot(own, own)) / dot(residual, residual);
    return { test: "sargan", j, df, p: chiSquareTail(j, df) };
  }
  const s = scoreCovariance(z, residual, residual, { ...model, kind: model.kind === "clustered" ? "clustered" : "HC0", uncorrected: true });
  const outcome = moments(y);
  const treatment = moments(d);
  const cross = inverseProduct(s, treatment, outcome);
  const square = inverseProduct(s, treatment, treatment);
  if (cross === undefined || square === undefined) return null;
  const left = outcome.map((value, i) => value - (cross / square) * treatment[i]!);
  const j = inverseProduct(s, left, left);
  return j === undefined ? null : { test: "hansen", j, df, p: chiSquareTail(j, df) };
}
