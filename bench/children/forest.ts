/** The shipped random forest on the bench's data, its trees shared out among threads: seconds of the fit alone, and R² of the test rows. */
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { fitForest } from "../../src/models/forest.ts";
import { answer } from "../child.ts";
import { makeTreeData, type TreeData } from "../tree-data.ts";
import { type ForestSettings } from "../train.ts";

/** One thread's trees, in arrays that another thread gets at the speed of memory. */
interface Trees {
  readonly roots: Int32Array;
  readonly feature: Int32Array;
  readonly threshold: Float64Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly value: Float64Array;
}

function fitShare({ data, settings, share }: { data: TreeData; settings: ForestSettings; share: number }): Trees {
  const { trees, threads, leaf_draws_min, columns_per_split } = settings;
  const exposure = new Float64Array(data.rows).fill(1);
  const options = { trees, leaf_weight_min: leaf_draws_min, columns_per_split, prior_weight: 0, decreasing_columns: 0, seed: 1 };
  const { roots, feature, threshold, left, right, value } = fitForest({ ...data, exposure }, options, Math.round((share * trees) / threads), Math.round(((share + 1) * trees) / threads), data.binned).model;
  const integers = (values: readonly number[]): Int32Array => Int32Array.from(values);
  return { roots: integers(roots), feature: integers(feature), threshold: Float64Array.from(threshold), left: integers(left), right: integers(right), value: Float64Array.from(value) };
}

function sumOfTrees({ roots, feature, threshold, left, right, value }: Trees, row: Float64Array): number {
  let sum = 0;
  for (const root of roots) {
    let node = root;
    while (feature[node]! >= 0) node = row[feature[node]!]! <= threshold[node]! ? left[node]! : right[node]!;
    sum += value[node]!;
  }
  return sum;
}

if (isMainThread) {
  const settings = JSON.parse(process.argv[2] ?? "") as ForestSettings;
  const data = makeTreeData(settings.train_rows, settings.columns, "real");
  const started_ms = performance.now();
  const others = Array.from({ length: settings.threads - 1 }, async (_, i) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { data, settings, share: i + 1 } });
    return new Promise<Trees>((resolve, reject) => worker.once("message", resolve).once("error", reject));
  });
  const own = fitShare({ data, settings, share: 0 });
  const forest = [own, ...(await Promise.all(others))];
  const seconds = (performance.now() - started_ms) / 1000;
  const test = Array.from({ length: data.rows - data.train_rows }, (_, i) => data.train_rows + i);
  const mean = test.reduce((sum, row) => sum + data.y[row]! / test.length, 0);
  let residual = 0;
  let total = 0;
  for (const row of test) {
    const values = data.values.subarray(row * data.columns, (row + 1) * data.columns);
    const predicted = forest.reduce((sum, trees) => sum + sumOfTrees(trees, values), 0) / settings.trees;
    residual += (data.y[row]! - predicted) ** 2;
    total += (data.y[row]! - mean) ** 2;
  }
  answer({ seconds, r2: 1 - residual / total, nodes: forest.reduce((sum, { feature }) => sum + feature.length, 0) });
} else {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(fitShare(workerData as Parameters<typeof fitShare>[0]));
}
