import { type BinaryDimension, type BinaryPropensity, type Dimension, PROPENSITY_FAMILY, PROPENSITY_FORMAT, type PropensityArtifact, type PropensityDefinition } from "../../contracts/propensity.ts";
import type { BinnedMatrix } from "../../contracts/worker-protocol.ts";
import { Prng } from "../../lib/prng.ts";
import { binMatrix } from "../binning.ts";
import { type HazardRows, logistic } from "./hazard.ts";
import { propensityInputNames } from "./inputs.ts";

export interface SyntheticRows extends HazardRows {
  readonly values: Float64Array<SharedArrayBuffer>;
  readonly y: Uint8Array<SharedArrayBuffer>;
  readonly steps: Uint8Array<SharedArrayBuffer>;
  /** True margins. */
  readonly truth: Float64Array;
  readonly binned: BinnedMatrix;
}

export interface SyntheticOptions {
  readonly seed: string;
  readonly rows: number;
  readonly train_rows: number;
  readonly columns: number;
  /** One entry a step, log-odds at margin 0. */
  readonly offsets?: readonly number[];
  /** Share of windows that are cut short after a random number of steps. */
  readonly censored?: number;
  margin(x: Float64Array): number;
}

/** Windows with standard normal inputs and a known margin. */
export function syntheticRows({ seed, rows, train_rows, columns, offsets = [0], censored = 0, margin }: SyntheticOptions): SyntheticRows {
  const random = new Prng(seed);
  const values = new Float64Array(new SharedArrayBuffer(8 * rows * columns));
  const y = new Uint8Array(new SharedArrayBuffer(rows));
  const steps = new Uint8Array(new SharedArrayBuffer(rows));
  const truth = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < columns; i++) values[row * columns + i] = random.normal();
    truth[row] = margin(values.subarray(row * columns, (row + 1) * columns));
    const observed = random.uniform() < censored ? 1 + random.integer(offsets.length) : offsets.length;
    while (steps[row]! < observed && y[row] === 0) {
      y[row] = random.uniform() < logistic(truth[row]! + offsets[steps[row]!]!) ? 1 : 0;
      steps[row]!++;
    }
  }
  return { values, columns, y, steps, steps_max: offsets.length, train_rows, rows, truth, binned: binMatrix(values, rows, columns, train_rows, { bins_max: 64 }) };
}

const columns = propensityInputNames.length;
const repeated = (value: number, length = columns): number[] => new Array<number>(length).fill(value);

export function definitionOf(dimension: Dimension, horizon_days = 30, gap_days = 1): PropensityDefinition {
  return { dimension, meaning: `meaning of ${dimension}`, population: "everybody", gap_days, horizon_days };
}

/** A small model of one dimension. */
export function binaryPropensity(dimension: BinaryDimension, change: Partial<BinaryPropensity> = {}): BinaryPropensity {
  return {
    definition: definitionOf(dimension),
    champion: "logistic",
    model: { kind: "logistic", mean: repeated(0.5), scale: repeated(2), coefficients: propensityInputNames.map((_, i) => 0.2 * Math.sin(i + 1)), intercept: -0.4 },
    steps: dimension === "churn" ? { offsets: [0.5, 0, -0.5] } : null,
    calibration: { kind: "platt", slope: 1, intercept: 0 },
    base_rate: 0.3,
    uncertainty: { upper: [0.5, 1], se: [0.01, 0.02] },
    candidates: [{ name: "logistic", metrics: { log_loss: 0.5 }, barred: null }],
    ...change,
  };
}

/** A small artifact. */
export function propensityArtifact(change: Partial<PropensityArtifact> = {}): PropensityArtifact {
  return {
    format: PROPENSITY_FORMAT,
    family: PROPENSITY_FAMILY,
    version: "v1",
    input_names: [...propensityInputNames],
    binary: { enrollment: binaryPropensity("enrollment"), churn: binaryPropensity("churn"), completion: binaryPropensity("completion"), upsell: binaryPropensity("upsell") },
    price_sensitivity: {
      definition: definitionOf("price_sensitivity"),
      identified: true,
      mean: repeated(0.2),
      scale: repeated(2),
      coefficients: propensityInputNames.map((_, i) => 0.1 * Math.cos(i)),
      intercept: -1.5,
      covariance: Array.from({ length: (columns + 1) ** 2 }, (_, i) => (i % (columns + 2) === 0 ? 0.01 : 0)),
      quantiles: [0, 1, 2, 3],
      candidates: [],
    },
    inputs: [],
    lineage: { seed: 1, stream: "EVENTS", stream_created: "2026-01-01T00:00:00Z", first_sequence: 1, last_sequence: 2, data_from: "2026-01-01T00:00:00Z", data_to: "2026-01-02T00:00:00Z", fitted_to: "2026-01-01T12:00:00Z", rows: 3, code_version: "test" },
    ...change,
  };
}
