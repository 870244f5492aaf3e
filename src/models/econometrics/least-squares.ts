import { must } from "../../lib/assert.ts";
import { testFreedom } from "./covariance.ts";
import { clusterShare, coefficientTable, CONSTANT, Design, droppedColumns, errorKind, explained, type FitOptions, usableRows, withoutFreedom } from "./design.ts";
import type { Fit, NotIdentified } from "./estimate.ts";
import { dot, orthogonalBasis, removeSpan, solveUpper } from "./orthogonal-basis.ts";
import type { Sample } from "./sample.ts";

/**
 * Least squares of the outcome on treatment and controls, weighted where the sample has weights, fixed effects absorbed (Frisch, Waugh, Lovell), with t tests.
 * Columns that others explain are dropped and named; where that is the treatment, the answer is why.
 */
export function leastSquares(given: Sample, options: FitOptions = {}): Fit | NotIdentified {
  const kind = errorKind(given, options);
  const { sample, zero_weight, singletons } = usableRows(given);
  const design = new Design(sample);
  const constant = design.constant();
  const columns = [...(constant === undefined ? [] : [constant]), ...[...sample.controls, sample.treatment].map(({ values }) => design.column(values))];
  const names = [...(constant === undefined ? [] : [CONSTANT]), ...[...sample.controls, sample.treatment].map(({ name }) => name)];
  const basis = orthogonalBasis(columns.map(({ values }) => values), columns.map(({ reference }) => reference));
  const model = design.errorModel(kind, basis.kept.length);
  const none = withoutFreedom(model);
  if (none !== undefined) return none;
  const dropped = droppedColumns(basis, names);
  const lost = dropped.find((_, i) => basis.dropped[i]!.index === columns.length - 1);
  if (lost !== undefined) return explained(sample.treatment, lost, sample);
  const share = clusterShare(must(basis.q.at(-1), "the treatment"), model, sample.treatment.name);
  if (typeof share === "object" && share !== null) return share;

  const outcome = design.column(sample.outcome.values).values;
  const residual = outcome.slice();
  const projected = new Float64Array(basis.q.length);
  removeSpan(basis.q, residual, projected);
  const df = testFreedom(model);
  const { coefficients, covariance } = coefficientTable(basis, basis.kept.map((i) => names[i]!), solveUpper(basis.r, basis.q.length, projected), residual, model, df);
  const left = dot(residual, residual);
  const total = design.moments(sample.outcome.values).square;
  return {
    identified: true,
    treatment: coefficients[0]!,
    coefficients,
    covariance,
    errors: kind,
    df,
    rows: sample.rows,
    parameters: model.parameters,
    clusters: sample.clusters.map(({ name, levels }) => ({ name, levels })),
    largest_cluster_share: share,
    absorbed: design.freedom.factors,
    left_out: { singletons, zero_weight, without_events: 0, separated: 0 },
    dropped,
    r2: 1 - left / total,
    r2_within: constant === undefined ? 1 - left / dot(outcome, outcome) : 1 - left / total,
  };
}
