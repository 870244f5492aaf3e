import { Absorber, absorbedFreedom, type AbsorbedFreedom, levelLeverage, markSingletons, squaresByLevel } from "./absorption.ts";
import { type ErrorKind, type ErrorModel, scoreCovariance, withoutNegative } from "./covariance.ts";
import { type Coefficient, coefficient, type DroppedColumn, type NotIdentified, notIdentified } from "./estimate.ts";
import { norm, type OrthogonalBasis, toColumns } from "./orthogonal-basis.ts";
import { checkSample, keepRows, type NumberColumn, type Sample } from "./sample.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { must } from "../../lib/assert.ts";

export const CONSTANT = "(constant)";

export interface FitOptions {
  /** Default: `clustered` where the sample names clusters, else HC1. */
  readonly errors?: ErrorKind | undefined;
}

/** The kind of errors asked for, which must fit the sample. Throws TidemarkError `bad_errors`. */
export function errorKind(sample: Sample, { errors }: FitOptions): ErrorKind {
  const kind = errors ?? (sample.clusters.length > 0 ? "clustered" : "HC1");
  if ((kind === "clustered") !== sample.clusters.length > 0) throw new TidemarkError("bad_errors", `errors are ${kind} and ${sample.clusters.length} clusters are named: name what to cluster by for clustered errors, and only for those`);
  if ((kind === "HC2" || kind === "HC3") && sample.fixed_effects.length > 1) throw new TidemarkError("bad_errors", `${kind} needs leverages, which are not to be had of more than one absorbed dimension: use HC1 or clusters`);
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

/** What stands in the way of errors, whatever the estimate. */
export function withoutFreedom({ kind, clusters, rows, parameters }: ErrorModel): NotIdentified | undefined {
  if (rows <= parameters) return notIdentified("no_degrees_of_freedom", `${rows} rows for ${parameters} parameters: give more rows, or absorb fewer effects`);
  const few = kind === "clustered" ? clusters.find(({ levels }) => levels < 2) : undefined;
  if (few !== undefined) return notIdentified("one_cluster", `all rows are of one ${few.name}: errors clustered by it cannot be had`);
  return undefined;
}

/** A share below this is rounding. */
const SHARE_MIN = 1e-12;

/** The largest share of one cluster in a column's squares, null without clusters; or that they are all of one cluster. */
export function clusterShare(column: Float64Array, { kind, clusters }: ErrorModel, treatment: string): number | null | NotIdentified {
  if (kind !== "clustered") return null;
  let largest = 0;
  for (const cluster of clusters) {
    const squares = squaresByLevel(cluster, column);
    const total = squares.reduce((sum, own) => sum + own, 0);
    const varying = squares.reduce((count, own) => count + (own > SHARE_MIN * total ? 1 : 0), 0);
    if (varying < 2) return notIdentified("one_cluster", `all variation of ${treatment} that is left to learn from is in one ${cluster.name}: its error cannot be had`);
    for (const own of squares) largest = Math.max(largest, own / total);
  }
  return largest;
}

/** Names of the columns that were left out, and of what they are combinations. */
export function droppedColumns(basis: OrthogonalBasis, names: readonly string[]): DroppedColumn[] {
  return basis.dropped.map(({ index, of }) => ({ name: must(names[index], "a column's name"), of: of.map((own) => must(names[own], "a column's name")) }));
}

function withinEffects({ fixed_effects }: Sample): string {
  return fixed_effects.length === 0 ? "" : ` within ${fixed_effects.map(({ name }) => name).join(" and ")}`;
}

export function noVariation(sample: Sample): NotIdentified {
  return notIdentified("no_variation", `${sample.treatment.name} does not vary${withinEffects(sample)}: nothing says what its changes do`);
}

/** Why a treatment that the columns before it explain has no effect of its own. */
export function explained(treatment: NumberColumn, { of }: DroppedColumn, sample: Sample): NotIdentified {
  const within = withinEffects(sample);
  const others = of.filter((name) => name !== CONSTANT);
  if (others.length === 0) return noVariation(sample);
  return notIdentified("collinear", `${treatment.name} is a combination of ${others.join(", ")}${within}: leave one of them out`);
}

/**
 * Coefficients with their errors, the last column's first and a constant last: V = R⁻¹·Cov(Qᵀu)·R⁻ᵀ.
 * `names` and `estimates` are of the kept columns.
 */
export function coefficientTable(basis: OrthogonalBasis, names: readonly string[], estimates: ArrayLike<number>, residual: Float64Array, model: ErrorModel, df: number): { coefficients: Coefficient[]; covariance: Float64Array } {
  const k = names.length;
  const scores = scoreCovariance(basis.q, residual, residual, model);
  const own = toColumns(basis.r, k, model.clusters.length > 1 ? withoutNegative(scores, k) : scores);
  const constants = names[0] === CONSTANT ? [0] : [];
  const order = [k - 1, ...Array.from({ length: k - 1 - constants.length }, (_, i) => i + constants.length), ...constants].slice(0, k);
  const covariance = new Float64Array(k * k);
  for (const [i, from] of order.entries()) for (const [j, to] of order.entries()) covariance[i * k + j] = own[from * k + to]!;
  const coefficients = order.map((from, i) => coefficient(names[from]!, estimates[from]!, Math.sqrt(Math.max(0, covariance[i * k + i]!)), df));
  return { coefficients, covariance };
}

