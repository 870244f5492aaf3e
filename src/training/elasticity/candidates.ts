import type { Candidate } from "../../contracts/artifact.ts";
import type { CandidateRecord } from "../../contracts/training-run.ts";
import type { FitResult } from "../../contracts/worker-protocol.ts";
import { exp } from "../../lib/exp-log.ts";
import { groupBy } from "../../lib/group-by.ts";
import { clipRate } from "../../models/compiled.ts";
import { elasticityFeatureNames, fillElasticityRow } from "../../models/elasticity-features.ts";
import { evaluateCourses } from "../../models/metrics.ts";
import { compilePredictor } from "../../models/predictor.ts";
import { HeldOut, type RateOf } from "../evaluation.ts";
import type { FittedCandidate, Preparation } from "./outputs.ts";

/** A candidate as serving would run it, with what selection goes by. */
export interface Contender {
  readonly name: string;
  readonly fitted: FittedCandidate;
  readonly rate: RateOf;
  readonly validation_deviance: number;
  /** Share of validation rows at which it would rather sell dearer. */
  readonly rising: number;
}

/** A fitted model as a rate of a course view, by the code that serving uses. */
function rateOf({ model }: FitResult): RateOf {
  const predictor = compilePredictor(model, elasticityFeatureNames.length);
  const row = new Float64Array(elasticityFeatureNames.length);
  return (view, log_price) => {
    fillElasticityRow(view, log_price, row, 0);
    return clipRate(exp(predictor.logRate(row, 0)));
  };
}

export function contend(fitted: FittedCandidate, { validation }: Preparation): Contender {
  const rate = rateOf(fitted.fit);
  return { name: fitted.name, fitted, rate, validation_deviance: validation.metrics(rate).poisson_deviance, rising: validation.rising(rate) };
}

/** Demand that rises with price somewhere would have prices run away there. */
export function barred(rising: number): string | null {
  return rising > 0 ? `its prediction rises with price on ${(100 * rising).toPrecision(2)} % of the validation rows` : null;
}

/** What the artifact says of a candidate: nothing that depends on when or how fast it ran. */
export function artifactCandidate({ name, fitted: { fit, course_means }, rate, rising }: Contender, { test, courses }: Preparation): Candidate {
  return { name, metrics: test.metrics(rate), ...(course_means && { courses: evaluateCourses(courses.y, course_means) }), rising, elasticity: test.elasticity(rate), importance: { ...fit.importance }, backend: fit.backend };
}

function slicesOf(rate: RateOf, test: HeldOut): CandidateRecord["slices"] {
  return [...groupBy(test.rows, (row) => row.category)]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([value, own]) => {
      const { rows, ...metrics } = new HeldOut(own).metrics(rate);
      return { by: "category", value, rows, metrics };
    });
}

/** What the run's record says of a candidate. */
export function candidateRecord({ name, metrics, courses, elasticity, importance, backend, rising = 0 }: Candidate, rate: RateOf, test: HeldOut, seconds: number, selected: boolean): CandidateRecord {
  const { rows, ...forward } = metrics;
  return {
    name,
    selected,
    barred: barred(rising),
    forward: { rows, metrics: forward },
    grouped: courses === undefined ? null : { rows: courses.courses, metrics: { r2_log: courses.r2_log, rmse_log: courses.rmse_log, mape_log: courses.mape_log }, ceiling: courses.ceiling },
    slices: slicesOf(rate, test),
    importance,
    elasticity,
    backend,
    seconds,
  };
}
