import type { Artifact } from "../contracts/artifact.ts";
import type { Lineage } from "../contracts/lineage.ts";
import type { PropensityArtifact } from "../contracts/propensity.ts";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { formatTime } from "../lib/time.ts";
import { artifactDigest, encodeArtifact } from "../models/compiled.ts";
import type { StreamRange } from "./stream-range.ts";

/** What beside the data a run's artifact depends on. */
export interface RunIdentity {
  readonly seed: number;
  readonly code_version: string;
}

export function lineageOf(range: StreamRange, { seed, code_version }: RunIdentity, fitted_to_ms: number, rows: number): Lineage {
  return {
    seed,
    stream: STREAM_EVENTS,
    stream_created: range.stream_created,
    first_sequence: range.first_sequence,
    last_sequence: range.last_sequence,
    data_from: formatTime(range.from_ms),
    data_to: formatTime(range.to_ms),
    fitted_to: formatTime(fitted_to_ms),
    rows,
    code_version,
  };
}

/** The version follows from the rest: the last moment that the data know of, which keeps versions in order, and the head of a digest of it all. */
export function versioned<A extends Artifact | PropensityArtifact>(draft: A): A {
  const digest = artifactDigest(encodeArtifact(draft));
  return { ...draft, version: `${draft.lineage.data_to.replaceAll(/[-:.]/g, "")}-${digest.slice(0, 8)}` };
}
