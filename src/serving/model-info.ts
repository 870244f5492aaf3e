import type { ModelInfoAnswer } from "../contracts/api.ts";
import type { CompiledModel } from "../models/compiled.ts";

/** Two-sided 95 % of a normal distribution. */
const Z95 = 1.959964;

/** The champion and every candidate of the run that made it, as GET /model_info answers. */
export function modelInfo(model: CompiledModel): ModelInfoAnswer {
  const { family, version, champion, candidates, elasticity, lineage } = model.artifact;
  const { value, se, identified, source } = elasticity.global;
  return {
    family,
    version,
    digest: model.digest,
    champion,
    candidates: candidates.map((candidate) => ({
      name: candidate.name,
      champion: candidate.name === champion,
      metrics: candidate.metrics,
      elasticity: candidate.elasticity,
      feature_importance: candidate.importance,
      backend: candidate.backend,
      training_seconds: candidate.training_seconds,
    })),
    elasticity_coefficient: { value, ci95: [value - Z95 * se, value + Z95 * se], identified, source },
    trained_at: lineage.trained_at,
    data_range: { from: lineage.data_from, to: lineage.data_to, first_sequence: lineage.first_sequence, last_sequence: lineage.last_sequence },
    training_seconds: candidates.reduce((sum, candidate) => sum + candidate.training_seconds, 0),
  };
}

export const modelInfoText = (model: CompiledModel): string => JSON.stringify(modelInfo(model));
