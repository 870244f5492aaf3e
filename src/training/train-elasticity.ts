import { ARTIFACT_FORMAT, type Artifact, type Candidate } from "../contracts/artifact.ts";
import { BUCKET_MODELS } from "../contracts/subjects.ts";
import type { FitResult, FitTask } from "../contracts/worker-protocol.ts";
import type { CourseRow } from "../features/replay.ts";
import { promoteModel } from "../ingest/control.ts";
import type { Broker } from "../ingest/nats.ts";
import type { StreamSource } from "../ingest/read-stream.ts";
import type { Clock } from "../lib/clock.ts";
import { exp } from "../lib/exp-log.ts";
import type { Logger } from "../lib/log.ts";
import { formatTime } from "../lib/time.ts";
import { artifactDigest, clipRate, compileArtifact, type CompiledModel, encodeArtifact, resultDigest } from "../models/compiled.ts";
import { elasticityFeatureNames, fillElasticityRow } from "../models/elasticity-features.ts";
import { estimateElasticity } from "../models/jitter-elasticity.ts";
import { compilePredictor } from "../models/predictor.ts";
import { FAMILY, loadChampion } from "./champion.ts";
import { buildDataset, type OnProgress, type TrainingDataset } from "./dataset.ts";
import { HeldOut, type RateOf } from "./evaluation.ts";
import type { TrainingPool } from "./pool.ts";

export interface TrainOptions {
  readonly broker: Broker;
  /** Where EVENTS is read from, such as EventHistory; the broker's stream alone unless given. */
  readonly events?: StreamSource | undefined;
  readonly pool: TrainingPool;
  readonly seed: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly code_version: string;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

export interface TrainResult {
  readonly artifact: Artifact;
  readonly digest: string;
  /** What the data, seed and code determine, whenever the run was: equal for equal inputs. */
  readonly result_digest: string;
  /** Name in the MODELS object store; stored only when promoted. */
  readonly name: string;
  readonly promoted: boolean;
  readonly reason: string;
}

const learners = [
  ["log_linear", "fit_linear"],
  ["boosting", "fit_boosting"],
] as const satisfies readonly (readonly [string, FitTask["kind"]])[];

interface Contender {
  readonly name: string;
  readonly fit: FitResult;
  readonly rate: RateOf;
  readonly validation_deviance: number;
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

/** Rows whose exposures were at a jittered price. */
function jitterRows(rows: readonly CourseRow[]): Parameters<typeof estimateElasticity>[0] {
  return rows
    .filter((row) => row.jitter_exposures > 0)
    .map((row) => ({ course_id: row.course_id, category: row.category, jitter: row.mean_jitter, exposures: row.jitter_exposures, enrollments: row.jitter_enrollments }));
}

function candidateOf({ name, fit, rate }: Contender, test: HeldOut): Candidate {
  return { name, metrics: test.metrics(rate), elasticity: test.elasticity(rate), importance: { ...fit.importance }, backend: fit.backend, training_seconds: fit.seconds };
}

function versioned(draft: Artifact): Artifact {
  // The moment keeps versions in order; the result's digest keeps two runs of one moment apart.
  const version = `${draft.lineage.trained_at.replaceAll(/[-:.]/g, "")}-${resultDigest(draft).slice(0, 8)}`;
  return { ...draft, version, lineage: { ...draft.lineage, run_id: version } };
}

/** Why the challenger may not take over, or undefined. Both are judged on the same weeks, which neither was fitted to. */
function refusal(challenger: Candidate, champion: CompiledModel | undefined, test: HeldOut): string | undefined {
  const { skill, poisson_deviance } = challenger.metrics;
  if (!(skill > 0)) return `skill ${skill.toFixed(4)} over the trailing conversion: not better than the naive forecast`;
  if (champion === undefined) return undefined;
  const theirs = test.metrics((view, log_price) => champion.conversionRate(view, log_price)).poisson_deviance;
  if (poisson_deviance < theirs) return undefined;
  return `deviance ${poisson_deviance.toFixed(5)} does not beat ${theirs.toFixed(5)} of the champion ${champion.version}`;
}

async function fitAll({ data, train_end, validation_end }: TrainingDataset, validation: HeldOut, { pool, seed, signal }: TrainOptions): Promise<Contender[]> {
  return Promise.all(
    learners.map(async ([name, kind]) => {
      const fit = await pool.fit({ kind, data, feature_names: elasticityFeatureNames, train_end, validation_end, seed }, signal);
      const rate = rateOf(fit);
      return { name, fit, rate, validation_deviance: validation.metrics(rate).poisson_deviance };
    }),
  );
}

/**
 * One training run: replay, fit every learner side by side, estimate the causal elasticity, select on the validation
 * weeks, judge on the test weeks, and promote what beats the naive forecast and the present champion there. The
 * artifact is in the object store before CONTROL names it. Rejects with `wrong_last_sequence` when another run promoted
 * meanwhile: what it was compared with is no longer the champion.
 *
 * The digest covers every byte of the artifact, the moment and the duration of the run among them; `result_digest`
 * covers the rest and is what two runs on the same events, seed and code share.
 */
export async function trainElasticity(options: TrainOptions): Promise<TrainResult> {
  const { broker, seed, clock, logger, code_version, onProgress = () => undefined, signal } = options;
  const trained_at = formatTime(clock.now_ms());
  const dataset = await buildDataset(options.events ?? broker, onProgress, signal);
  const { rows, range, train_end, validation_end } = dataset;
  const validation = new HeldOut(rows.filter((row) => row.period >= train_end && row.period < validation_end));
  const test = new HeldOut(rows.filter((row) => row.period >= validation_end));

  onProgress("fit", 0, 3);
  const fitting = fitAll(dataset, validation, options);
  // The estimate runs here while the threads fit; a failure of theirs is awaited below.
  fitting.catch(() => undefined);
  const elasticity = estimateElasticity(jitterRows(rows));
  onProgress("fit", 1, 3);
  const contenders = await fitting;
  onProgress("fit", 2, 3);
  const best = contenders.reduce((a, b) => (b.validation_deviance < a.validation_deviance ? b : a));
  const candidates = contenders.map((contender) => candidateOf(contender, test));
  const { dispersion, level_sd } = new HeldOut([...validation.rows, ...test.rows]).scatter(best.rate);

  const artifact = versioned({
    format: ARTIFACT_FORMAT,
    family: FAMILY,
    version: "",
    feature_names: [...elasticityFeatureNames],
    champion: best.name,
    model: best.fit.model,
    candidates,
    elasticity,
    level_sd,
    dispersion,
    lineage: {
      run_id: "",
      seed,
      stream: "EVENTS",
      stream_created: range.stream_created,
      first_sequence: range.first_sequence,
      last_sequence: range.last_sequence,
      trained_at,
      data_from: formatTime(dataset.from_ms),
      data_to: formatTime(dataset.to_ms),
      rows: rows.length,
      code_version,
    },
  });
  const bytes = encodeArtifact(artifact);
  const digest = artifactDigest(bytes);
  // Serving will refuse what does not compile: better to fail here.
  compileArtifact(bytes, digest);
  const name = `${FAMILY}/${artifact.version}`;
  const challenger = candidates[contenders.indexOf(best)]!;
  const { sequence: decided_on, champion } = await loadChampion(broker, logger);
  const refused = refusal(challenger, champion, test);
  const reason = refused ?? `${best.name}: deviance ${challenger.metrics.poisson_deviance.toFixed(5)}, skill ${challenger.metrics.skill.toFixed(4)} on ${test.rows.length} course-weeks held out`;
  if (refused === undefined) {
    await broker.putObject(BUCKET_MODELS, name, bytes);
    await promoteModel(broker, { type: "model.promoted", time: formatTime(clock.now_ms()), family: FAMILY, artifact: name, digest, version: artifact.version, reason }, decided_on);
  }
  onProgress("fit", 3, 3);
  const result = { artifact, digest, result_digest: resultDigest(artifact), name, promoted: refused === undefined, reason };
  logger.info({ version: artifact.version, digest, result_digest: result.result_digest, promoted: result.promoted, reason, elasticity: elasticity.global }, "training run ended");
  return result;
}
