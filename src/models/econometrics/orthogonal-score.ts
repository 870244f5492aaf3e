import { type AndersonRubin, andersonRubin } from "./anderson-rubin.ts";
import { type ErrorModel, scoreCovariance } from "./covariance.ts";
import { type NotIdentified, notIdentified } from "./estimate.ts";
import { type FirstStage, firstStage, project, reducedForm } from "./first-stage.ts";
import { dot, norm, orthogonalBasis } from "./orthogonal-basis.ts";
import { type OverIdentification, overIdentification } from "./over-identification.ts";
import type { Factor } from "./sample.ts";

/** Residuals after the nuisance functions are taken out; with weights, each row times the root of its own. */
export interface Residuals {
  readonly outcome: Float64Array;
  readonly treatment: Float64Array;
  readonly instruments: readonly Float64Array[];
  /** Undefined: every row by itself. */
  readonly cluster: Factor | undefined;
}

export interface OrthogonalEstimate {
  readonly estimate: number;
  readonly variance: number;
  /** Column whose variation identifies the effect: the treatment's residual, or its projection on the instruments'. */
  readonly direction: Float64Array;
  readonly instrumental: { readonly first_stage: FirstStage; readonly anderson_rubin: AndersonRubin; readonly over_identification: OverIdentification | null } | null;
}

/** Without a constant; the only correction is G/(G − 1), rows being clusters of one where there are none. */
export function residualErrors(rows: number, cluster: Factor | undefined): ErrorModel {
  return { kind: cluster === undefined ? "HC1" : "clustered", clusters: cluster === undefined ? [] : [cluster], rows, parameters: 1, parameters_clustered: 1 };
}

/**
 * The partially linear model's effect given residuals (Chernozhukov et al. 2018, section 4): θ = ΣD̃Ỹ/ΣD̃² with V = G/(G − 1)·Σ_g(Σ_{i∈g} D̃(Ỹ − θD̃))²/(ΣD̃²)²; with
 * instruments θ = ΣZ̃Ỹ/ΣZ̃D̃, Z̃ being D̃'s projection on them where there are several.
 */
export function orthogonalEstimate({ outcome, treatment, instruments, cluster }: Residuals): OrthogonalEstimate | NotIdentified {
  const model = residualErrors(outcome.length, cluster);
  if (instruments.length === 0) return along(treatment, outcome, treatment, model);
  const { q: z } = orthogonalBasis(instruments.map((own) => own.slice()), instruments.map(norm));
  if (z.length === 0) return notIdentified("no_instrument", "nothing is left of the instruments beside the controls");
  const ofTreatment = project(z, treatment);
  const ofOutcome = project(z, outcome);
  const stage = firstStage(z, treatment, ofTreatment, model);
  if ("identified" in stage) return stage;
  const direction = treatment.map((own, i) => own - ofTreatment.noise[i]!);
  const found = along(direction, outcome, treatment, model);
  const residual = outcome.map((own, i) => own - found.estimate * treatment[i]!);
  return {
    ...found,
    instrumental: {
      first_stage: stage,
      anderson_rubin: andersonRubin(reducedForm(z, ofOutcome, ofTreatment, model), found.estimate, Math.sqrt(found.variance)),
      over_identification: overIdentification(z, outcome, treatment, residual, model),
    },
  };
}

/** θ with (Y − θD) orthogonal to the direction. */
function along(direction: Float64Array, outcome: Float64Array, treatment: Float64Array, model: ErrorModel): OrthogonalEstimate {
  const length = norm(direction);
  const q = direction.map((own) => own / length);
  const estimate = dot(q, outcome) / dot(q, treatment);
  const residual = outcome.map((own, i) => own - estimate * treatment[i]!);
  return { estimate, variance: scoreCovariance([q], residual, residual, model)[0]! / (length * length), direction, instrumental: null };
}

