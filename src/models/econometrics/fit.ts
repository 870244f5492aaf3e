import { type ErrorModel, scoreCovariance, testFreedom, withoutNegative } from "./covariance.ts";
import { CONSTANT, type Design } from "./design.ts";
import { type Coefficient, coefficient, type DroppedColumn, type Fit, type LeftOut } from "./estimate.ts";
import { dot, type OrthogonalBasis, toColumns } from "./orthogonal-basis.ts";

/** A regression that is solved. */
export interface Solved {
  readonly design: Design;
  /** Of the columns, the treatment's last. */
  readonly basis: OrthogonalBasis;
  /** Names and estimates of the basis' columns. */
  readonly names: readonly string[];
  readonly estimates: ArrayLike<number>;
  /** Rows times the roots of their weights. */
  readonly residual: Float64Array;
  readonly model: ErrorModel;
  readonly share: number | null;
  readonly left_out: LeftOut;
  readonly dropped: readonly DroppedColumn[];
}

/**
 * Coefficients with their errors, the last column's first and a constant last: V = R⁻¹·Cov(Qᵀu)·R⁻ᵀ.
 */
function coefficientTable({ basis, names, estimates, residual, model }: Solved, df: number): { readonly coefficients: Coefficient[]; readonly covariance: Float64Array } {
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

/** Shares of the outcome's variance, and of what absorbed effects leave of it, that are explained. `outcome` is without them. */
export function explainedShares(design: Design, outcome: Float64Array, residual: Float64Array): Pick<Fit, "r2" | "r2_within"> {
  const left = dot(residual, residual);
  const total = design.moments(design.sample.outcome.values).square;
  return { r2: 1 - left / total, r2_within: 1 - left / (design.sample.fixed_effects.length > 0 ? dot(outcome, outcome) : total) };
}

/** The answer of a regression; `df` are the tests'. */
export function fitOf(solved: Solved, shares: Pick<Fit, "r2" | "r2_within">, df = testFreedom(solved.model)): Fit {
  const { design, model, share, left_out, dropped } = solved;
  const { coefficients, covariance } = coefficientTable(solved, df);
  const { rows, clusters } = design.sample;
  return {
    identified: true,
    treatment: coefficients[0]!,
    coefficients,
    covariance,
    errors: model.kind,
    df,
    rows,
    parameters: model.parameters,
    clusters: clusters.map(({ name, levels }) => ({ name, levels })),
    largest_cluster_share: share,
    absorbed: design.freedom.factors,
    left_out,
    dropped,
    ...shares,
  };
}
