import { elasticityFeatureNames } from "../../models/elasticity-features.ts";
import { conversionDrift, featureDrift } from "../checks/drift.ts";
import { shuffledLabels, singleFeature, timeOrder } from "../checks/leakage.ts";
import { rowChecks, valueChecks } from "../checks/quality.ts";
import { GAP_MS, PERIOD_MS, type TrainingDataset } from "../dataset.ts";
import type { FeatureTable } from "../feature-table.ts";
import { readJson, writeJson } from "../json-files.ts";
import { rowsToLearn } from "../learning-rows.ts";
import type { Stage } from "../pipeline/stage.ts";
import { rowsBefore } from "../split.ts";
import type { ElasticityOutputs, Understanding } from "./outputs.ts";
import { categories, conversionOf, correlation, histograms, prices, trend } from "./profile.ts";

const FILE = "understanding.json";

function tableOf({ data, train_end, validation_end }: TrainingDataset): FeatureTable {
  return { names: elasticityFeatureNames, matrix: data.features, train_rows: rowsBefore(data.period, train_end), test_from: rowsBefore(data.period, validation_end) };
}

/** What the rows look like, and whether they can be believed. */
export const understandingStage: Stage<Pick<ElasticityOutputs, "data">, Understanding> = {
  async run({ data: dataset }, { run, pool, check, progress, signal }) {
    const { rows, at_ms, train_end, validation_end } = dataset;
    const table = tableOf(dataset);
    const { drift, check: moved } = featureDrift(table);
    const learning = rowsToLearn(dataset.data, train_end, validation_end);
    progress("checks", 0, 2);
    // A thread fits the shuffled labels while this one looks at the rest.
    const shuffled = shuffledLabels(learning, elasticityFeatureNames, run.seed, pool, signal);
    shuffled.catch(() => undefined);
    const conversion = conversionDrift(conversionOf(rows.slice(0, table.train_rows)), conversionOf(rows.slice(table.test_from)));
    const leaks = [timeOrder(at_ms, GAP_MS + PERIOD_MS, [train_end, validation_end]), singleFeature(learning, elasticityFeatureNames)];
    for (const found of [...valueChecks(table), ...rowChecks(rows, at_ms.length), ...leaks, moved, conversion]) check(found);
    const understanding: Understanding = {
      histograms: histograms(table, rows),
      correlation: correlation(table, rows),
      trend: trend(dataset),
      drift,
      categories: categories(rows),
      prices: prices(table, rows),
    };
    progress("checks", 1, 2);
    check(await shuffled);
    progress("checks", 2, 2);
    return understanding;
  },
  save: (understanding, directory) => writeJson(directory, FILE, understanding),
  load: (directory) => readJson<Understanding>(directory, FILE),
  detail: ({ categories: found, prices: { within_course_sd, jitter } }) =>
    `${found.length} categories; prices vary by ${(100 * within_course_sd).toFixed(1)} % within courses, ${(100 * jitter.exposure_share).toFixed(0)} % of the exposures at a random price`,
};
