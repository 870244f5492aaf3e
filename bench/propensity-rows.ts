import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BinaryDimension, binaryDimensions } from "../src/contracts/propensity.ts";
import { learnerFeatureNames } from "../src/features/learner-replay.ts";
import type { HazardRows } from "../src/models/propensity/hazard.ts";
import { fillPropensityRow, propensityInputGroups, propensityInputNames } from "../src/models/propensity/inputs.ts";
import type { SensitivityRows } from "../src/models/propensity/price-sensitivity.ts";
import type { PropensityDataset } from "../src/training/propensity/dataset.ts";
import { CHURN_STEPS } from "../src/training/propensity/definitions.ts";

const COLUMNS = propensityInputNames.length;
const FEATURES = learnerFeatureNames.length;
const trialNames = ["row", "jitter", "enrolled", "affordable", "expected"] as const;

/** What models see of a dataset's rows: rows × propensityInputNames. */
export function inputsOf({ features }: PropensityDataset): Float64Array {
  const inputs = new Float64Array(features.rows * COLUMNS);
  for (let row = 0; row < features.rows; row++) fillPropensityRow(features.values.subarray(row * FEATURES, (row + 1) * FEATURES), inputs, row * COLUMNS);
  return inputs;
}

/** Learners' numbers, from 0 on. */
export function learnerNumbers({ learner }: PropensityDataset): Int32Array {
  const numbers = new Map<string, number>();
  return Int32Array.from(learner, (id) => {
    const own = numbers.get(id) ?? numbers.size;
    numbers.set(id, own);
    return own;
  });
}

export const stepsOf = (dimension: BinaryDimension): number => (dimension === "churn" ? CHURN_STEPS : 1);

type Numbers = Float32Array | Float64Array | Int32Array | Uint8Array;

/** What the ceiling is fitted to, of one population, in a folder: binary columns. `truth`: a figure of each row that no model sees. */
export function writeRows(folder: string, dataset: PropensityDataset, truth: Float64Array): void {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, values: Numbers): void => writeFileSync(join(folder, name), Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  write("inputs", Float32Array.from(inputsOf(dataset)));
  write("learner", learnerNumbers(dataset));
  write("truth", truth);
  for (const dimension of binaryDimensions) {
    const { row, y, steps } = dataset.labels[dimension];
    write(`${dimension}.row`, row);
    write(`${dimension}.y`, y);
    write(`${dimension}.steps`, steps ?? new Uint8Array(row.length).fill(1));
  }
  for (const name of trialNames) write(`trials.${name}`, dataset.trials[name]);
}

function bytesOf(folder: string, name: string): ArrayBuffer {
  const bytes = readFileSync(join(folder, name));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

function joined<T extends Numbers>(parts: readonly T[], into: T): T {
  let at = 0;
  for (const part of parts) {
    into.set(part, at);
    at += part.length;
  }
  return into;
}

const lengthOf = (parts: readonly Numbers[]): number => parts.reduce((sum, { length }) => sum + length, 0);

/** Rows that are asked about a dimension, the last `validation` folders' for early stopping. */
export function readHazardRows(folders: readonly string[], dimension: BinaryDimension, validation: number): HazardRows {
  const parts = folders.map((folder) => ({ inputs: new Float32Array(bytesOf(folder, "inputs")), row: new Int32Array(bytesOf(folder, `${dimension}.row`)), y: new Uint8Array(bytesOf(folder, `${dimension}.y`)), steps: new Uint8Array(bytesOf(folder, `${dimension}.steps`)) }));
  const rows = lengthOf(parts.map(({ row }) => row));
  const train_rows = lengthOf(parts.slice(0, -validation).map(({ row }) => row));
  const values = new Float64Array(rows * COLUMNS);
  let at = 0;
  for (const { inputs, row } of parts) for (const own of row) values.set(inputs.subarray(own * COLUMNS, (own + 1) * COLUMNS), COLUMNS * at++);
  return { values, columns: COLUMNS, y: joined(parts.map(({ y }) => y), new Uint8Array(rows)), steps: joined(parts.map(({ steps }) => steps), new Uint8Array(rows)), steps_max: stepsOf(dimension), train_rows, rows };
}

/** The rows of all folders with their truth, and the views of randomised prices. */
export function readSensitivityRows(folders: readonly string[]): { rows: SensitivityRows; truth: Float64Array } {
  const parts = folders.map((folder) => ({
    inputs: new Float32Array(bytesOf(folder, "inputs")),
    learner: new Int32Array(bytesOf(folder, "learner")),
    truth: new Float64Array(bytesOf(folder, "truth")),
    row: new Int32Array(bytesOf(folder, "trials.row")),
    jitter: new Float64Array(bytesOf(folder, "trials.jitter")),
    enrolled: new Uint8Array(bytesOf(folder, "trials.enrolled")),
    affordable: new Uint8Array(bytesOf(folder, "trials.affordable")),
    expected: new Float64Array(bytesOf(folder, "trials.expected")),
  }));
  let rows = 0;
  let learners = 0;
  for (const { row, learner } of parts) {
    for (let i = 0; i < row.length; i++) row[i]! += rows;
    let most = -1;
    for (let i = 0; i < learner.length; i++) {
      most = Math.max(most, learner[i]!);
      learner[i]! += learners;
    }
    rows += learner.length;
    learners += most + 1;
  }
  const views = lengthOf(parts.map(({ row }) => row));
  const all: SensitivityRows = {
    inputs: joined<Float64Array | Float32Array>(parts.map(({ inputs }) => inputs), new Float64Array(rows * COLUMNS)) as Float64Array,
    columns: COLUMNS,
    group: propensityInputGroups,
    learner: joined(parts.map(({ learner }) => learner), new Int32Array(rows)),
    row: joined(parts.map(({ row }) => row), new Int32Array(views)),
    jitter: joined(parts.map(({ jitter }) => jitter), new Float64Array(views)),
    enrolled: joined(parts.map(({ enrolled }) => enrolled), new Uint8Array(views)),
    affordable: joined(parts.map(({ affordable }) => affordable), new Uint8Array(views)),
    expected: joined(parts.map(({ expected }) => expected), new Float64Array(views)),
  };
  return { rows: all, truth: joined(parts.map(({ truth }) => truth), new Float64Array(rows)) };
}
