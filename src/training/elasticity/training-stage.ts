import { type FitResult, type FoldResult, learnerNames, type LearnerName } from "../../contracts/worker-protocol.ts";
import type { PriceTrial } from "../../features/price-trial.ts";
import { elasticityFeatureNames } from "../../models/elasticity-features.ts";
import { estimateElasticity } from "../../models/jitter-elasticity.ts";
import type { OnProgress } from "../dataset.ts";
import { runInOrder } from "../in-order.ts";
import { readJson, writeJson } from "../json-files.ts";
import type { Stage } from "../pipeline/stage.ts";
import type { TrainingPool } from "../pool.ts";
import type { ElasticityOutputs, FittedCandidate, Preparation, Training } from "./outputs.ts";

const FILE = "training.json";

/** The slowest first, so that no thread waits for one at the end; folds, which are short, fill up what is left. */
const fitOrder: readonly LearnerName[] = ["gam", "random_forest", "boosting", "polynomial_3", "polynomial_2", "log_linear"];

export interface FitOptions {
  readonly pool: Pick<TrainingPool, "fit" | "fold" | "threads">;
  readonly seed: number;
  readonly onProgress?: OnProgress | undefined;
  /** Told each learner's seconds. */
  readonly tell?: ((figures: Readonly<Record<string, number>>) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Fits every learner, once forward in time and once a fold of courses, all side by side. */
async function fitLearners({ learning, folds, courses }: Preparation, { pool, seed, signal, onProgress = () => undefined, tell = () => undefined }: FitOptions): Promise<FittedCandidate[]> {
  const means = new Map(learnerNames.map((name) => [name, new Float64Array(courses.y.length)]));
  const fits = new Map<LearnerName, FitResult>();
  const tasks = [
    ...fitOrder.map((learner) => async (): Promise<void> => {
      const fit = await pool.fit({ kind: "fit", learner, data: learning, feature_names: elasticityFeatureNames, seed }, signal);
      fits.set(learner, fit);
      tell({ [`${learner}.seconds`]: fit.seconds });
    }),
    ...fitOrder.flatMap((learner) =>
      folds.map(({ data, held_out, rows }) => async (): Promise<void> => {
        const found: FoldResult = await pool.fold({ kind: "fold", learner, data, held_out, seed }, signal);
        for (const [i, row] of rows.entries()) means.get(learner)![row] = found.means[i]!;
      }),
    ),
  ];
  let done = 0;
  onProgress("fit", 0, tasks.length);
  await runInOrder(tasks, pool.threads, async (task) => {
    await task();
    onProgress("fit", ++done, tasks.length);
  });
  return learnerNames.map((name) => ({ name, fit: fits.get(name)!, course_means: Array.from(means.get(name)!) }));
}

/** How the candidates come about: fitted here, or given. */
export type Candidates = (preparation: Preparation, options: FitOptions) => Promise<readonly FittedCandidate[]>;

/** Every candidate and the causal elasticity, which is estimated here while the threads fit. */
export async function train(trials: readonly PriceTrial[], preparation: Preparation, options: FitOptions, candidates: Candidates = fitLearners): Promise<Training> {
  const fitting = candidates(preparation, options);
  // A failure of theirs is awaited below.
  fitting.catch(() => undefined);
  const started_ms = performance.now();
  const elasticity = estimateElasticity(trials);
  const causal_s = (performance.now() - started_ms) / 1000;
  return { candidates: await fitting, elasticity, causal_s };
}

export function trainingStage(candidates?: Candidates): Stage<Pick<ElasticityOutputs, "data" | "preparation">, Training> {
  return {
    run: ({ data, preparation }, { run, pool, progress, tell, signal }) => train(data.trials, preparation, { pool, seed: run.seed, onProgress: progress, tell, signal }, candidates),
    save: (training, directory) => writeJson(directory, FILE, training),
    load: (directory) => readJson<Training>(directory, FILE),
    detail({ candidates: found, elasticity: { global } }) {
      const slope = global.identified ? `${global.value.toFixed(2)} ± ${(1.96 * global.se).toFixed(2)}` : "not identified: prices never varied at random";
      return `${found.map(({ name, fit }) => `${name} ${fit.seconds.toFixed(1)} s`).join(", ")}; causal elasticity ${slope}`;
    },
  };
}
