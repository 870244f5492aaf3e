import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FitTask, type LearnerName, learnerNames, type LearningRows, type TensorBackend } from "../contracts/worker-protocol.ts";
import { Prng } from "../lib/prng.ts";
import { elasticityFeatureNames } from "../models/elasticity-features.ts";
import { learners } from "../models/learners.ts";
import { compilePredictor } from "../models/predictor.ts";
import { learningRows } from "./learning-rows.ts";
import { createTrainingPool, type TrainingPool } from "./pool.ts";
import { shareableDoubles } from "./shared-memory.ts";

const ROOT = join(import.meta.dirname, "../..");
const ADDON = join(ROOT, "node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v8/tfjs_binding.node");
const COLUMNS = elasticityFeatureNames.length;
const ROWS = 3_000;
/**
 * Largest difference of two backends' log rates, both fitted to convergence: a Gram matrix in single precision sets the path of Newton's steps, and not where
 * they end. Seen: 1e-6 at most. A GPU adds in an order of its own, with less precision in its products.
 */
const TOLERANCE = { cpu: 1e-5, gpu: 1e-3 };

const built = existsSync(ADDON);
if (!built) process.stderr.write("native TensorFlow is not built (npm run native builds it): its tests are skipped\n");

function rows(): LearningRows {
  const random = new Prng("native");
  const values = shareableDoubles(ROWS * COLUMNS);
  const y = shareableDoubles(ROWS);
  const exposure = shareableDoubles(ROWS);
  for (let row = 0; row < ROWS; row++) {
    for (let column = 0; column < COLUMNS; column++) values[row * COLUMNS + column] = 0.5 * random.normal();
    const [price, , , base] = values.subarray(row * COLUMNS);
    exposure[row] = 1 + random.integer(20);
    y[row] = random.poisson(exposure[row]! * Math.exp(-2 - 0.9 * price! + 0.4 * Math.sin(3 * base!)));
  }
  return learningRows({ values, columns: COLUMNS, y, exposure, train_rows: 0.7 * ROWS, rows: ROWS });
}

const data = rows();
const task = (learner: LearnerName): FitTask => ({ kind: "fit", learner, data, feature_names: elasticityFeatureNames, seed: 3 });

describe.skipIf(!built)("native TensorFlow", () => {
  const pools = new Map<TensorBackend, TrainingPool>();
  const pool = (backend: TensorBackend): TrainingPool => pools.get(backend)!;

  beforeAll(async () => {
    for (const backend of ["tensorflow", "wasm"] as const) pools.set(backend, await createTrainingPool({ threads: 2, deadline_ms: 120_000, backend }));
  }, 120_000);
  afterAll(async () => {
    for (const one of pools.values()) await one.close();
  });

  async function logRates(backend: TensorBackend, learner: LearnerName): Promise<Float64Array> {
    const fit = await pool(backend).fit(task(learner));
    expect(fit.backend).toBe(backend);
    const predictor = compilePredictor(fit.model, COLUMNS);
    return Float64Array.from({ length: ROWS }, (_, row) => predictor.logRate(data.values, row * COLUMNS));
  }

  // The worker asserts after every fit that no tensor is left, on whichever backend.
  test.each(learnerNames.filter((name) => learners[name].tensors))("%s is the model that WASM gives", { timeout: 120_000 }, async (learner) => {
    const [native, wasm] = await Promise.all([logRates("tensorflow", learner), logRates("wasm", learner)]);
    const difference = native.reduce((largest, rate, row) => Math.max(largest, Math.abs(rate - wasm[row]!)), 0);
    expect(difference).toBeLessThan(pool("tensorflow").backend.gpu ? TOLERANCE.gpu : TOLERANCE.cpu);
    const mean = wasm.reduce((sum, rate) => sum + rate, 0) / ROWS;
    expect(Math.sqrt(wasm.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / ROWS)).toBeGreaterThan(0.2);
  });

  test("the same data and seed give the same bytes, in two threads at once", { timeout: 120_000 }, async () => {
    for (const backend of ["tensorflow", "wasm"] as const) {
      // A GPU's sums are held to a tolerance instead.
      if (pool(backend).backend.gpu) continue;
      const fits = await Promise.all(["gam", "gam", "polynomial_3", "polynomial_3"].map((learner) => pool(backend).fit(task(learner as LearnerName))));
      const models = fits.map(({ model, importance }) => JSON.stringify({ model, importance }));
      expect(models[1]).toBe(models[0]);
      expect(models[3]).toBe(models[2]);
    }
  });

  test("its environment reaches the native library", { timeout: 60_000 }, async () => {
    const script = `
      import { createTrainingPool } from ${JSON.stringify(pathToFileURL(join(ROOT, "dist/src/training/pool.js")).href)};
      const pool = await createTrainingPool({ threads: 1, deadline_ms: 60000, backend: "tensorflow" });
      console.log(pool.backend.backend);
      await pool.close();`;
    const run = (extra: Readonly<Record<string, string>>): Promise<{ stdout: string; stderr: string }> => {
      const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TF_")));
      return promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], { env: { ...environment, ...extra } });
    };
    // Of all that is set, the level of logging is what can be seen from outside.
    const quiet = await run({});
    expect(quiet.stdout).toContain("tensorflow");
    expect(quiet.stderr).not.toMatch(/^I\d{4} /m);
    expect((await run({ TF_CPP_MIN_LOG_LEVEL: "0" })).stderr).toMatch(/^I\d{4} /m);
  });
});
