import type { Candidate, ElasticityModel } from "../../contracts/artifact.ts";
import { formatTime, parseTime } from "../../lib/time.ts";
import type { CompiledModel } from "../../models/compiled.ts";
import { elasticityFeatureNames } from "../../models/elasticity-features.ts";
import { permutationImportance } from "../../models/importance.ts";
import { importanceShares } from "../../models/metrics.ts";
import { compilePredictor } from "../../models/predictor.ts";
import type { TrainingDataset } from "../dataset.ts";
import type { RateOf } from "../evaluation.ts";
import type { Family } from "../pipeline/stage.ts";
import { barred, candidateRecord } from "./candidates.ts";
import { elasticityFamily } from "./elasticity-family.ts";
import { type Challenger, evaluationStage } from "./evaluation-stage.ts";
import type { ElasticityOutputs, Preparation } from "./outputs.ts";
import { type Candidates, trainingStage } from "./training-stage.ts";

/** Weeks that a model was fitted to say nothing of how it will do. */
function unfair({ artifact }: CompiledModel, { at_ms, validation_end }: TrainingDataset): string | null {
  const { fitted_to, data_to } = artifact.lineage;
  const begin_ms = at_ms[validation_end]!;
  return parseTime(fitted_to ?? data_to) > begin_ms ? `it was fitted to data up to ${fitted_to ?? data_to}, past the ${formatTime(begin_ms)} from which it is judged here` : null;
}

function challengerOf(model: CompiledModel, bytes: Uint8Array, data: TrainingDataset, { validation, test }: Preparation): Challenger {
  const { artifact } = model;
  const name = `imported ${artifact.champion}`;
  const rate: RateOf = (view, log_price) => model.conversionRate(view, log_price);
  const rising = validation.rising(rate);
  const own = artifact.candidates.find((candidate) => candidate.name === artifact.champion);
  const means = test.means(rate);
  const candidate: Candidate = { name, metrics: test.metricsOf(means), rising, elasticity: test.elasticity(rate), importance: own?.importance ?? {}, backend: own?.backend ?? "imported" };
  return { name, artifact, bytes, barred: unfair(model, data) ?? barred(rising), candidates: [candidateRecord(candidate, means, test, 0, true)], means: new Map([[name, means]]) };
}

/** A run that judges an artifact of another run, as it is, on the held-out weeks of this platform. */
export function importedArtifactFamily(model: CompiledModel, bytes: Uint8Array): Family<ElasticityOutputs> {
  const { stages } = elasticityFamily;
  return {
    ...elasticityFamily,
    stages: {
      ...stages,
      training: trainingStage(() => Promise.resolve([])),
      evaluation: evaluationStage(({ data, preparation }) => challengerOf(model, bytes, data, preparation)),
    },
  };
}

/**
 * A run whose only candidate is a model that was trained elsewhere, such as one of XGBoost's: level, over-dispersion and causal elasticity are estimated here, and it is
 * judged like any other. Which weeks it was fitted to it cannot tell.
 */
export function importedModelFamily(name: string, model: ElasticityModel): Family<ElasticityOutputs> {
  const candidates: Candidates = ({ learning }, { seed }) => {
    const importance = permutationImportance(compilePredictor(model, learning.columns), learning, seed);
    const fit = { model, importance: importanceShares(elasticityFeatureNames, importance), backend: "typed-arrays" as const, seconds: 0 };
    return Promise.resolve([{ name, fit, course_means: undefined }]);
  };
  return { ...elasticityFamily, stages: { ...elasticityFamily.stages, training: trainingStage(candidates) } };
}
