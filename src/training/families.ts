import type { Artifact } from "../contracts/artifact.ts";
import { PROPENSITY_FAMILY, type PropensityArtifact } from "../contracts/propensity.ts";
import type { TrainingReport } from "../contracts/training-run.ts";
import type { Broker } from "../ingest/nats.ts";
import { FAMILY as ELASTICITY_FAMILY } from "./elasticity/artifact.ts";
import { elasticityFamily } from "./elasticity/elasticity-family.ts";
import { elasticityRegistry } from "./elasticity/evaluation-stage.ts";
import type { PipelineOptions } from "./pipeline/begin-run.ts";
import { runPipeline } from "./pipeline/pipeline.ts";
import { propensityRegistry } from "./propensity/evaluation-stage.ts";
import { propensityFamily } from "./propensity/propensity-family.ts";
import type { ModelRegistry } from "../ingest/models/registry.ts";

/** In the order in which they are trained: prices wait for the first. */
export const familyNames = [ELASTICITY_FAMILY, PROPENSITY_FAMILY] as const;
export type FamilyName = (typeof familyNames)[number];

/** A model of whichever family. */
export interface AnyModel {
  readonly version: string;
  readonly artifact: Artifact | PropensityArtifact;
}

/** What is the same for every family of models, whatever its models are. */
export interface ModelFamily {
  /** One run of its pipeline, as `runPipeline` does. */
  run(options: PipelineOptions): Promise<TrainingReport>;
  registry(broker: Broker): ModelRegistry<AnyModel>;
}

export const families: Readonly<Record<FamilyName, ModelFamily>> = {
  [ELASTICITY_FAMILY]: { run: (options) => runPipeline(elasticityFamily, options), registry: elasticityRegistry },
  [PROPENSITY_FAMILY]: { run: (options) => runPipeline(propensityFamily, options), registry: propensityRegistry },
};
