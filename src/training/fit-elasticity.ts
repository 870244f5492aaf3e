import type { Artifact, Candidate } from "../contracts/artifact.ts";
import { learnerNames, type CountData, type FitResult, type LearnerName } from "../contracts/worker-protocol.ts";
import { must } from "../lib/assert.ts";
import { exp } from "../lib/exp-log.ts";
import { clipRate } from "../models/compiled.ts";
import { elasticityFeatureNames, fillElasticityRow } from "../models/elasticity-features.ts";
import { estimateElasticity } from "../models/jitter-elasticity.ts";
import { learners } from "../models/learners.ts";
import { evaluateCourses } from "../models/metrics.ts";
import { compilePredictor } from "../models/predictor.ts";
import { courseRows } from "./course-rows.ts";
import type { OnProgress, TrainingDataset } from "./dataset.ts";
import { HeldOut, type RateOf } from "./evaluation.ts";
import type { TrainingPool } from "./pool.ts";

/** The slowest first, so that no thread waits for one at the end. */
const fitOrder: readonly LearnerName[] = ["gam", "boosting", "polynomial_3", "random_forest", "polynomial_2", "log_linear"];

interface Contender {
  readonly name: LearnerName;
  readonly fit: FitResult;
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

function candidateOf({ name, fit, rate, rising }: Contender, test: HeldOut, courses: CountData): Candidate {
  return { name, metrics: test.metrics(rate), ...(fit.course_means && { courses: evaluateCourses(courses.y, fit.course_means) }), rising, elasticity: test.elasticity(rate), importance: { ...fit.importance }, backend: fit.backend, training_seconds: fit.seconds };
}

export interface FitOptions {
  readonly pool: TrainingPool;
  readonly seed: number;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a training run finds, before it is judged against the champion. */
export interface FittedElasticity {
  readonly best: Contender;
  readonly candidates: Candidate[];
  readonly elasticity: Artifact["elasticity"];
  readonly dispersion: Artifact["dispersion"];
  readonly level_sd: number;
  /** Rows after everything that was fitted or selected on. */
  readonly test: HeldOut;
  /** Seconds of the causal estimate, which runs here while threads fit the learners, and of everything. */
  readonly causal_s: number;
  readonly total_s: number;
}

async function fitAll({ rows, data, train_end, validation_end }: TrainingDataset, validation: HeldOut, { pool, seed, signal }: FitOptions, onFit: () => void): Promise<{ contenders: Contender[]; courses: CountData }> {
  const courses = courseRows(data, rows.map((row) => row.course_id));
  const fitted = await Promise.all(
    fitOrder.map(async (name) => {
      const fit = await pool.fit({ kind: "fit", learner: name, data, courses, feature_names: elasticityFeatureNames, train_end, validation_end, seed }, signal);
      const rate = rateOf(fit);
      onFit();
      return { name, fit, rate, validation_deviance: validation.metrics(rate).poisson_deviance, rising: learners[name].monotone ? 0 : validation.rising(rate) };
    }),
  );
  return { contenders: learnerNames.map((name) => must(fitted.find((contender) => contender.name === name), "every learner was fitted")), courses };
}

/** Fits every learner side by side, estimates the causal elasticity, selects on the validation weeks and judges on the test weeks. */
export async function fitElasticity(dataset: TrainingDataset, options: FitOptions): Promise<FittedElasticity> {
  const { rows, trials, train_end, validation_end } = dataset;
  const { onProgress = () => undefined } = options;
  const started_ms = performance.now();
  const validation = new HeldOut(rows.filter((row) => row.period >= train_end && row.period < validation_end));
  const test = new HeldOut(rows.filter((row) => row.period >= validation_end));
  const steps = learnerNames.length + 2;
  let step = 0;
  const advance = (): void => onProgress("fit", step++, steps);
  advance();
  const fitting = fitAll(dataset, validation, options, advance);
  // The estimate runs here while the threads fit; a failure of theirs is awaited below.
  fitting.catch(() => undefined);
  const causal_ms = performance.now();
  const elasticity = estimateElasticity(trials);
  const causal_s = (performance.now() - causal_ms) / 1000;
  const { contenders, courses } = await fitting;
  advance();
  // Demand that rises with price somewhere would have prices run away there.
  const best = contenders.filter((contender) => contender.rising === 0).reduce((a, b) => (b.validation_deviance < a.validation_deviance ? b : a));
  const candidates = contenders.map((contender) => candidateOf(contender, test, courses));
  const { dispersion, level_sd } = new HeldOut([...validation.rows, ...test.rows]).scatter(best.rate);
  onProgress("fit", steps, steps);
  return { best, candidates, elasticity, dispersion, level_sd, test, causal_s, total_s: (performance.now() - started_ms) / 1000 };
}
