import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { binaryDimensions } from "../../contracts/propensity.ts";
import type { TensorBackend } from "../../contracts/worker-protocol.ts";
import { artifactDigest } from "../../models/compiled.ts";
import { binaryMetrics } from "../../models/propensity/binary-metrics.ts";
import { compilePropensity } from "../../models/propensity/compiled-scorer.ts";
import type { StageContext } from "../pipeline/stage.ts";
import { createTrainingPool } from "../pool.ts";
import { outcomes } from "./contenders.ts";
import { buildPropensityDataset, type PropensityDataset } from "./dataset.ts";
import { selectChallenger } from "./evaluation-stage.ts";
import type { Preparation, Training } from "./outputs.ts";
import { prepare } from "./preparation-stage.ts";
import { learnerStories, rangeOf } from "./testing.ts";
import { train, trainingStage } from "./training-stage.ts";

const RUN = { seed: 1, code_version: "test" };

function datasetOf(learners: number, days: number): PropensityDataset {
  const events = learnerStories({ learners, days, seed: "family" });
  return buildPropensityDataset(events, rangeOf(events, days));
}

async function trained(dataset: PropensityDataset, preparation: Preparation, backend: TensorBackend, threads = 2, seed = RUN.seed): Promise<Training> {
  const pool = await createTrainingPool({ threads, deadline_ms: 120_000, backend });
  try {
    return await train(dataset, preparation, { pool, seed });
  } finally {
    await pool.close();
  }
}

let dataset: PropensityDataset;
let preparation: Preparation;
beforeAll(() => {
  dataset = datasetOf(300, 300);
  preparation = prepare(dataset);
});

describe.each<TensorBackend>(["wasm", "cpu"])("on the %s backend", (backend) => {
  test("the same events, seed and code give the same bytes, whatever the threads; another seed does not", { timeout: 120_000 }, async () => {
    const small = datasetOf(120, 220);
    const prepared = prepare(small);
    const digests: string[] = [];
    for (const [threads, seed] of [[2, 1], [1, 1], [2, 2]] as const) {
      const { bytes } = selectChallenger(small, prepared, await trained(small, prepared, backend, threads, seed), { ...RUN, seed });
      digests.push(artifactDigest(bytes));
      expect(new TextDecoder().decode(bytes)).not.toMatch(/trained_at|training_seconds|run_id|"seconds"/);
    }
    expect(digests[1]).toBe(digests[0]);
    expect(digests[2]).not.toBe(digests[0]);
  });
});

describe("the challenger", () => {
  let training: Training;
  beforeAll(async () => {
    training = await trained(dataset, preparation, "wasm");
  });

  test("has every candidate of every dimension, and each dimension the least loss of those that may be chosen", () => {
    const { contests, candidates } = selectChallenger(dataset, preparation, training, RUN);
    expect(contests.map(({ dimension }) => dimension)).toEqual([...binaryDimensions]);
    for (const { dimension, all, champion } of contests) {
      const handScored = dimension === "enrollment" || dimension === "churn" ? ["hand_score"] : [];
      expect(all.map(({ name }) => name)).toEqual(["boosting", "logistic", "network", "random_forest", ...handScored, "base_rate"]);
      expect(champion.barred).toBeNull();
      for (const other of all) expect(other.barred !== null || other.selection_loss >= champion.selection_loss).toBe(true);
      // What the platform was made of can be learned.
      expect(all.find(({ name }) => name === "base_rate")!.selection_loss).toBeGreaterThan(champion.selection_loss);
    }
    expect(candidates.filter(({ selected }) => selected)).toHaveLength(4);
    for (const { name, importance, selected, slices, forward } of candidates) {
      const shares = Object.values(importance).reduce((sum, own) => sum + own, 0);
      expect(Math.abs(shares - (/hand_score|base_rate/.test(name) ? 0 : 1))).toBeLessThan(1e-6);
      expect(selected || slices.length === 0).toBe(true);
      for (const { rows } of slices) expect(rows).toBeLessThanOrEqual(forward.rows);
    }
  });

  test("serves what was judged: the compiled artifact's scores are those of the evaluation, bit for bit", () => {
    const { contests, artifact, bytes } = selectChallenger(dataset, preparation, training, RUN);
    const model = compilePropensity(bytes, artifactDigest(bytes));
    const { columns, values } = dataset.features;
    for (const { dimension, champion, windows } of contests) {
      const scores = Float64Array.from(windows.test.row, (row) => model.scoreOne(values.subarray(row * columns, (row + 1) * columns), dimension));
      expect(scores).toEqual(champion.test_scores);
      const { metrics } = artifact.binary[dimension].candidates.find(({ name }) => name === champion.name)!;
      expect(metrics["log_loss"]).toBe(binaryMetrics(scores, outcomes(dimension, windows.test), 0.5)["log_loss"]);
      expect(model.model(dimension)).toBe(champion.name);
    }
    expect(artifact.lineage).toMatchObject({ stream: "EVENTS", first_sequence: 1, seed: 1, rows: dataset.learner.length });
    expect(artifact.version.startsWith(artifact.lineage.data_to.replaceAll(/[-:.]/g, ""))).toBe(true);
    expect(artifact.lineage.fitted_to < artifact.lineage.data_to).toBe(true);
  });

  test("what training put out comes back from disk as it was", () => {
    const directory = mkdtempSync(join(tmpdir(), "tidemark-propensity-"));
    try {
      trainingStage.save(training, directory);
      const loaded = trainingStage.load(directory, { data: dataset, preparation }, {} as StageContext);
      expect(artifactDigest(selectChallenger(dataset, preparation, loaded, RUN).bytes)).toBe(artifactDigest(selectChallenger(dataset, preparation, training, RUN).bytes));
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("a dimension whose windows the history is too short for falls back on what needs no data, and says why", async () => {
    const short = datasetOf(250, 160);
    const prepared = prepare(short);
    expect(Object.keys(prepared.windows)).toEqual(["enrollment"]);
    const { artifact, bytes } = selectChallenger(short, prepared, await trained(short, prepared, "wasm"), RUN);
    const model = compilePropensity(bytes, artifactDigest(bytes));
    expect(binaryDimensions.map((dimension) => model.model(dimension))).toEqual([artifact.binary.enrollment.champion, "hand_score", "base_rate", "base_rate"]);
    expect(artifact.binary.churn.candidates).toEqual([{ name: "hand_score", metrics: {}, barred: prepared.missing.churn }]);
    const features = short.features.values.subarray(0, short.features.columns);
    expect([model.scoreOne(features, "completion"), model.scoreOne(features, "upsell")]).toEqual([0.5, 0.5]);
  });
});
