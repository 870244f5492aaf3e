import { noAnalysis } from "../../contracts/training-analysis.ts";
import type { Family } from "../pipeline/stage.ts";
import { FAMILY } from "./artifact.ts";
import { dataStage } from "./data-stage.ts";
import { evaluationStage } from "./evaluation-stage.ts";
import type { ElasticityOutputs } from "./outputs.ts";
import { preparationStage } from "./preparation-stage.ts";
import { trainingStage } from "./training-stage.ts";
import { understandingStage } from "./understanding-stage.ts";

const describe: Family<ElasticityOutputs>["describe"] = ({ understanding, evaluation }) => ({
  candidates: evaluation?.candidates ?? [],
  artifact: evaluation?.artifact ?? null,
  verdict: evaluation?.verdict ?? null,
  analysis: { ...noAnalysis, ...understanding, ...evaluation?.analysis },
});

/** Demand models of courses and the causal elasticity. */
export const elasticityFamily: Family<ElasticityOutputs> = {
  name: FAMILY,
  stages: { data: dataStage, understanding: understandingStage, preparation: preparationStage, training: trainingStage(), evaluation: evaluationStage() },
  describe,
};
