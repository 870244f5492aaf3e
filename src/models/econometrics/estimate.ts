import { tQuantileTwoSided, tTwoSided } from "./distributions.ts";
import type { AbsorbedFactor } from "./absorbed-freedom.ts";
import type { ErrorKind } from "./covariance.ts";

/** Why there is no number. `detail` says it of the data at hand, and what to do. */
export const reasons = ["no_variation", "collinear", "no_instrument", "one_cluster", "weak_instruments", "no_degrees_of_freedom", "no_events", "separated", "singular_covariance"] as const;
export type Reason = (typeof reasons)[number];

/** The data do not hold the effect that is asked for: an answer, not a failure. */
export interface NotIdentified {
  readonly identified: false;
  readonly reason: Reason;
  readonly detail: string;
}

export function notIdentified(reason: Reason, detail: string): NotIdentified {
  return { identified: false, reason, detail };
}

export interface Coefficient {
  readonly name: string;
  readonly estimate: number;
  readonly se: number;
  /** estimate/se: t, or z where the degrees of freedom are infinite. */
  readonly statistic: number;
  /** Two-sided, of the coefficient being 0. */
  readonly p: number;
  /** Ends of the 95 % interval. */
  readonly low: number;
  readonly high: number;
}

export function coefficient(name: string, estimate: number, se: number, df: number): Coefficient {
  const statistic = estimate / se;
  const reach = tQuantileTwoSided(0.05, df) * se;
  return { name, estimate, se, statistic, p: tTwoSided(statistic, df), low: estimate - reach, high: estimate + reach };
}

/** What was left out before anything was estimated. */
export interface LeftOut {
  /** Rows alone in a level of a fixed effect: they fit themselves. */
  readonly singletons: number;
  readonly zero_weight: number;
  /** Of counts: rows of levels that never sold, and rows that a limit fits exactly (separation). */
  readonly without_events: number;
  readonly separated: number;
}

export interface DroppedColumn {
  readonly name: string;
  /** Columns that it is a combination of; none where the fixed effects explain it or it is constant. */
  readonly of: readonly string[];
}

/** What every regression answers with. */
export interface Fit {
  readonly identified: true;
  readonly treatment: Coefficient;
  /** The treatment first, a constant last. */
  readonly coefficients: readonly Coefficient[];
  /** Of the coefficients in their order, row-major. */
  readonly covariance: Float64Array;
  readonly errors: ErrorKind;
  /** Degrees of freedom of the tests; infinite: normal. */
  readonly df: number;
  readonly rows: number;
  /** Parameters, absorbed ones included. */
  readonly parameters: number;
  readonly clusters: readonly { readonly name: string; readonly levels: number }[];
  /** Largest share that one cluster has in the variation that identifies the treatment's effect; null without clusters. */
  readonly largest_cluster_share: number | null;
  readonly absorbed: readonly AbsorbedFactor[];
  readonly left_out: LeftOut;
  readonly dropped: readonly DroppedColumn[];
  /** Explained share of the outcome's variance, and of what absorbed effects leave; of counts the share of the deviance, and null. */
  readonly r2: number;
  readonly r2_within: number | null;
}
