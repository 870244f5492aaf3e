import { must } from "../../lib/assert.ts";
import { CONSTANT, Design, errorKind, type FitOptions, usableRows } from "./design.ts";
import type { Fit, NotIdentified } from "./estimate.ts";
import { explainedShares, fitOf } from "./fit.ts";
import { clusterShare, droppedColumns, explained, withoutFreedom } from "./identification.ts";
import { orthogonalBasis, removeSpan, solveUpper } from "./orthogonal-basis.ts";
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
  if (lost !== undefined) return explained(lost, sample);
  const share = clusterShare(must(basis.q.at(-1), "the treatment"), model, sample.treatment.name);
  if (typeof share === "object" && share !== null) return share;

  const outcome = design.column(sample.outcome.values).values;
  const residual = outcome.slice();
  const moments = new Float64Array(basis.q.length);
  removeSpan(basis.q, residual, moments);
  const left_out = { singletons, zero_weight, without_events: 0, separated: 0 };
  const solved = { design, basis, names: basis.kept.map((i) => names[i]!), estimates: solveUpper(basis.r, basis.q.length, moments), residual, model, share, left_out, dropped };
  return fitOf(solved, explainedShares(design, outcome, residual));
}
