import { ARTIFACT_FORMAT, type Artifact, type Candidate } from "../contracts/artifact.ts";
import { BUCKET_MODELS } from "../contracts/subjects.ts";
import { promoteModel } from "../ingest/control.ts";
import type { Broker } from "../ingest/nats.ts";
import type { StreamSource } from "../ingest/read-stream.ts";
import { must } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { formatTime } from "../lib/time.ts";
import { artifactDigest, compileArtifact, type CompiledModel, encodeArtifact, resultDigest } from "../models/compiled.ts";
import { elasticityFeatureNames } from "../models/elasticity-features.ts";
import { FAMILY, loadChampion } from "./champion.ts";
import { fitElasticity, type FittedElasticity } from "./fit-elasticity.ts";
import { buildDataset, type OnProgress, type TrainingDataset } from "./dataset.ts";
import type { HeldOut } from "./evaluation.ts";
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

function versioned(draft: Artifact): Artifact {
  // The moment keeps versions in order; the result's digest keeps two runs of one moment apart.
  const version = `${draft.lineage.trained_at.replaceAll(/[-:.]/g, "")}-${resultDigest(draft).slice(0, 8)}`;
  return { ...draft, version, lineage: { ...draft.lineage, run_id: version } };
}

/** The artifact of a run: everything that serving needs, and how it came about. */
export function elasticityArtifact(
  { rows, range, from_ms, to_ms }: TrainingDataset,
  { best, candidates, elasticity, dispersion, level_sd }: FittedElasticity,
  { seed, trained_at, code_version }: { readonly seed: number; readonly trained_at: string; readonly code_version: string },
): Artifact {
  return versioned({
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
      data_from: formatTime(from_ms),
      data_to: formatTime(to_ms),
      rows: rows.length,
      code_version,
    },
  });
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
  const { broker, pool, seed, clock, logger, code_version, onProgress = () => undefined, signal } = options;
  const trained_at = formatTime(clock.now_ms());
  const dataset = await buildDataset(options.events ?? broker, onProgress, signal);
  const fitted = await fitElasticity(dataset, { pool, seed, onProgress, signal });
  const { best, candidates, elasticity, test } = fitted;
  const artifact = elasticityArtifact(dataset, fitted, { seed, trained_at, code_version });
  const bytes = encodeArtifact(artifact);
  const digest = artifactDigest(bytes);
  // Serving will refuse what does not compile: better to fail here.
  compileArtifact(bytes, digest);
  const name = `${FAMILY}/${artifact.version}`;
  const challenger = must(candidates.find(({ name: candidate }) => candidate === best.name), "the best is a candidate");
  const { sequence: decided_on, champion } = await loadChampion(broker, logger);
  const refused = refusal(challenger, champion, test);
  const reason = refused ?? `${best.name}: deviance ${challenger.metrics.poisson_deviance.toFixed(5)}, skill ${challenger.metrics.skill.toFixed(4)} on ${test.rows.length} course-weeks held out`;
  if (refused === undefined) {
    await broker.putObject(BUCKET_MODELS, name, bytes);
    await promoteModel(broker, { type: "model.promoted", time: formatTime(clock.now_ms()), family: FAMILY, artifact: name, digest, version: artifact.version, reason }, decided_on);
  }
  const result = { artifact, digest, result_digest: resultDigest(artifact), name, promoted: refused === undefined, reason };
  logger.info({ version: artifact.version, digest, result_digest: result.result_digest, promoted: result.promoted, reason, elasticity: elasticity.global }, "training run ended");
  return result;
}
