import type { EstimatedElasticity } from "../contracts/catalogue.ts";
import type { ElasticityEstimate } from "../contracts/artifact.ts";
import type { CompiledModel } from "../models/compiled.ts";
import { categoryElasticity, courseElasticity } from "../models/elasticity-lookup.ts";
import { readElasticity } from "../models/elasticity-type.ts";
import { roundRate } from "./money.ts";
import { unmodelledElasticity } from "./prior.ts";

/** An estimate as it is answered: with its interval, and on which side of −1 it lies. */
function answer({ value, se, source, sales, identified }: ElasticityEstimate): EstimatedElasticity {
  const { ci95, type } = readElasticity(value, se);
  return { value: roundRate(value), type, ci95: [roundRate(ci95[0]), roundRate(ci95[1])], source, sales, identified };
}

/** The platform's elasticity, as the model's training estimated it; what is believed of any where there is no model. */
export function globalElasticityAnswer(model: CompiledModel | null): EstimatedElasticity {
  return answer(model === null ? unmodelledElasticity : model.artifact.elasticity.global);
}

export function categoryElasticityAnswer(model: CompiledModel | null, category: string): EstimatedElasticity {
  return answer(model === null ? unmodelledElasticity : categoryElasticity(model.artifact.elasticity, category));
}

/** Its own where its sales weigh in it, else its category's, as wide as courses differ. */
export function courseElasticityAnswer(model: CompiledModel | null, category: string, course_id: string): EstimatedElasticity {
  return answer(model === null ? unmodelledElasticity : courseElasticity(model.artifact.elasticity, category, course_id));
}
