import type { Candidate } from "../../contracts/artifact.ts";
import type { CandidateRecord } from "../../contracts/training-run.ts";
import { type FitResult, learnerNames } from "../../contracts/worker-protocol.ts";
import { exp } from "../../lib/exp-log.ts";
import { groupBy } from "../../lib/group-by.ts";
import { clipRate } from "../../models/compiled.ts";
import { elasticityFeatureNames, fillElasticityRow } from "../../models/elasticity-features.ts";
import { learners } from "../../models/learners.ts";
import { evaluateCourses } from "../../models/metrics.ts";
import { compilePredictor } from "../../models/predictor.ts";
import type { HeldOut, RateOf } from "../evaluation.ts";
import type { FittedCandidate, Preparation } from "./outputs.ts";

/** A candidate as serving would run it, with what selection goes by. */
export interface Contender {
  readonly name: string;
  readonly fitted: FittedCandidate;
  readonly rate: RateOf;
  /** Expected enrollments of the test rows. */
  readonly test_means: Float64Array;
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

/** Walks along the price only where the learner itself does not promise that demand falls. */
function risingShare(name: string, rate: RateOf, validation: HeldOut): number {
  const promised = learnerNames.find((learner) => learner === name);
  return promised !== undefined && learners[promised].monotone ? 0 : validation.rising(rate);
}

export function contend(fitted: FittedCandidate, { validation, test }: Preparation): Contender {
  const { name } = fitted;
  const rate = rateOf(fitted.fit);
  return { name, fitted, rate, test_means: test.means(rate), validation_deviance: validation.metrics(rate).poisson_deviance, rising: risingShare(name, rate, validation) };
}

/** Demand that rises with price somewhere would have prices run away there. */
export function barred(rising: number): string | null {
  return rising > 0 ? `its prediction rises with price on ${(100 * rising).toPrecision(2)} % of the validation rows` : null;
}

/** What the artifact says of a candidate: nothing that depends on when or how fast it ran. */
export function artifactCandidate({ name, fitted: { fit, course_means }, rate, test_means, rising }: Contender, { test, courses }: Preparation): Candidate {
  return {
    name,
    metrics: test.metricsOf(test_means),
    ...(course_means && { courses: evaluateCourses(courses.y, course_means) }),
    rising,
    elasticity: test.elasticity(rate),
    importance: { ...fit.importance },
    backend: fit.backend,
  };
}

function slicesOf(means: Float64Array, test: HeldOut): CandidateRecord["slices"] {
  return [...groupBy(test.rows.keys(), (i) => test.rows[i]!.category)]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([value, positions]) => {
      const { rows, ...metrics } = test.metricsOf(means, positions);
      return { by: "category", value, rows, metrics };
    });
}

/** What the run's record says of a candidate. */
export function candidateRecord(candidate: Candidate, means: Float64Array, test: HeldOut, seconds: number, selected: boolean): CandidateRecord {
  const { name, metrics, courses, elasticity, importance, backend, rising = 0 } = candidate;
  const { rows, ...forward } = metrics;
  return {
    name,
    selected,
    barred: barred(rising),
    forward: { rows, metrics: forward },
    grouped: courses === undefined ? null : { rows: courses.courses, metrics: { r2_log: courses.r2_log, rmse_log: courses.rmse_log, mape_log: courses.mape_log }, ceiling: courses.ceiling },
    slices: slicesOf(means, test),
    importance,
    elasticity,
    backend,
    seconds,
  };
}
