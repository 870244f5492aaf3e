import type { ReducedForm } from "./anderson-rubin.ts";
import { type ErrorModel, scoreCovariance, testFreedom } from "./covariance.ts";
import { fTail } from "./distributions.ts";
import { type NotIdentified, notIdentified } from "./estimate.ts";
import { inverseProduct } from "./inverse-product.ts";
import { dot, removeSpan } from "./orthogonal-basis.ts";

/** How strongly the instruments move the treatment. */
export interface FirstStage {
  /** Of the instruments' coefficients being zero, with the errors of the estimate. */
  readonly f: number;
  readonly p: number;
  /** The same as if all rows had one variance. */
  readonly f_iid: number;
  /** Montiel Olea and Pflueger (2013): what bias goes by under any errors; with one instrument the same as `f`. */
  readonly f_effective: number;
  readonly df1: number;
  readonly df2: number;
  /** Share of the treatment's variance, left by controls and effects, that the instruments explain. */
  readonly r2_partial: number;
}

/** Below this the t interval is not to be trusted and Anderson–Rubin's stands in its place (Staiger, Stock 1997). */
const WEAK_F = 10;

export function isWeak({ f, f_effective }: Pick<FirstStage, "f" | "f_effective">): boolean {
  return Math.min(f, f_effective) < WEAK_F;
}

export function tooWeak(f: number, treatment: string): NotIdentified {
  return notIdentified("weak_instruments", `F of the first stage is ${f.toPrecision(3)} and no effect can be ruled out (the Anderson–Rubin set is the whole line): find instruments that move ${treatment} more`);
}

/** Coefficients of a column on orthonormal instruments, and what they leave of it. */
export interface Projected {
  readonly moments: Float64Array;
  readonly noise: Float64Array;
}

export function project(z: readonly Float64Array[], column: Float64Array): Projected {
  const noise = column.slice();
  const moments = new Float64Array(z.length);
  removeSpan(z, noise, moments);
  return { moments, noise };
}

/** `d` is the treatment without controls and effects, `own` the same in terms of the instruments. */
export function firstStage(z: readonly Float64Array[], d: Float64Array, own: Projected, model: ErrorModel): FirstStage | NotIdentified {
  const { moments, noise } = own;
  const total = dot(d, d);
  const explained = dot(moments, moments);
  if (!(explained > 1e-16 * total)) return notIdentified("weak_instruments", "the instruments are not related to the price at all");
  const covariance = scoreCovariance(z, noise, noise, model);
  const wald = inverseProduct(covariance, moments, moments);
  if (wald === undefined) {
    const from = model.clusters.map(({ name, levels }) => `${levels} of ${name}`).join(" and ") || `${model.rows} rows`;
    return notIdentified("singular_covariance", `the covariance of ${z.length} instruments cannot be had from ${from}: give fewer instruments`);
  }
  const df1 = z.length;
  const df2 = testFreedom(model);
  const trace = moments.reduce((sum, _, i) => sum + covariance[i * df1 + i]!, 0);
  const f = wald / df1;
  return { f, p: fTail(f, df1, df2), f_iid: explained / df1 / (dot(noise, noise) / (model.rows - model.parameters)), f_effective: explained / trace, df1, df2, r2_partial: explained / total };
}

export function reducedForm(z: readonly Float64Array[], outcome: Projected, treatment: Projected, model: ErrorModel): ReducedForm {
  return {
    outcome: outcome.moments,
    treatment: treatment.moments,
    outcome_covariance: scoreCovariance(z, outcome.noise, outcome.noise, model),
    cross_covariance: scoreCovariance(z, outcome.noise, treatment.noise, model),
    treatment_covariance: scoreCovariance(z, treatment.noise, treatment.noise, model),
    scalar: model.kind === "iid",
    df: testFreedom(model),
  };
}
