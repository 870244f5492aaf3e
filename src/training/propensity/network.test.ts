import { describe, expect, test } from "vitest";
import { binaryDimensions } from "../../contracts/propensity.ts";
import type { NetworkTask, TensorBackend } from "../../contracts/worker-protocol.ts";
import { windowLoss } from "../../models/propensity/hazard.ts";
import { compileMargin } from "../../models/propensity/margin.ts";
import { loadTensors } from "../backend.ts";
import { networkDefaults, trainNetwork } from "./network.ts";
import { churnOffsets, syntheticWindows, trueMargins } from "./window-testing.ts";

const task = (seed: number, rows = 6_000): NetworkTask => ({ kind: "propensity_network", windows: syntheticWindows("network", rows, Math.round(0.75 * rows)), seed });

describe.each<TensorBackend>(["wasm", "cpu"])("the network on %s", (backend) => {
  test("comes close to the truth in every dimension, over one trunk, and leaves no tensor", async () => {
    const { tf } = await loadTensors(backend);
    const before = tf.memory().numTensors;
    const given = task(1, backend === "cpu" ? 4_000 : 12_000);
    const { heads, epochs } = await trainNetwork(tf, given);
    expect(tf.memory().numTensors).toBe(before);
    expect(epochs).toBeGreaterThan(1);
    for (const dimension of binaryDimensions) {
      const { model, offsets, importance } = heads[dimension]!;
      const data = given.windows[dimension]!;
      const margin = compileMargin(model, data.columns);
      const truth = dimension === "churn" ? churnOffsets : [0];
      let [found, best, none] = [0, 0, 0];
      const rate = data.y.reduce((sum, own) => sum + own, 0) / data.steps.reduce((sum, own) => sum + own, 0);
      for (let row = data.train_rows; row < data.rows; row++) {
        const x = data.values.subarray(row * data.columns, (row + 1) * data.columns);
        found += windowLoss(margin.margin(x, 0), Float64Array.from(offsets), data.steps[row]!, data.y[row]!);
        best += windowLoss(trueMargins[dimension](x), Float64Array.from(truth), data.steps[row]!, data.y[row]!);
        none += windowLoss(Math.log(rate / (1 - rate)), new Float64Array(data.steps_max), data.steps[row]!, data.y[row]!);
      }
      // Of what there is to know it knows most.
      expect((none - found) / (none - best)).toBeGreaterThan(0.55);
      expect(importance.reduce((sum, own) => sum + own, 0)).toBeCloseTo(1, 9);
      expect(model.layers).toEqual(heads.enrollment!.model.layers);
    }
  });

  test("equal tasks give equal networks, another seed another", async () => {
    const { tf } = await loadTensors(backend);
    const options = { ...networkDefaults, epochs_max: 1, units: [4] };
    const first = await trainNetwork(tf, task(1, 1_500), options);
    expect(await trainNetwork(tf, task(1, 1_500), options)).toEqual(first);
    expect((await trainNetwork(tf, task(2, 1_500), options)).heads.upsell!.model).not.toEqual(first.heads.upsell!.model);
  });
});
