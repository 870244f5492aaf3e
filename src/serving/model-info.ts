import type { ModelInfoAnswer } from "../contracts/api.ts";
import type { Champion } from "../features/store.ts";
import { type CompiledModel, compileArtifact } from "../models/compiled.ts";
import type { ModelFamily } from "./model-holder.ts";

/** Two-sided 95 % of a normal distribution. */
const Z95 = 1.959964;

/** The champion and every candidate of the run that made it, as GET /model_info answers. What only the promotion knows is null without one. */
export function modelInfo(model: CompiledModel, promotion?: Champion): ModelInfoAnswer {
  const { family, version, champion, candidates, elasticity, lineage } = model.artifact;
  const { value, se, identified, source } = elasticity.global;
  const secondsOf = ({ name, training_seconds }: (typeof candidates)[number]): number | null => promotion?.training_seconds?.[name] ?? training_seconds ?? null;
  const seconds = candidates.map(secondsOf).filter((own) => own !== null);
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
      training_seconds: secondsOf(candidate),
    })),
    elasticity_coefficient: { value, ci95: [value - Z95 * se, value + Z95 * se], identified, source },
    run_id: promotion?.run_id ?? lineage.run_id ?? null,
    pinned: promotion?.pinned ?? false,
    trained_at: promotion?.trained_at ?? lineage.trained_at ?? null,
    data_range: { from: lineage.data_from, to: lineage.data_to, first_sequence: lineage.first_sequence, last_sequence: lineage.last_sequence },
    training_seconds: seconds.length === 0 ? null : seconds.reduce((sum, own) => sum + own, 0),
  };
}

/** The models that prices come from. */
export const elasticityFamily: ModelFamily<CompiledModel> = {
  family: "elasticity",
  compile: compileArtifact,
  info: (model, promotion) => JSON.stringify(modelInfo(model, promotion)),
};
