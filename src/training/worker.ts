import { workerData } from "piscina";
import type { DatasetPart, FitResult, FitTask, ProbeResult, TensorBackend, WorkerOutcome, WorkerTask } from "../contracts/worker-protocol.ts";
import { assert } from "../lib/assert.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { boostingDefaults, fitBoosting, type CountRows } from "../models/boosting.ts";
import { PRICE_COLUMNS } from "../models/elasticity-features.ts";
import { fitLogLinear, logLinearDefaults, type Gram } from "../models/log-linear.ts";
import { importanceShares, linearImportance } from "../models/metrics.ts";
import { buildPart } from "./dataset-part.ts";
import { loadTensors, type TensorLibrary, type Tensors } from "./backend.ts";
import { rowsBefore } from "./split.ts";

/** What the pool hands every worker at its start. */
export interface WorkerSettings {
  readonly backend: TensorBackend | undefined;
}

let tensors: Promise<Tensors> | undefined;

/** The thread's tensor library, loaded on first use. */
function tensorLibrary(): Promise<Tensors> {
  tensors ??= loadTensors((workerData as WorkerSettings | null)?.backend);
  return tensors;
}

/** XᵀWX on the tensor backend, in its single precision. */
function tensorGram(tf: TensorLibrary): Gram {
  return (x, rows, columns, w) => {
    const gram = tf.tidy(() => {
      const matrix = tf.tensor2d(Float32Array.from(x), [rows, columns]);
      const weighted = tf.mul(matrix, tf.tensor2d(Float32Array.from(w), [rows, 1]));
      return tf.matMul(matrix, weighted, true);
    });
    const values = Float64Array.from(gram.dataSync());
    gram.dispose();
    return values;
  };
}

function countRows({ data, train_end, validation_end }: FitTask): CountRows {
  const { columns, values } = data.features;
  const rows = rowsBefore(data.period, validation_end);
  return { values: values.subarray(0, rows * columns), columns, y: data.y, exposure: data.exposure, train_rows: rowsBefore(data.period, train_end), rows };
}

async function fitLinear(task: FitTask): Promise<FitResult> {
  const { tf, backend } = await tensorLibrary();
  const started_ms = performance.now();
  const before = tf.memory().numTensors;
  const model = fitLogLinear(countRows(task), { ...logLinearDefaults, decreasing_columns: PRICE_COLUMNS }, tensorGram(tf));
  assert(tf.memory().numTensors === before, "fitting left tensors behind");
  return { model, importance: linearImportance(task.feature_names, model), backend, seconds: (performance.now() - started_ms) / 1000 };
}

function fitTrees(task: FitTask): FitResult {
  const started_ms = performance.now();
  const { model, gain } = fitBoosting(countRows(task), { ...boostingDefaults, decreasing_columns: PRICE_COLUMNS, seed: task.seed });
  return { model, importance: importanceShares(task.feature_names, gain), backend: "typed-arrays", seconds: (performance.now() - started_ms) / 1000 };
}

async function probe(): Promise<ProbeResult> {
  const { backend, tried } = await tensorLibrary();
  return { backend, tried };
}

function perform(task: WorkerTask): FitResult | Promise<FitResult | ProbeResult | DatasetPart> {
  switch (task.kind) {
    case "probe":
      return probe();
    case "dataset":
      return buildPart(task);
    case "fit_linear":
      return fitLinear(task);
    case "fit_boosting":
      return fitTrees(task);
  }
}

/** The one entry of a worker thread. Never rejects: what a task throws comes back as its outcome. */
export async function handle(task: WorkerTask): Promise<WorkerOutcome<FitResult | ProbeResult | DatasetPart>> {
  try {
    return { ok: true, value: await perform(task) };
  } catch (error) {
    return { ok: false, error: { code: error instanceof TidemarkError ? error.code : "task_failed", message: errorMessage(error) } };
  }
}
