import { type BinaryDimension, binaryDimensions } from "../../contracts/propensity.ts";
import { type LearningWindows, type PropensityLearnerName, type SensitivityResult, type SensitivityTask } from "../../contracts/worker-protocol.ts";
import { must } from "../../lib/assert.ts";
import { clusterIndices } from "../../models/cluster-bootstrap.ts";
import { propensityInputNames } from "../../models/propensity/inputs.ts";
import type { OnProgress } from "../dataset.ts";
import { runInOrder } from "../in-order.ts";
import { readJson, writeJson } from "../json-files.ts";
import type { Stage } from "../pipeline/stage.ts";
import type { TrainingPool } from "../pool.ts";
import { shareableInts } from "../shared-memory.ts";
import type { PropensityDataset } from "./dataset.ts";
import { inputsMatrix } from "./inputs-matrix.ts";
import type { FittedCandidate, Preparation, PreparedWindows, PropensityOutputs, Training } from "./outputs.ts";

const FILE = "training.json";

export interface FitOptions {
  readonly pool: Pick<TrainingPool, "fitPropensity" | "fitNetwork" | "fitSensitivity" | "threads">;
  readonly seed: number;
  readonly onProgress?: OnProgress | undefined;
  /** Told each candidate's seconds. */
  readonly tell?: ((figures: Readonly<Record<string, number>>) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What the threads fit to: the prepared windows without the bins and the block that judges. */
export function learningWindows({ learning, train_rows, steps_max }: PreparedWindows): LearningWindows {
  return { ...learning, columns: propensityInputNames.length, steps_max, train_rows };
}

/** Every view of a random price: how well effects are told apart is judged on learners left out, and nothing else judges them. */
function sensitivityTask(dataset: PropensityDataset, seed: number): SensitivityTask {
  const learner = shareableInts(dataset.features.rows);
  learner.set(clusterIndices(dataset.learner));
  return { kind: "price_sensitivity", inputs: inputsMatrix(dataset.features), learner, ...dataset.trials, seed };
}

/** The slowest first, so that no thread waits for one at the end. */
const fitOrder: readonly PropensityLearnerName[] = ["boosting", "random_forest", "logistic"];

/** Every candidate of every dimension and the effect of price, side by side. */
export async function train(dataset: PropensityDataset, preparation: Preparation, { pool, seed, signal, onProgress = () => undefined, tell = () => undefined }: FitOptions): Promise<Training> {
  const asked = binaryDimensions.flatMap((dimension) => {
    const windows = preparation.windows[dimension];
    return windows === undefined ? [] : [{ dimension, binned: windows.binned, data: learningWindows(windows) }];
  });
  const candidates: Partial<Record<BinaryDimension, FittedCandidate[]>> = Object.fromEntries(asked.map(({ dimension }) => [dimension, []]));
  let price: SensitivityResult | undefined;
  const keep = (dimension: BinaryDimension, fitted: FittedCandidate): void => {
    candidates[dimension]!.push(fitted);
    tell({ [`${dimension}.${fitted.name}.seconds`]: fitted.seconds });
  };
  const tasks = [
    async (): Promise<void> => {
      if (asked.length === 0) return;
      const { heads, backend, seconds } = await pool.fitNetwork({ kind: "propensity_network", windows: Object.fromEntries(asked.map(({ dimension, data }) => [dimension, data])), seed }, signal);
      for (const { dimension } of asked) keep(dimension, { name: "network", ...must(heads[dimension], "the network has a head for what it was asked about"), backend, seconds });
    },
    async (): Promise<void> => {
      price = await pool.fitSensitivity(sensitivityTask(dataset, seed), signal);
    },
    ...fitOrder.flatMap((learner) =>
      asked.map(({ dimension, data, binned }) => async (): Promise<void> => keep(dimension, { name: learner, ...(await pool.fitPropensity({ kind: "propensity_fit", learner, data, binned, seed }, signal)) })),
    ),
  ];
  let done = 0;
  onProgress("fit", 0, tasks.length);
  await runInOrder(tasks, pool.threads, async (task) => {
    await task();
    onProgress("fit", ++done, tasks.length);
  });
  // In an order that does not depend on which thread was faster.
  for (const own of Object.values(candidates)) own.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { candidates, price: must(price, "every task has ended") };
}

export const trainingStage: Stage<Pick<PropensityOutputs, "data" | "preparation">, Training> = {
  run: ({ data, preparation }, { run, pool, progress, tell, signal }) => train(data, preparation, { pool, seed: run.seed, onProgress: progress, tell, signal }),
  save: (training, directory) => writeJson(directory, FILE, training),
  load: (directory) => readJson<Training>(directory, FILE),
  detail({ candidates, price: { sensitivity, seconds } }) {
    const [effect] = sensitivity.candidates;
    const found = sensitivity.identified ? `${sensitivity.intercept.toFixed(2)} ± ${(1.96 * effect!.metrics["effect_se"]!).toFixed(2)}` : "not identified";
    const times = Object.entries(candidates).map(([dimension, own]) => `${dimension} ${own.map(({ name, seconds: each }) => `${name} ${each.toFixed(1)} s`).join(", ")}`);
    return `${times.join("; ")}; log-odds of enrolling by log price ${found} (${seconds.toFixed(1)} s)`;
  },
};
