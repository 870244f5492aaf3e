import { type BinaryDimension, binaryDimensions, type BinaryPropensity, PROPENSITY_FAMILY, PROPENSITY_FORMAT } from "../src/contracts/propensity.ts";
import { must } from "../src/lib/assert.ts";
import { binMatrix } from "../src/models/binning.ts";
import { artifactDigest, encodeArtifact } from "../src/models/compiled.ts";
import { fitCalibration, uncertaintyByTenth } from "../src/models/propensity/calibration.ts";
import { type CompiledPropensity, compilePropensity } from "../src/models/propensity/compiled-scorer.ts";
import { eventLogOdds } from "../src/models/propensity/hazard.ts";
import { fitHazardBoosting, hazardBoostingDefaults } from "../src/models/propensity/hazard-boosting.ts";
import { propensityInputNames } from "../src/models/propensity/inputs.ts";
import { compileMargin } from "../src/models/propensity/margin.ts";
import { estimateSensitivity } from "../src/models/propensity/price-sensitivity.ts";
import { blocksOf } from "../src/training/propensity/cut-offs.ts";
import type { PropensityDataset } from "../src/training/propensity/dataset.ts";
import { propensityDefinitions, windowMs } from "../src/training/propensity/definitions.ts";
import { inputsOf, learnerNumbers, stepsOf } from "./propensity-rows.ts";

/** TEMPORARY */
export async function trainShipped(dataset: PropensityDataset): Promise<{ scorer: CompiledPropensity; train_s: number }> {
  const started = performance.now();
  const inputs = inputsOf(dataset);
  const numbers = learnerNumbers(dataset);
  const C = propensityInputNames.length;
  const binary = {} as Record<BinaryDimension, BinaryPropensity>;
  for (const dimension of binaryDimensions) {
    const { row, y, steps } = dataset.labels[dimension];
    const blocks = must(blocksOf(dataset.at_ms, dataset.range.to_ms, windowMs(propensityDefinitions[dimension])), "b");
    const at = (from: number, to: number) => [...row.keys()].filter((i) => dataset.period[row[i]!]! >= from && dataset.period[row[i]!]! < to);
    const train = at(blocks.train.from, blocks.train.to);
    const val = at(blocks.validation.from, blocks.validation.to);
    const all = [...train, ...val];
    const values = new Float64Array(all.length * C);
    all.forEach((i, k) => values.set(inputs.subarray(row[i]! * C, (row[i]! + 1) * C), k * C));
    const data = { values, columns: C, y: Uint8Array.from(all, (i) => y[i]!), steps: Uint8Array.from(all, (i) => steps?.[i] ?? 1), steps_max: stepsOf(dimension), train_rows: train.length, rows: all.length };
    const { model, offsets } = fitHazardBoosting(data, binMatrix(values, all.length, C, train.length), { ...hazardBoostingDefaults, seed: 1 });
    const margin = compileMargin(model, C);
    const sign = dimension === "churn" ? -1 : 1;
    const vm = Float64Array.from(val, (i) => sign * eventLogOdds(margin.margin(inputs, row[i]! * C), offsets));
    const vy = Uint8Array.from(val, (i) => (dimension === "churn" ? 1 - y[i]! : y[i]!));
    const cl = Int32Array.from(val, (i) => numbers[row[i]!]!);
    const map = new Map<number, number>();
    const clusters = cl.map((c) => { const own = map.get(c) ?? map.size; map.set(c, own); return own; });
    const { calibration, scores } = fitCalibration(vm, vy, clusters, 1);
    binary[dimension] = { definition: propensityDefinitions[dimension], champion: "boosting", model, steps: dimension === "churn" ? { offsets: [...offsets] } : null, calibration, base_rate: 0.5, uncertainty: uncertaintyByTenth(scores, vy, clusters), candidates: [] };
  }
  const { row, jitter, enrolled, affordable, expected } = dataset.trials;
  const price_sensitivity = { ...estimateSensitivity({ inputs, columns: C, learner: numbers, row, jitter, enrolled, affordable, expected }, 1), definition: propensityDefinitions.price_sensitivity };
  const artifact = { format: PROPENSITY_FORMAT, family: PROPENSITY_FAMILY, version: "t", input_names: [...propensityInputNames], binary, price_sensitivity, inputs: [], lineage: { seed: 1, stream: "EVENTS", stream_created: "x", first_sequence: 1, last_sequence: 1, data_from: "x", data_to: "x", fitted_to: "x", rows: 1, code_version: "b" } } as const;
  const bytes = encodeArtifact(artifact as never);
  return { scorer: compilePropensity(bytes, artifactDigest(bytes)), train_s: (performance.now() - started) / 1000 };
}
