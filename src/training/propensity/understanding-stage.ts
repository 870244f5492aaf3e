import { type BinaryDimension, binaryDimensions } from "../../contracts/propensity.ts";
import type { Check } from "../../contracts/training-run.ts";
import { must } from "../../lib/assert.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { propensityInputNames } from "../../models/propensity/inputs.ts";
import { featureDrift } from "../checks/drift.ts";
import { timeOrder } from "../checks/leakage.ts";
import { valueChecks } from "../checks/quality.ts";
import type { FeatureTable } from "../feature-table.ts";
import { readJson, writeJson } from "../json-files.ts";
import type { Stage } from "../pipeline/stage.ts";
import { rowsBefore } from "../split.ts";
import type { Blocks } from "./cut-offs.ts";
import type { PropensityDataset } from "./dataset.ts";
import { propensityDefinitions, windowMs } from "./definitions.ts";
import { inputsMatrix } from "./inputs-matrix.ts";
import { judgeShuffled, type ShuffledAuc, shuffledAuc, singleInput, type Windows } from "./leakage.ts";
import type { EarlyOutputs, Understanding } from "./outputs.ts";
import { baseRateDrift, baseRates, correlation, histograms, trend } from "./profile.ts";
import { dimensionBlocks, splitWindows } from "./windows.ts";

const FILE = "understanding.json";

/** The worst dimension: labels of one block must not reach into the next one's features. */
function blocksInOrder({ at_ms, range }: Pick<PropensityDataset, "at_ms" | "range">, windows: Windows): Omit<Check, "stage"> {
  const found = windows.map(([dimension]) => {
    const { train, validation, test } = must(dimensionBlocks({ at_ms, range }, dimension), "a dimension with windows has blocks");
    // The cut-offs in use, so that each block begins where the one before ends.
    const used = [train, validation, test].flatMap(({ from, to }) => at_ms.slice(from, to));
    const size = (block: Blocks["train"]): number => block.to - block.from;
    return timeOrder(used, windowMs(propensityDefinitions[dimension]), [size(train), size(train) + size(validation)]);
  });
  return found.reduce((a, b) => ((b.value ?? 0) > (a.value ?? 0) ? b : a));
}

/** What the rows look like, and whether they can be believed. */
export const understandingStage: Stage<Pick<EarlyOutputs, "data">, Understanding> = {
  async run({ data: dataset }, { run, check, progress, signal }) {
    const inputs = inputsMatrix(dataset.features);
    const windows: Windows = binaryDimensions.flatMap((dimension) => {
      const split = splitWindows(dataset, inputs, dimension);
      return typeof split === "string" ? [] : [[dimension, split] as const];
    });
    if (windows.length === 0) throw new TidemarkError("too_little_data", "of no dimension does it happen to some learners and not to others in every block");
    const blocks = must(dimensionBlocks(dataset, "enrollment"), "a dataset has cut-offs for the shortest windows");
    const table: FeatureTable = { names: propensityInputNames, matrix: inputs, train_rows: rowsBefore(dataset.period, blocks.train.to), test_from: rowsBefore(dataset.period, blocks.test.from) };
    const { drift, check: moved } = featureDrift(table);
    for (const found of [...valueChecks(table), blocksInOrder(dataset, windows), singleInput(windows, propensityInputNames), moved, baseRateDrift(windows)]) check(found);

    const shuffled: (readonly [BinaryDimension, ShuffledAuc])[] = [];
    for (const [dimension, split] of windows) {
      progress("shuffled labels", shuffled.length, windows.length);
      // A second or so each: what waits for this thread comes between.
      await new Promise(setImmediate);
      signal.throwIfAborted();
      shuffled.push([dimension, shuffledAuc(split, inputs.columns, `${run.seed} ${dimension}`)]);
    }
    check(judgeShuffled(shuffled));
    progress("shuffled labels", windows.length, windows.length);
    return { histograms: histograms(table, windows), correlation: correlation(table, dataset.labels.enrollment.y), trend: trend(dataset, blocks), drift, base_rates: baseRates(windows) };
  },
  save: (understanding, directory) => writeJson(directory, FILE, understanding),
  load: (directory) => readJson<Understanding>(directory, FILE),
  detail: ({ base_rates }) => `base rates: ${Object.entries(base_rates).map(([dimension, rate]) => `${dimension} ${(100 * rate).toFixed(1)} %`).join(", ")}`,
};
