import { TidemarkError } from "../../lib/errors.ts";
import { absorbedFreedom, type AbsorbedFreedom } from "./absorbed-freedom.ts";
import { Absorber, levelLeverage, markSingletons } from "./absorption.ts";
import type { ErrorKind, ErrorModel } from "./covariance.ts";
import { norm } from "./orthogonal-basis.ts";
import { checkSample, keepRows, type Sample } from "./sample.ts";

export const CONSTANT = "(constant)";

export interface FitOptions {
  /** Default: `clustered` where the sample names clusters, else HC1. */
  readonly errors?: ErrorKind | undefined;
}

/** The kind of errors asked for, which must fit the sample. Throws TidemarkError `bad_errors`. */
export function errorKind(sample: Sample, { errors }: FitOptions): ErrorKind {
  const kind = errors ?? (sample.clusters.length > 0 ? "clustered" : "HC1");
  const named = sample.clusters.length;
  if ((kind === "clustered") !== named > 0) throw new TidemarkError("bad_errors", `errors are ${kind} and ${named} clusters are named: name what to cluster by for clustered errors, and only for those`);
  if ((kind === "HC2" || kind === "HC3") && sample.fixed_effects.length > 1) {
    throw new TidemarkError("bad_errors", `${kind} needs leverages, which are not to be had of more than one absorbed dimension: use HC1 or clusters`);
  }
  return kind;
}

/** Rows that carry weight and are not alone in a level, with what was left out. */
export interface UsableRows {
  readonly sample: Sample;
  /** Marks the rows of the sample given that are in it. */
  readonly keep: Uint8Array;
  readonly zero_weight: number;
  readonly singletons: number;
}

/** Throws TidemarkError for values that cannot be used. */
export function usableRows(sample: Sample): UsableRows {
  checkSample(sample);
  const keep = new Uint8Array(sample.rows).fill(1);
  let zero_weight = 0;
  for (let i = 0; i < sample.rows; i++) {
    if (sample.weights === undefined || sample.weights[i]! > 0) continue;
    keep[i] = 0;
    zero_weight++;
  }
  const singletons = markSingletons(sample.fixed_effects, keep);
  return { sample: keepRows(sample, keep), keep, zero_weight, singletons };
}

/** A column as regressions use it: effects absorbed, each row times the root of its weight. */
export interface DesignColumn {
  readonly values: Float64Array;
  /** Its norm before effects were absorbed: what is small is small next to this. */
  readonly reference: number;
}

/** Taking a large mean out leaves rounding behind: against it a column is measured by this share of its own size. */
const LEVEL_SHARE = 1e-5;

/** Turns columns of one sample into those that plain least squares of the rest needs. */
export class Design {
  readonly sample: Sample;
  readonly freedom: AbsorbedFreedom;
  readonly #roots: Float64Array | undefined;
  readonly #weights: Float64Array | undefined;
  readonly #absorber: Absorber;

  /** `weights` stand for the sample's own where a method has others. */
  constructor(sample: Sample, weights: Float64Array | undefined = sample.weights, freedom: AbsorbedFreedom = absorbedFreedom(sample.fixed_effects, sample.clusters)) {
    this.sample = sample;
    this.freedom = freedom;
    this.#weights = weights;
    this.#roots = weights?.map(Math.sqrt);
    this.#absorber = new Absorber(sample.fixed_effects, weights);
  }

  column(values: Float64Array): DesignColumn {
    return { values: this.scale(this.absorbed(values)), reference: this.reference(values) };
  }

  /** A copy without the fixed effects, rows as they are. */
  absorbed(values: Float64Array): Float64Array {
    const own = values.slice();
    this.#absorber.absorb(own);
    return own;
  }

  /** What is left of a column is measured by this: its norm around its mean, or a share of its size where it hardly varies. */
  reference(values: Float64Array): number {
    const { square, raw } = this.moments(values);
    return Math.max(Math.sqrt(square), LEVEL_SHARE * Math.sqrt(raw));
  }

  /** Rows times the roots of their weights, in place. */
  scale(values: Float64Array): Float64Array {
    if (this.#roots !== undefined) for (let i = 0; i < values.length; i++) values[i]! *= this.#roots[i]!;
    return values;
  }

  /** The column of the constant; undefined where absorbed effects hold it. */
  constant(): DesignColumn | undefined {
    if (this.sample.fixed_effects.length > 0) return undefined;
    const values = this.scale(new Float64Array(this.sample.rows).fill(1));
    return { values, reference: norm(values) };
  }

  /** Weighted mean, and weighted sums of squares around it and around zero. */
  moments(values: Float64Array): { readonly mean: number; readonly square: number; readonly raw: number } {
    const weights = this.#weights;
    let total = 0;
    let sum = 0;
    for (let i = 0; i < values.length; i++) {
      const weight = weights === undefined ? 1 : weights[i]!;
      total += weight;
      sum += weight * values[i]!;
    }
    const mean = sum / total;
    let square = 0;
    let raw = 0;
    for (let i = 0; i < values.length; i++) {
      const weight = weights === undefined ? 1 : weights[i]!;
      square += weight * (values[i]! - mean) ** 2;
      raw += weight * values[i]! * values[i]!;
    }
    return { mean, square, raw };
  }

  /** The error model of a regression with so many coefficients beside the absorbed effects. */
  errorModel(kind: ErrorKind, coefficients: number): ErrorModel {
    const { sample, freedom } = this;
    const [factor] = sample.fixed_effects;
    const leverage = factor !== undefined && (kind === "HC2" || kind === "HC3") ? levelLeverage(factor, this.#weights) : undefined;
    return { kind, clusters: sample.clusters, rows: sample.rows, parameters: coefficients + freedom.parameters, parameters_clustered: coefficients + freedom.parameters_clustered, leverage };
  }
}
