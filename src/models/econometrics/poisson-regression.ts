import { must } from "../../lib/assert.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { poissonDeviance } from "../metrics.ts";
import { absorbedFreedom, type AbsorbedFreedom } from "./absorbed-freedom.ts";
import { CONSTANT, Design, errorKind, type FitOptions, usableRows } from "./design.ts";
import { type Fit, type NotIdentified, notIdentified } from "./estimate.ts";
import { fitOf } from "./fit.ts";
import { clusterShare, droppedColumns, explained, withoutFreedom } from "./identification.ts";
import { dot, type OrthogonalBasis, orthogonalBasis, removeSpan, solveUpper } from "./orthogonal-basis.ts";
import { type Factor, keepRows, type Sample } from "./sample.ts";

export interface CountFit extends Fit {
  readonly deviance: number;
  /** Pearson's χ² over its degrees of freedom: 1 for Poisson counts, more where they are over-dispersed. */
  readonly dispersion: number;
}

const STEPS_MAX = 200;
const HALVINGS_MAX = 20;
/** Linear predictors are settled when none moves by more than this. */
const SETTLED = 1e-10;
/** A row without events whose predictor falls by this every step, while all else stands still, is fitted exactly in the limit. */
const FALLING = 0.5;
const STILL = 1e-4;
const STILL_STEPS = 4;
/** e to the power of more than this is no count. */
const PREDICTOR_MAX = 300;

interface Solution {
  readonly basis: OrthogonalBasis;
  readonly design: Design;
  readonly estimates: Float64Array;
  /** Of the last weighted regression, rows times the roots of their weights: (y − μ)/√μ. */
  readonly residual: Float64Array;
  readonly deviance: number;
}

/** Marks with 0 the rows of levels without a single event: their effect is minus infinity and they say nothing of anything else. */
function markEventless({ codes, levels }: Factor, counts: Float64Array, keep: Uint8Array): number {
  const events = new Float64Array(levels);
  for (let i = 0; i < codes.length; i++) events[codes[i]!]! += counts[i]!;
  let marked = 0;
  for (let i = 0; i < codes.length; i++) {
    if (events[codes[i]!]! > 0) continue;
    keep[i] = 0;
    marked++;
  }
  return marked;
}

function deviance(sample: Sample, mean: Float64Array): number {
  const { values } = sample.outcome;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (sample.weights?.[i] ?? 1) * poissonDeviance(values[i]!, mean[i]!);
  return sum;
}

/** One weighted least squares step: the working response regressed on the columns under the weights μ. */
function step(sample: Sample, freedom: AbsorbedFreedom, predictor: Float64Array, mean: Float64Array): Omit<Solution, "deviance"> & { readonly next: Float64Array } {
  const { outcome, offset, weights } = sample;
  const design = new Design(sample, mean.map((own, i) => own * (weights?.[i] ?? 1)), freedom);
  const constant = design.constant();
  const columns = [...(constant === undefined ? [] : [constant]), ...[...sample.controls, sample.treatment].map(({ values }) => design.column(values))];
  const basis = orthogonalBasis(columns.map(({ values }) => values), columns.map(({ reference }) => reference));
  const working = predictor.map((own, i) => own - (offset?.[i] ?? 0) + (outcome.values[i]! - mean[i]!) / mean[i]!);
  const residual = design.column(working).values;
  const moments = new Float64Array(basis.q.length);
  removeSpan(basis.q, residual, moments);
  const next = working.map((own, i) => own + (offset?.[i] ?? 0) - residual[i]! / Math.sqrt(mean[i]! * (weights?.[i] ?? 1)));
  return { basis, design, estimates: solveUpper(basis.r, basis.q.length, moments), residual, next };
}

function bounded(predictor: number): number {
  return Math.exp(Math.max(-PREDICTOR_MAX, Math.min(PREDICTOR_MAX, predictor)));
}

/** Iteratively reweighted least squares; or a mark of 0 at the rows that only a limit fits. */
function iterate(sample: Sample, freedom: AbsorbedFreedom, base: Float64Array): Solution | Uint8Array {
  const { values } = sample.outcome;
  let mean: Float64Array = values.map((count, i) => (count + base[i]!) / 2);
  let predictor: Float64Array = mean.map(Math.log);
  // The start lies off the model's surface: the first step may go up from it.
  let current = Number.POSITIVE_INFINITY;
  let still = 0;
  for (let round = 0; round < STEPS_MAX; round++) {
    let reached = step(sample, freedom, predictor, mean).next;
    let own = reached.map(bounded);
    let value = deviance(sample, own);
    for (let halving = 0; halving < HALVINGS_MAX && !(value <= current * (1 + 1e-9)); halving++) {
      reached = reached.map((eta, i) => (eta + predictor[i]!) / 2);
      own = reached.map(bounded);
      value = deviance(sample, own);
    }
    let falling = 0;
    let moved = 0;
    for (let i = 0; i < reached.length; i++) {
      const change = reached[i]! - predictor[i]!;
      if (values[i] === 0 && change < -FALLING) falling++;
      else moved = Math.max(moved, Math.abs(change) / (1 + Math.abs(reached[i]!)));
    }
    still = falling > 0 && moved < STILL ? still + 1 : 0;
    if (still >= STILL_STEPS) return Uint8Array.from(reached, (eta, i) => (values[i] === 0 && eta - predictor[i]! < -FALLING ? 0 : 1));
    predictor = reached;
    mean = own;
    current = value;
    // Once more: the errors take the weights of the settled means.
    if (falling === 0 && moved < SETTLED) return { ...step(sample, freedom, predictor, mean), deviance: current };
  }
  throw new TidemarkError("poisson_not_converged", `the Poisson regression did not settle in ${STEPS_MAX} steps: look for controls of very different sizes, or leave some out`);
}

/**
 * Poisson regression of counts on treatment and controls with log link, offset and absorbed fixed effects (Correia, Guimarães, Zylkin 2020): with one effect its
 * estimates are those of the conditional likelihood given each level's total. Only the mean need be right: errors are robust or clustered, as asked; `iid`
 * takes the variance for a multiple of the mean. Tests are normal. Rows that tell nothing are left out and counted: levels without events, and rows without
 * events that some combination of columns fits exactly in the limit (separation).
 */
export function poissonRegression(given: Sample, options: FitOptions = {}): CountFit | NotIdentified {
  const kind = errorKind(given, options);
  if (kind === "HC2" || kind === "HC3") throw new TidemarkError("bad_errors", `${kind} is of least squares alone: use HC1 or clusters`);
  const negative = given.outcome.values.findIndex((count) => count < 0);
  if (negative >= 0) throw new TidemarkError("negative_count", `row ${negative + 1}: ${given.outcome.name} is ${given.outcome.values[negative]}; allowed: counts of 0 or more`);
  const left_out = { singletons: 0, zero_weight: 0, without_events: 0, separated: 0 };
  let sample = given;
  let solution: Solution | undefined;
  while (solution === undefined) {
    const usable = usableRows(sample);
    left_out.singletons += usable.singletons;
    left_out.zero_weight += usable.zero_weight;
    sample = usable.sample;
    if (!sample.outcome.values.some((count) => count > 0)) return notIdentified("no_events", `no row that can be used has a ${sample.outcome.name} above 0`);
    const keep = new Uint8Array(sample.rows).fill(1);
    const eventless = sample.fixed_effects.find((factor) => markEventless(factor, sample.outcome.values, keep) > 0);
    if (eventless !== undefined) {
      left_out.without_events += sample.rows - keep.reduce((sum, own) => sum + own, 0);
      sample = keepRows(sample, keep);
      continue;
    }
    const found = fit(sample, kind);
    if ("identified" in found) {
      if (left_out.separated === 0) return found;
      return notIdentified("separated", `${left_out.separated} rows without ${sample.outcome.name} are told apart from all others by the columns alone, and without them: ${found.detail}`);
    }
    if (found instanceof Uint8Array) {
      left_out.separated += found.reduce((sum, own) => sum + 1 - own, 0);
      sample = keepRows(sample, found);
    } else solution = found;
  }
  return answer(sample, solution, kind, left_out);
}

/** Expected counts by exposure alone, which the iterations start from. */
function byExposure({ rows, outcome, weights, offset }: Sample): Float64Array {
  const largest = offset?.reduce((most, own) => Math.max(most, own)) ?? 0;
  const exposure = Float64Array.from({ length: rows }, (_, i) => Math.exp((offset?.[i] ?? 0) - largest));
  let counted = 0;
  let exposed = 0;
  for (let i = 0; i < rows; i++) {
    counted += (weights?.[i] ?? 1) * outcome.values[i]!;
    exposed += (weights?.[i] ?? 1) * exposure[i]!;
  }
  // An exposure next to nothing has a logarithm all the same.
  return exposure.map((own) => Math.max((counted / exposed) * own, Number.MIN_VALUE));
}

function fit(sample: Sample, kind: Fit["errors"]): Solution | Uint8Array | NotIdentified {
  const freedom = absorbedFreedom(sample.fixed_effects, sample.clusters);
  const base = byExposure(sample);
  const { basis, design } = step(sample, freedom, base.map(Math.log), base);
  const names = columnNames(sample);
  const none = withoutFreedom(design.errorModel(kind, basis.kept.length));
  if (none !== undefined) return none;
  const lost = basis.dropped.findIndex(({ index }) => index === names.length - 1);
  if (lost >= 0) return explained(droppedColumns(basis, names)[lost]!, sample);
  return iterate(sample, freedom, base);
}

function columnNames({ fixed_effects, controls, treatment }: Sample): string[] {
  return [...(fixed_effects.length === 0 ? [CONSTANT] : []), ...controls.map(({ name }) => name), treatment.name];
}

function answer(sample: Sample, { basis, design, estimates, residual, deviance: own }: Solution, kind: Fit["errors"], left_out: Fit["left_out"]): CountFit | NotIdentified {
  const model = design.errorModel(kind, basis.kept.length);
  const share = clusterShare(must(basis.q.at(-1), "the treatment"), model, sample.treatment.name);
  if (typeof share === "object" && share !== null) return share;
  const names = columnNames(sample);
  const solved = { design, basis, names: basis.kept.map((i) => names[i]!), estimates, residual, model, share, left_out, dropped: droppedColumns(basis, names) };
  const pearson = dot(residual, residual);
  const shares = { r2: 1 - own / deviance(sample, byExposure(sample)), r2_within: null };
  return { ...fitOf(solved, shares, Number.POSITIVE_INFINITY), deviance: own, dispersion: pearson / (sample.rows - model.parameters) };
}
