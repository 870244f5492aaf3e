import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { poissonDeviance } from "../src/models/metrics.ts";
import { compilePredictor } from "../src/models/predictor.ts";
import { importXgboost } from "../src/models/xgboost-import.ts";
import { runChild } from "./child.ts";
import { missingPeers, runPeer } from "./python-peers.ts";
import type { BenchOptions, BenchResult, Metric } from "./report.ts";
import { median } from "./stats.ts";
import { makeTreeData, type TreeData, writeTreeData } from "./tree-data.ts";

const ROUNDS = 3;
const CHILD_MS = 300_000;

export interface BoostingSettings {
  readonly train_rows: number;
  readonly columns: number;
  readonly trees: number;
  readonly depth: number;
  readonly learning_rate: number;
  readonly lambda: number;
  readonly leaf_hessian_min: number;
  readonly step_max: number;
  readonly threads: number;
}

export interface ForestSettings {
  readonly train_rows: number;
  readonly columns: number;
  readonly trees: number;
  /** Distinct rows, as scikit-learn counts. */
  readonly leaf_rows_min: number;
  /** Bootstrap draws, as are counted here: as many as give trees of the same size. */
  readonly leaf_draws_min: number;
  readonly columns_per_split: number;
  readonly threads: number;
}

interface ElasticityRun {
  readonly total_s: number;
  /** Of all threads of the process. */
  readonly cpu_s: number;
  readonly causal_s: number;
  readonly backend: string;
  readonly load_ms: number;
  readonly rows: number;
  readonly champion: string;
  readonly candidates: readonly { readonly name: string; readonly deviance: number; readonly seconds: number; readonly courses: { readonly r2_log: number; readonly rmse_log: number; readonly mape_log: number; readonly ceiling: { readonly r2_log: number; readonly mape_log: number } } | null }[];
  readonly hash: string;
}

interface PropensityRun {
  readonly total_s: number;
  readonly cpu_s: number;
  readonly rows: number;
  readonly views: number;
  readonly champions: readonly string[];
  readonly hash: string;
}

const figure = (value: number): string => value.toPrecision(3);

async function predictions(folder: string): Promise<Float64Array> {
  const bytes = await readFile(join(folder, "predictions.bin"));
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

function testDeviance({ y, train_rows }: TreeData, predicted: Float64Array): number {
  return predicted.reduce((sum, mean, i) => sum + poissonDeviance(y[train_rows + i]!, mean), 0) / predicted.length;
}

function testR2({ y, train_rows }: TreeData, predicted: Float64Array): number {
  const mean = predicted.reduce((sum, _, i) => sum + y[train_rows + i]!, 0) / predicted.length;
  let residual = 0;
  let total = 0;
  for (const [i, value] of predicted.entries()) {
    residual += (y[train_rows + i]! - value) ** 2;
    total += (y[train_rows + i]! - mean) ** 2;
  }
  return 1 - residual / total;
}

/** XGBoost's model imported from its file: the largest relative difference between its predictions of the test rows here and there. */
async function importDifference(folder: string, { values, rows, train_rows, columns }: TreeData): Promise<number> {
  const feature_names = Array.from({ length: columns }, (_, column) => `column_${column}`);
  const predictor = compilePredictor(importXgboost(await readFile(join(folder, "model.json")), { feature_names }), columns);
  const theirs = await predictions(folder);
  let largest = 0;
  for (let row = train_rows; row < rows; row++) largest = Math.max(largest, Math.abs(Math.exp(predictor.logRate(values, row * columns)) / theirs[row - train_rows]! - 1));
  return largest;
}

async function againstBoosting(folder: string, settings: BoostingSettings): Promise<Record<string, Metric>> {
  const data = makeTreeData(settings.train_rows, settings.columns, "counts");
  await writeTreeData(data, folder, { ...settings });
  const own: number[] = [];
  const theirs: number[] = [];
  let deviance = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const fit = await runChild<{ seconds: number; deviance: number }>("boosting", [JSON.stringify(settings)], CHILD_MS);
    own.push(fit.seconds);
    deviance = fit.deviance;
    theirs.push((await runPeer("boosting", folder)).seconds);
  }
  return {
    boosting_s: median(own),
    xgboost_s: median(theirs),
    boosting_time_ratio: median(own.map((seconds, i) => seconds / theirs[i]!)),
    boosting_deviance_ratio: deviance / testDeviance(data, await predictions(folder)),
    xgboost_import_difference: await importDifference(folder, data),
  };
}

async function againstForest(folder: string, settings: ForestSettings): Promise<Record<string, Metric>> {
  const data = makeTreeData(settings.train_rows, settings.columns, "real");
  await writeTreeData(data, folder, { ...settings });
  const fit = await runChild<{ seconds: number; r2: number }>("forest", [JSON.stringify(settings)], CHILD_MS);
  const peer = await runPeer("forest", folder);
  const again = await runChild<{ seconds: number; r2: number }>("forest", [JSON.stringify(settings)], CHILD_MS);
  const seconds = (fit.seconds + again.seconds) / 2;
  return { forest_s: seconds, sklearn_forest_s: peer.seconds, forest_time_ratio: peer.seconds / seconds, forest_r2: fit.r2, forest_r2_difference: fit.r2 - testR2(data, await predictions(folder)) };
}

/** Training on the synthetic platform, and its tree learners against Python's on the same bins, sizes and threads. */
export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const boosting: BoostingSettings = { train_rows: quick ? 20_000 : 100_000, columns: quick ? 12 : 30, trees: quick ? 60 : 200, depth: 6, learning_rate: 0.1, lambda: 1, leaf_hessian_min: 1, step_max: 0.7, threads: 2 };
  const forest: ForestSettings = { train_rows: quick ? 10_000 : 100_000, columns: quick ? 12 : 30, trees: quick ? 20 : 100, leaf_rows_min: 5, leaf_draws_min: 7, columns_per_split: quick ? 4 : 10, threads: 2 };
  const run = await runChild<ElasticityRun>("train-elasticity", [quick ? "quick" : "full"], CHILD_MS);
  const again = quick ? run : await runChild<ElasticityRun>("train-elasticity", ["full"], CHILD_MS);

  const learners = await runChild<PropensityRun>("train-propensity", [quick ? "quick" : "full"], CHILD_MS);
  const learnersAgain = quick ? learners : await runChild<PropensityRun>("train-propensity", ["full"], CHILD_MS);
  const repeated = run.hash === again.hash && learners.hash === learnersAgain.hash;

  const missing = await missingPeers();
  const folder = await mkdtemp(join(tmpdir(), "tidemark-bench-"));
  let peers: Record<string, Metric>;
  try {
    const names = ["boosting_s", "xgboost_s", "boosting_time_ratio", "boosting_deviance_ratio", "xgboost_import_difference", "forest_s", "sklearn_forest_s", "forest_time_ratio", "forest_r2", "forest_r2_difference"];
    if (missing !== undefined) peers = Object.fromEntries(names.map((name) => [name, { unavailable: missing }]));
    else peers = { ...(await againstBoosting(folder, boosting)), ...(await againstForest(folder, forest)) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return {
    metrics: {
      backend: run.backend,
      elasticity_total_s: run.total_s,
      elasticity_cpu_s: run.cpu_s,
      causal_s: run.causal_s,
      propensity_total_s: Math.min(learners.total_s, learnersAgain.total_s),
      propensity_cpu_s: learners.cpu_s,
      ...peers,
      model_load_ms: run.load_ms,
      rows: run.rows,
      propensity_rows: learners.rows,
    },
    check: `${run.hash} ${run.champion} ${learners.hash}`,
    notes: [
      `elasticity: ${run.rows} course-weeks of the synthetic platform, six learners on two threads; deviance of held-out weeks: ${run.candidates.map(({ name, deviance, seconds }) => `${name} ${figure(deviance)} in ${figure(seconds)} s`).join(", ")}`,
      `whole courses, out of fold, R², RMSE and MAPE of logs (what chance alone would leave in brackets): ${run.candidates.map(({ name, courses }) => (courses === null ? name : `${name} ${figure(courses.r2_log)} [${figure(courses.ceiling.r2_log)}], ${figure(courses.rmse_log)}, ${figure(courses.mape_log)} [${figure(courses.ceiling.mape_log)}]`)).join("; ")}`,
      `propensity: ${learners.rows} learners at cut-offs and ${learners.views} views of random prices${quick ? "" : " of 10,000 learners"}, four candidates a dimension on two threads, from the rows to the calibrated artifact; champions ${learners.champions.join(", ")}`,
      `boosting and XGBoost hist: Poisson counts, ${JSON.stringify(boosting)}; the fit alone, bins given`,
      `random forests: ${JSON.stringify(forest)}; 5 distinct rows a leaf in scikit-learn and 7 bootstrap draws here give trees of the same size`,
      ...(quick ? [] : [`the same seed and data gave ${repeated ? "the same result in another process" : "ANOTHER result in another process"}`]),
    ],
    ...(repeated ? {} : { failure: "two runs on the same data and seed differ" }),
  };
}
