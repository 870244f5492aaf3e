import type { NetworkResult, NetworkTask, PropensityFitResult, PropensityFitTask, PropensityLearnerName, SensitivityResult, SensitivityTask } from "../../contracts/worker-protocol.ts";
import { assert } from "../../lib/assert.ts";
import type { HazardFit } from "../../models/propensity/hazard.ts";
import { fitHazardBoosting, hazardBoostingDefaults } from "../../models/propensity/hazard-boosting.ts";
import { fitHazardForest, hazardForestDefaults } from "../../models/propensity/hazard-forest.ts";
import { importanceOf } from "../../models/propensity/importance.ts";
import { propensityInputGroups } from "../../models/propensity/inputs.ts";
import { fitLogistic } from "../../models/propensity/logistic-regression.ts";
import { compileMargin, type InputModel } from "../../models/propensity/margin.ts";
import { estimateSensitivity } from "../../models/propensity/price-sensitivity.ts";
import type { Tensors } from "../backend.ts";
import { trainNetwork } from "./network.ts";

const learners: Readonly<Record<PropensityLearnerName, (task: PropensityFitTask) => HazardFit<InputModel>>> = {
  logistic: ({ data }) => fitLogistic(data),
  boosting: ({ data, binned, seed }) => fitHazardBoosting(data, binned, { ...hazardBoostingDefaults, seed }),
  random_forest: ({ data, binned, seed }) => fitHazardForest(data, binned, { ...hazardForestDefaults, seed }),
};

export function fitPropensity(task: PropensityFitTask): PropensityFitResult {
  const started_ms = performance.now();
  const { model, offsets } = learners[task.learner](task);
  const importance = importanceOf(compileMargin(model, task.data.columns), task.data, offsets, task.seed);
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
  const sensitivity = estimateSensitivity({ inputs: inputs.values, columns: inputs.columns, group: propensityInputGroups, learner, row, jitter, enrolled, affordable, expected }, seed);
  return { sensitivity, seconds: (performance.now() - started_ms) / 1000 };
}
