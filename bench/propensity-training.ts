import { artifactDigest } from "../src/models/compiled.ts";
import { type CompiledPropensity, compilePropensity } from "../src/models/propensity/compiled-scorer.ts";
import type { BinaryDimension } from "../src/contracts/propensity.ts";
import type { PropensityDataset } from "../src/training/propensity/dataset.ts";
import { type Challenger, selectChallenger } from "../src/training/propensity/evaluation-stage.ts";
import { prepare } from "../src/training/propensity/preparation-stage.ts";
import { train } from "../src/training/propensity/training-stage.ts";
import type { TrainingPool } from "../src/training/pool.ts";

export interface Shipped {
  readonly scorer: CompiledPropensity;
  readonly digest: string;
  readonly contests: Challenger["contests"];
  /** From the rows to the artifact: preparation, every candidate, calibration and selection. */
  readonly seconds: number;
}

/** Trains on a dataset as the propensity family does, of all dimensions or some. */
export async function trainShipped(dataset: PropensityDataset, pool: TrainingPool, only?: readonly BinaryDimension[]): Promise<Shipped> {
  const started_ms = performance.now();
  const whole = prepare(dataset);
  const windows = only === undefined ? whole.windows : Object.fromEntries(only.flatMap((dimension) => (whole.windows[dimension] === undefined ? [] : [[dimension, whole.windows[dimension]]])));
  const preparation = { ...whole, windows };
  const training = await train(dataset, preparation, { pool, seed: 1 });
  const { bytes, contests } = selectChallenger(dataset, preparation, training, { seed: 1, code_version: "bench" });
  const digest = artifactDigest(bytes);
  return { scorer: compilePropensity(bytes, digest), digest, contests, seconds: (performance.now() - started_ms) / 1000 };
}
