import { workerData } from "piscina";
import type { CountData, DatasetPart, FitResult, FitTask, ProbeResult, ProbeTask, TensorBackend, WorkerOutcome, WorkerTask } from "../contracts/worker-protocol.ts";
import { assert } from "../lib/assert.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { permutationImportance } from "../models/importance.ts";
import { learners, type Learner, type LearnerContext } from "../models/learners.ts";
import { type Gram, plainGram } from "../models/log-linear.ts";
import { importanceShares } from "../models/metrics.ts";
import { compilePredictor } from "../models/predictor.ts";
import { COURSE_FOLDS, foldRows } from "./course-rows.ts";
import { buildPart } from "./dataset-part.ts";
import { loadTensors, type TensorLibrary, type Tensors } from "./backend.ts";
import { countRows } from "./split.ts";

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

/** Expected enrollments of every course under the model of the folds without it. */
function heldOutCourses(learner: Learner, courses: CountData, context: LearnerContext): Float64Array {
  const { columns, values } = courses.features;
  const means = new Float64Array(courses.y.length);
  for (let fold = 0; fold < COURSE_FOLDS; fold++) {
    const { rows, held_out } = foldRows(courses, fold);
    const predictor = compilePredictor(learner.fit(rows, context), columns);
    for (const row of held_out) means[row] = courses.exposure[row]! * Math.exp(predictor.logRate(values, row * columns));
  }
  return means;
}

async function fit(task: FitTask): Promise<FitResult> {
  const learner = learners[task.learner];
  const loaded = learner.tensors ? await tensorLibrary() : undefined;
  const started_ms = performance.now();
  const before = loaded?.tf.memory().numTensors;
  const rows = countRows(task.data, task.train_end, task.validation_end);
  const context: LearnerContext = { seed: task.seed, gram: loaded === undefined ? plainGram : tensorGram(loaded.tf) };
  const model = learner.fit(rows, context);
  assert(loaded?.tf.memory().numTensors === before, "fitting left tensors behind");
  const seconds = (performance.now() - started_ms) / 1000;
  const importance = permutationImportance(compilePredictor(model, rows.columns), rows, task.seed);
  const course_means = task.courses && heldOutCourses(learner, task.courses, context);
  return { model, importance: importanceShares(task.feature_names, importance), backend: loaded?.backend ?? "typed-arrays", seconds, ...(course_means && { course_means }) };
}

async function probe({ tensors }: ProbeTask): Promise<ProbeResult | null> {
  if (!tensors) return null;
  const { backend, gpu, tried } = await tensorLibrary();
  return { backend, gpu, tried };
}

function perform(task: WorkerTask): FitResult | Promise<FitResult | ProbeResult | DatasetPart | null> {
  switch (task.kind) {
    case "probe":
      return probe(task);
    case "dataset":
      return buildPart(task);
    case "fit":
      return fit(task);
  }
}

/** The one entry of a worker thread. Never rejects: what a task throws comes back as its outcome. */
export async function handle(task: WorkerTask): Promise<WorkerOutcome<FitResult | ProbeResult | DatasetPart | null>> {
  try {
    return { ok: true, value: await perform(task) };
  } catch (error) {
    return { ok: false, error: { code: error instanceof TidemarkError ? error.code : "task_failed", message: errorMessage(error) } };
  }
}
