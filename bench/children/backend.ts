/** One tensor backend in a fresh process: a Gram matrix, and the learners that use one on the rows of a synthetic platform, in the shipped pool. */
import type { LearnerName, TensorBackend } from "../../src/contracts/worker-protocol.ts";
import { learnerNames } from "../../src/contracts/worker-protocol.ts";
import { elasticityFeatureNames } from "../../src/models/elasticity-features.ts";
import { learners } from "../../src/models/learners.ts";
import { compilePredictor } from "../../src/models/predictor.ts";
import { defaultPlatform } from "../../src/simulator/config.ts";
import { loadTensors } from "../../src/training/backend.ts";
import { learningRows, rowsToLearn } from "../../src/training/learning-rows.ts";
import { createTrainingPool } from "../../src/training/pool.ts";
import { tensorGram } from "../../src/training/tensor-gram.ts";
import { answer } from "../child.ts";
import { platformDataset } from "../platform-dataset.ts";
import type { BackendRun } from "../backends.ts";

const backend = process.argv[2] as TensorBackend;
const quick = process.argv[3] === "quick";
const GRAM = quick ? { rows: 5_000, columns: 200, rounds: 3 } : { rows: 20_000, columns: 500, rounds: 3 };

async function gramSeconds(): Promise<number[]> {
  const { tf } = await loadTensors(backend);
  const gram = tensorGram(tf);
  const x = Float64Array.from({ length: GRAM.rows * GRAM.columns }, (_, i) => Math.sin(i));
  const w = new Float64Array(GRAM.rows).fill(1);
  return Array.from({ length: GRAM.rounds }, () => {
    const started_ms = performance.now();
    gram(x, GRAM.rows, GRAM.columns, w);
    return (performance.now() - started_ms) / 1000;
  });
}

const dataset = platformDataset(quick ? { ...defaultPlatform, enrollments: 2_000, learners: 1_000, courses: 200, weeks: 16 } : { ...defaultPlatform, enrollments: 8_000, weeks: 16 });
const data = learningRows(rowsToLearn(dataset.data, dataset.train_end, dataset.validation_end));
const pool = await createTrainingPool({ threads: 1, deadline_ms: 600_000, backend });
const seconds: Partial<Record<LearnerName, number>> = {};
const rates: number[] = [];
for (const learner of learnerNames.filter((name) => learners[name].tensors)) {
  const fit = await pool.fit({ kind: "fit", learner, data, feature_names: elasticityFeatureNames, seed: 1 });
  seconds[learner] = fit.seconds;
  const predictor = compilePredictor(fit.model, elasticityFeatureNames.length);
  for (let row = 0; row < dataset.rows.length; row++) rates.push(predictor.logRate(dataset.data.features.values, row * elasticityFeatureNames.length));
}
const { gpu } = pool.backend;
await pool.close();
answer({ gpu, gram_s: await gramSeconds(), gram: GRAM, rows: dataset.rows.length, seconds, rates } satisfies BackendRun);
