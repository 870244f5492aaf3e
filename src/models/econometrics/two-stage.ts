import { must } from "../../lib/assert.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { type AndersonRubin, andersonRubin } from "./anderson-rubin.ts";
import { CONSTANT, Design, type DesignColumn, errorKind, type FitOptions, usableRows } from "./design.ts";
import { type Fit, type NotIdentified, notIdentified } from "./estimate.ts";
import { type FirstStage, firstStage, isWeak, project, reducedForm, tooWeak } from "./first-stage.ts";
import { explainedShares, fitOf } from "./fit.ts";
import { clusterShare, droppedColumns, explained, withoutFreedom } from "./identification.ts";
import { dot, norm, orthogonalBasis, removeSpan, solveUpper } from "./orthogonal-basis.ts";
import { type OverIdentification, overIdentification } from "./over-identification.ts";
import type { Sample } from "./sample.ts";

export interface InstrumentalFit extends Fit {
  readonly first_stage: FirstStage;
  readonly anderson_rubin: AndersonRubin;
  /** Null where there is one instrument, or there are fewer clusters than instruments. */
  readonly over_identification: OverIdentification | null;
  /** Those that were not dropped. */
  readonly instruments: readonly string[];
  /** Whether the first stage's F or effective F is below 10. */
  readonly weak: boolean;
}

function basisOf(columns: readonly DesignColumn[]): ReturnType<typeof orthogonalBasis> {
  return orthogonalBasis(columns.map(({ values }) => values.slice()), columns.map(({ reference }) => reference));
}

/**
 * Two-stage least squares of one treatment on the instruments, controls in both stages, fixed effects absorbed. With it: the first stage's F in three kinds,
 * Anderson–Rubin's test and set, and J where there are more instruments than one. Weak instruments whose Anderson–Rubin set is everything identify nothing.
 */
export function twoStage(given: Sample, options: FitOptions = {}): InstrumentalFit | NotIdentified {
  const kind = errorKind(given, options);
  if (kind === "HC2" || kind === "HC3") throw new TidemarkError("bad_errors", `${kind} is of least squares alone: use HC1 or clusters`);
  const { sample, zero_weight, singletons } = usableRows(given);
  if (sample.instruments.length === 0) return notIdentified("no_instrument", "no instrument is given: name columns that move the price and nothing else");
  const design = new Design(sample);
  const constant = design.constant();
  const controls = [...(constant === undefined ? [] : [constant]), ...sample.controls.map(({ values }) => design.column(values))];
  const treatment = design.column(sample.treatment.values);
  const outcome = design.column(sample.outcome.values);
  const names = [...(constant === undefined ? [] : [CONSTANT]), ...[...sample.controls, ...sample.instruments].map(({ name }) => name)];
  const joint = basisOf([...controls, ...sample.instruments.map(({ values }) => design.column(values))]);
  const count = joint.kept.filter((i) => i < controls.length).length;
  const kept = joint.kept.slice(0, count);
  const x = joint.q.slice(0, count);
  const z = joint.q.slice(count);
  if (z.length === 0) return notIdentified("no_instrument", `no instrument varies beside controls and fixed effects: ${sample.instruments.map(({ name }) => name).join(", ")}`);
  const first = design.errorModel(kind, count + z.length);
  const none = withoutFreedom(first);
  if (none !== undefined) return none;

  const d = treatment.values.slice();
  removeSpan(x, d);
  if (!(norm(d) > 1e-8 * treatment.reference)) {
    const lost = basisOf([...controls, treatment]).dropped.find(({ index }) => index === controls.length);
    return explained({ of: (lost?.of ?? []).map((i) => names[i]!) }, sample);
  }
  const y = outcome.values.slice();
  removeSpan(x, y);
  const ofTreatment = project(z, d);
  const ofOutcome = project(z, y);
  const first_stage = firstStage(z, d, ofTreatment, first);
  if ("identified" in first_stage) return first_stage;
  const estimate = dot(ofTreatment.moments, ofOutcome.moments) / dot(ofTreatment.moments, ofTreatment.moments);

  // The second stage's columns: the controls as they were, and the treatment as the first stage has it.
  const fitted = treatment.values.map((own, i) => own - ofTreatment.noise[i]!);
  const second = basisOf([...kept.map((i) => controls[i]!), { values: fitted, reference: 0 }]);
  const model = design.errorModel(kind, second.q.length);
  const share = clusterShare(must(second.q.at(-1), "the treatment"), model, `${sample.treatment.name} by the instruments`);
  if (typeof share === "object" && share !== null) return share;
  const residual = outcome.values.map((own, i) => own - estimate * treatment.values[i]!);
  const moments = new Float64Array(count);
  removeSpan(x, residual, moments);
  const leading = Float64Array.from({ length: count * count }, (_, i) => second.r[Math.floor(i / count) * (count + 1) + (i % count)]!);
  const estimates = [...solveUpper(leading, count, moments), estimate];
  const left_out = { singletons, zero_weight, without_events: 0, separated: 0 };
  const solved = { design, basis: second, names: [...kept.map((i) => names[i]!), sample.treatment.name], estimates, residual, model, share, left_out, dropped: droppedColumns(joint, names) };
  const fit = fitOf(solved, explainedShares(design, outcome.values, residual));
  const anderson_rubin = andersonRubin(reducedForm(z, ofOutcome, ofTreatment, first), estimate, fit.treatment.se);
  const weak = isWeak(first_stage);
  if (weak && anderson_rubin.set.shape === "line") return tooWeak(first_stage.f, sample.treatment.name);
  return { ...fit, first_stage, anderson_rubin, over_identification: overIdentification(z, y, d, residual, model), instruments: joint.kept.slice(count).map((i) => names[i]!), weak };
}
