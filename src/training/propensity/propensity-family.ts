import { PROPENSITY_FAMILY } from "../../contracts/propensity.ts";
import { noAnalysis } from "../../contracts/training-analysis.ts";
import type { Family } from "../pipeline/stage.ts";
import { dataStage } from "./data-stage.ts";
import { evaluationStage } from "./evaluation-stage.ts";
import type { PropensityOutputs } from "./outputs.ts";
import { preparationStage } from "./preparation-stage.ts";
import { trainingStage } from "./training-stage.ts";
import { understandingStage } from "./understanding-stage.ts";

const describe: Family<PropensityOutputs>["describe"] = ({ understanding, evaluation }) => {
  const { histograms, correlation, trend, drift } = understanding ?? noAnalysis;
  return {
    candidates: evaluation?.candidates ?? [],
    artifact: evaluation?.artifact ?? null,
    verdict: evaluation?.verdict ?? null,
    analysis: { ...noAnalysis, histograms, correlation, trend, drift, ...evaluation?.analysis },
  };
};

/** What learners are about to do, and how they answer prices. */
export const propensityFamily: Family<PropensityOutputs> = {
  name: PROPENSITY_FAMILY,
  stages: { data: dataStage, understanding: understandingStage, preparation: preparationStage, training: trainingStage, evaluation: evaluationStage },
  describe,
};
