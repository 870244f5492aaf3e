import { ARTIFACT_FORMAT, type Artifact } from "../../contracts/artifact.ts";
import { elasticityFeatureNames } from "../../models/elasticity-features.ts";
import { lineageOf, type RunIdentity, versioned } from "../artifact-identity.ts";
import { GAP_MS, PERIOD_MS, type TrainingDataset } from "../dataset.ts";

export const FAMILY = "elasticity" as const;

type ArtifactParts = Pick<Artifact, "champion" | "model" | "candidates" | "elasticity" | "level_sd" | "dispersion">;

/**
 * The artifact of a run, all that serving needs. Its bytes depend on events, seed, code and tensor backend alone, and so does its version: the last moment that its
 * data know of, which keeps versions in order, and the head of a digest of all the rest. Equal runs make one version.
 */
export function elasticityArtifact({ rows, range, at_ms, validation_end }: TrainingDataset, parts: ArtifactParts, run: RunIdentity): Artifact {
  const draft: Artifact = {
    format: ARTIFACT_FORMAT,
    family: FAMILY,
    version: "",
    feature_names: [...elasticityFeatureNames],
    ...parts,
    lineage: lineageOf(range, run, at_ms[validation_end - 1]! + GAP_MS + PERIOD_MS, rows.length),
  };
  return versioned(draft);
}
