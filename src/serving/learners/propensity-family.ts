import { dimensions, PROPENSITY_FAMILY } from "../../contracts/propensity.ts";
import type { PropensityInfoAnswer } from "../../contracts/propensity-info.ts";
import type { Champion } from "../../features/store.ts";
import { type CompiledPropensity, compilePropensity } from "../../models/propensity/compiled-scorer.ts";
import type { ModelFamily } from "../model-holder.ts";

/** What serves each dimension and what it was chosen from. What only the promotion knows is null without one. */
export function propensityInfo(model: CompiledPropensity, promotion?: Champion): PropensityInfoAnswer {
  const { version, binary, price_sensitivity, lineage } = model.artifact;
  const seconds = promotion?.training_seconds === undefined ? [] : Object.values(promotion.training_seconds);
  return {
    family: PROPENSITY_FAMILY,
    version,
    digest: model.digest,
    dimensions: dimensions.map((dimension) => {
      const { definition, candidates } = dimension === "price_sensitivity" ? price_sensitivity : binary[dimension];
      const champion = model.model(dimension);
      const base_rate = dimension === "price_sensitivity" ? null : binary[dimension].base_rate;
      const { meaning, population, gap_days, horizon_days } = definition;
      const judged = candidates.map(({ name, metrics, barred }) => ({ name, champion: name === champion, metrics, barred }));
      return { dimension, meaning, population, gap_days, horizon_days, champion, base_rate, candidates: judged };
    }),
    run_id: promotion?.run_id ?? null,
    pinned: promotion?.pinned ?? false,
    trained_at: promotion?.trained_at ?? null,
    data_range: { from: lineage.data_from, to: lineage.data_to, first_sequence: lineage.first_sequence, last_sequence: lineage.last_sequence },
    rows: lineage.rows,
    training_seconds: seconds.length === 0 ? null : seconds.reduce((sum, own) => sum + own, 0),
  };
}

/** The models that learners are scored by. */
export const propensityFamily: ModelFamily<CompiledPropensity> = {
  family: PROPENSITY_FAMILY,
  compile: compilePropensity,
  info: (model, promotion) => JSON.stringify(propensityInfo(model, promotion)),
};
