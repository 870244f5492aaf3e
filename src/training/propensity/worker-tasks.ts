import type { NetworkResult, NetworkTask, PropensityFitResult, PropensityFitTask, PropensityLearnerName, SensitivityResult, SensitivityTask } from "../../contracts/worker-protocol.ts";
import { assert } from "../../lib/assert.ts";
import type { HazardFit, HazardRows } from "../../models/propensity/hazard.ts";
import { fitHazardBoosting, hazardBoostingDefaults } from "../../models/propensity/hazard-boosting.ts";
import { fitHazardForest, hazardForestDefaults } from "../../models/propensity/hazard-forest.ts";
import { importanceOf } from "../../models/propensity/importance.ts";
import { fitLogistic } from "../../models/propensity/logistic-regression.ts";
import { compileMargin, type InputModel } from "../../models/propensity/margin.ts";
import { estimateSensitivity } from "../../models/propensity/price-sensitivity.ts";
import type { Tensors } from "../backend.ts";
import { trainNetwork } from "./network.ts";
import { binsOf, hazardRows } from "./window-rows.ts";

const learners: Readonly<Record<PropensityLearnerName, (data: HazardRows, task: PropensityFitTask) => HazardFit<InputModel>>> = {
  logistic: (data) => fitLogistic(data),
  boosting: (data, { binned, labels, seed }) => fitHazardBoosting(data, binsOf(binned, labels), { ...hazardBoostingDefaults, seed }),
  random_forest: (data, { binned, labels, seed }) => fitHazardForest(data, binsOf(binned, labels), { ...hazardForestDefaults, seed }),
};

export function fitPropensity(task: PropensityFitTask): PropensityFitResult {
  const started_ms = performance.now();
  const data = hazardRows(task.inputs, task.labels);
  const { model, offsets } = learners[task.learner](data, task);
  const importance = importanceOf(compileMargin(model, data.columns), data, offsets, task.seed);
  return { model, offsets: [...offsets], importance, backend: "typed-arrays", seconds: (performance.now() - started_ms) / 1000 };
}

export async function fitNetwork(task: NetworkTask, { tf, backend }: Tensors): Promise<NetworkResult> {
  const started_ms = performance.now();
  const before = tf.memory().numTensors;
  const { heads, epochs } = await trainNetwork(tf, task);
  assert(tf.memory().numTensors === before, "training the network left tensors behind");
  return { heads, epochs, backend, seconds: (performance.now() - started_ms) / 1000 };
}

export function fitSensitivity({ inputs, learner, row, jitter, enrolled, affordable, expected, seed }: SensitivityTask): SensitivityResult {
  const started_ms = performance.now();
  const sensitivity = estimateSensitivity({ inputs: inputs.values, columns: inputs.columns, learner, row, jitter, enrolled, affordable, expected }, seed);
  return { sensitivity, seconds: (performance.now() - started_ms) / 1000 };
}
