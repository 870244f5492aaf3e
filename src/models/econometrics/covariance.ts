import { assert, must } from "../../lib/assert.ts";
import { symmetricEigen } from "./symmetric-eigen.ts";
import { crossFactors, type Factor } from "./sample.ts";

export const errorKinds = ["iid", "HC0", "HC1", "HC2", "HC3", "clustered"] as const;
/** `iid`: one variance for all rows. HC0 to HC3 (White 1980; MacKinnon, White 1985): each row its own. `clustered`: CR1, by one dimension or two. */
export type ErrorKind = (typeof errorKinds)[number];

export interface ErrorModel {
  readonly kind: ErrorKind;
  /** One or two factors where the kind is `clustered`. */
  readonly clusters: readonly Factor[];
  readonly rows: number;
  /** Parameters, absorbed ones included. */
  readonly parameters: number;
  /** The same without effects that are nested in clusters. */
  readonly parameters_clustered: number;
  /** Leverage of the rows beside that of q's columns: the absorbed effects'. HC2 and HC3 need it. */
  readonly leverage?: Float64Array | undefined;
  /** Without the factor for few clusters. */
  readonly uncorrected?: boolean;
}

/** Of the tests: rows less parameters, or the smaller number of clusters less one. */
export function testFreedom({ kind, clusters, rows, parameters }: ErrorModel): number {
  if (kind !== "clustered") return rows - parameters;
  return Math.min(...clusters.map(({ levels }) => levels)) - 1;
}

/** Σ over levels of (Σ q·u)(Σ q·v)ᵀ, symmetric. */
function clusterSums(q: readonly Float64Array[], u: Float64Array, v: Float64Array, { codes, levels }: Factor): Float64Array {
  const k = q.length;
  const sum = (residual: Float64Array): Float64Array => {
    const sums = new Float64Array(levels * k);
    for (const [j, own] of q.entries()) for (let i = 0; i < codes.length; i++) sums[codes[i]! * k + j]! += own[i]! * residual[i]!;
    return sums;
  };
  const first = sum(u);
  const second = u === v ? first : sum(v);
  const out = new Float64Array(k * k);
  for (let g = 0; g < levels; g++) {
    for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) out[i * k + j]! += (first[g * k + i]! * second[g * k + j]! + first[g * k + j]! * second[g * k + i]!) / 2;
  }
  return out;
}

/** Rows' own variances: the square of a residual, or what the leverage says that it should have been. */
function rowSums(q: readonly Float64Array[], u: Float64Array, v: Float64Array, model: ErrorModel): Float64Array {
  const k = q.length;
  const { kind, rows, parameters, leverage } = model;
  const product = u.map((own, i) => own * v[i]!);
  if (kind === "HC2" || kind === "HC3") {
    const hat = leverage === undefined ? new Float64Array(rows) : leverage.slice();
    for (const own of q) for (let i = 0; i < rows; i++) hat[i]! += own[i]! * own[i]!;
    // A row that only fits itself has residual 0 and says nothing of its variance.
    for (let i = 0; i < rows; i++) product[i] = hat[i]! > 1 - 1e-10 ? 0 : product[i]! / (1 - hat[i]!) ** (kind === "HC2" ? 1 : 2);
  }
  const factor = kind === "HC1" ? rows / (rows - parameters) : 1;
  const out = new Float64Array(k * k);
  for (let a = 0; a < k; a++) {
    for (let b = 0; b <= a; b++) {
      let sum = 0;
      for (let i = 0; i < rows; i++) sum += q[a]![i]! * q[b]![i]! * product[i]!;
      out[a * k + b] = out[b * k + a] = factor * sum;
    }
  }
  return out;
}

/** The nearest matrix without negative eigenvalues: two-way clustering may give some by chance (Cameron, Gelbach, Miller 2011). */
export function withoutNegative(matrix: Float64Array, k: number): Float64Array {
  const { values, vectors } = symmetricEigen(matrix, k);
  if (values.every((value) => value >= 0)) return matrix;
  const out = new Float64Array(k * k);
  for (let e = 0; e < k; e++) {
    const value = Math.max(0, values[e]!);
    for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) out[i * k + j]! += value * vectors[i * k + e]! * vectors[j * k + e]!;
  }
  return out;
}

/**
 * Covariance of Qᵀu for orthonormal columns q and residuals u (with v: the covariance of Qᵀu and Qᵀv, made symmetric), k × k. Clustered: G/(G − 1)·(n − 1)/(n − K)
 * with K as absorbedFreedom counts, and for two dimensions A + B − A∩B with the smaller G for all three (reghdfe's and fixest's convention),
 * which need not be positive: withoutNegative.
 */
export function scoreCovariance(q: readonly Float64Array[], u: Float64Array, v: Float64Array, model: ErrorModel): Float64Array {
  const k = q.length;
  const { kind, clusters, rows, parameters, parameters_clustered } = model;
  assert(u.length === rows && v.length === rows, "a residual a row");
  if (kind === "iid") {
    let sum = 0;
    for (let i = 0; i < rows; i++) sum += u[i]! * v[i]!;
    const out = new Float64Array(k * k);
    for (let i = 0; i < k; i++) out[i * k + i] = sum / (rows - parameters);
    return out;
  }
  if (kind !== "clustered") return rowSums(q, u, v, model);
  const first = must(clusters[0], "clusters to cluster by");
  const second = clusters[1];
  let out = clusterSums(q, u, v, first);
  if (second !== undefined) {
    const other = clusterSums(q, u, v, second);
    const both = clusterSums(q, u, v, crossFactors(first, second));
    out = out.map((own, i) => own + other[i]! - both[i]!);
  }
  const groups = testFreedom(model) + 1;
  if (model.uncorrected === true) return out;
  const factor = (groups / (groups - 1)) * ((rows - 1) / (rows - parameters_clustered));
  return out.map((own) => factor * own);
}
