import { workerData } from "piscina";
import type { DatasetPart, FitResult, FitTask, FoldResult, FoldTask, NetworkResult, ProbeResult, ProbeTask, PropensityFitResult, SensitivityResult, TensorBackend, WorkerOutcome, WorkerTask } from "../contracts/worker-protocol.ts";
import { assert } from "../lib/assert.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { permutationImportance } from "../models/importance.ts";
import { learners, type LearnerContext } from "../models/learners.ts";
import { plainGram } from "../models/log-linear.ts";
import { importanceShares } from "../models/metrics.ts";
import { compilePredictor } from "../models/predictor.ts";
import { buildPart } from "./dataset-part.ts";
import { loadTensors, type Tensors } from "./backend.ts";
import { fitNetwork, fitPropensity, fitSensitivity } from "./propensity/worker-tasks.ts";
import { tensorGram } from "./tensor-gram.ts";

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

async function contextOf({ learner, data, seed }: FitTask | FoldTask): Promise<{ context: LearnerContext; loaded: Tensors | undefined }> {
  const loaded = learners[learner].tensors ? await tensorLibrary() : undefined;
  return { context: { seed, gram: loaded === undefined ? plainGram : tensorGram(loaded.tf), binned: data.binned }, loaded };
}

async function fit(task: FitTask): Promise<FitResult> {
  const { learner, data } = task;
  const { context, loaded } = await contextOf(task);
  const started_ms = performance.now();
  const before = loaded?.tf.memory().numTensors;
  const model = learners[learner].fit(data, context);
  assert(loaded?.tf.memory().numTensors === before, "fitting left tensors behind");
  const seconds = (performance.now() - started_ms) / 1000;
  const importance = permutationImportance(compilePredictor(model, data.columns), data, task.seed);
  return { model, importance: importanceShares(task.feature_names, importance), backend: loaded?.backend ?? "typed-arrays", seconds };
}

async function fold(task: FoldTask): Promise<FoldResult> {
  const { learner, data, held_out } = task;
  const { context } = await contextOf(task);
  const started_ms = performance.now();
  const { rows, columns, values } = held_out.features;
  const predictor = compilePredictor(learners[learner].fit(data, context), columns);
  const means = Float64Array.from({ length: rows }, (_, row) => held_out.exposure[row]! * Math.exp(predictor.logRate(values, row * columns)));
  return { means, seconds: (performance.now() - started_ms) / 1000 };
}

async function probe({ tensors }: ProbeTask): Promise<ProbeResult | null> {
  if (!tensors) return null;
  const { backend, gpu, tried } = await tensorLibrary();
  return { backend, gpu, tried };
}

type WorkerValue = FitResult | FoldResult | ProbeResult | DatasetPart | PropensityFitResult | NetworkResult | SensitivityResult | null;

async function perform(task: WorkerTask): Promise<WorkerValue> {
  switch (task.kind) {
    case "probe":
      return probe(task);
    case "dataset":
      return buildPart(task);
    case "fit":
      return fit(task);
    case "fold":
      return fold(task);
    case "propensity_fit":
      return fitPropensity(task);
    case "propensity_network":
      return fitNetwork(task, await tensorLibrary());
    case "price_sensitivity":
      return fitSensitivity(task);
  }
}

/** The one entry of a worker thread. Never rejects: what a task throws comes back as its outcome. */
export async function handle(task: WorkerTask): Promise<WorkerOutcome<WorkerValue>> {
  try {
    return { ok: true, value: await perform(task) };
  } catch (error) {
    return { ok: false, error: { code: error instanceof TidemarkError ? error.code : "task_failed", message: errorMessage(error) } };
  }
}
