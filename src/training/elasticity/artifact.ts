import { ARTIFACT_FORMAT, type Artifact } from "../../contracts/artifact.ts";
import { STREAM_EVENTS } from "../../contracts/subjects.ts";
import { formatTime } from "../../lib/time.ts";
import { artifactDigest, encodeArtifact } from "../../models/compiled.ts";
import { elasticityFeatureNames } from "../../models/elasticity-features.ts";
import { GAP_MS, PERIOD_MS, type TrainingDataset } from "../dataset.ts";

export const FAMILY = "elasticity" as const;

type ArtifactParts = Pick<Artifact, "champion" | "model" | "candidates" | "elasticity" | "level_sd" | "dispersion">;

/**
 * The artifact of a run, all that serving needs. Its bytes depend on events, seed, code and tensor backend alone, and so does its version: the last moment that its
 * data know of, which keeps versions in order, and the head of a digest of all the rest. Equal runs make one version.
 */
export function elasticityArtifact({ rows, range, at_ms, validation_end }: TrainingDataset, parts: ArtifactParts, { seed, code_version }: { readonly seed: number; readonly code_version: string }): Artifact {
  const draft: Artifact = {
    format: ARTIFACT_FORMAT,
    family: FAMILY,
    version: "",
    feature_names: [...elasticityFeatureNames],
    ...parts,
    lineage: {
      seed,
      stream: STREAM_EVENTS,
      stream_created: range.stream_created,
      first_sequence: range.first_sequence,
      last_sequence: range.last_sequence,
      data_from: formatTime(range.from_ms),
      data_to: formatTime(range.to_ms),
      fitted_to: formatTime(at_ms[validation_end - 1]! + GAP_MS + PERIOD_MS),
      rows: rows.length,
      code_version,
    },
  };
  const digest = artifactDigest(encodeArtifact(draft));
  return { ...draft, version: `${draft.lineage.data_to.replaceAll(/[-:.]/g, "")}-${digest.slice(0, 8)}` };
}
