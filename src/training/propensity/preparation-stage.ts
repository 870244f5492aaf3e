import { createHash } from "node:crypto";
import { type BinaryDimension, binaryDimensions } from "../../contracts/propensity.ts";
import { must } from "../../lib/assert.ts";
import { binMatrix } from "../../models/binning.ts";
import { readJson, writeJson } from "../json-files.ts";
import type { Stage } from "../pipeline/stage.ts";
import type { Block } from "./cut-offs.ts";
import type { PropensityDataset } from "./dataset.ts";
import { inputsMatrix } from "./inputs-matrix.ts";
import type { EarlyOutputs, Preparation, PreparedWindows } from "./outputs.ts";
import { dimensionBlocks, positionsIn, splitWindows } from "./windows.ts";

const FILE = "preparation.json";

/** Each dimension's split forward in time, what models see of it, and the bins, once for all learners. */
export function prepare(dataset: PropensityDataset): Preparation {
  const inputs = inputsMatrix(dataset.features);
  const windows: Partial<Record<BinaryDimension, PreparedWindows>> = {};
  const missing: Partial<Record<BinaryDimension, string>> = {};
  for (const dimension of binaryDimensions) {
    const split = splitWindows(dataset, inputs, dimension);
    if (typeof split === "string") missing[dimension] = split;
    else windows[dimension] = { ...split, binned: binMatrix(split.learning.values, split.learning.rows, inputs.columns, split.train_rows) };
  }
  const blocks = must(dimensionBlocks(dataset, "price_sensitivity"), "a dataset has cut-offs for the shortest windows");
  const positions = (block: Block): Block => positionsIn(block, dataset.trials.row, dataset.period);
  return { windows, missing, trials: { train: positions(blocks.train), validation: positions(blocks.validation), test: positions(blocks.test) } };
}

interface Kept {
  readonly rows: Readonly<Record<string, { readonly train: number; readonly validation: number; readonly test: number }>>;
  readonly missing: Preparation["missing"];
  readonly trials: Preparation["trials"];
  /** Of what the learners see. */
  readonly digest: string;
}

function kept({ windows, missing, trials }: Preparation): Kept {
  const hash = createHash("sha256");
  const rows = Object.entries(windows).map(([dimension, { learning, train_rows, test }]) => {
    for (const { values, y, steps } of [learning, test]) for (const part of [values, y, steps]) hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
    return [dimension, { train: train_rows, validation: learning.rows - train_rows, test: test.rows }] as const;
  });
  return { rows: Object.fromEntries(rows), missing, trials, digest: hash.digest("hex") };
}

/** Follows from the rows in less time than it would take to read it: what is kept is its digest. */
export const preparationStage: Stage<Pick<EarlyOutputs, "data">, Preparation> = {
  run: ({ data }) => Promise.resolve(prepare(data)),
  save: (preparation, directory) => writeJson(directory, FILE, kept(preparation)),
  load(directory, { data }) {
    const preparation = prepare(data);
    if (kept(preparation).digest !== readJson<Kept>(directory, FILE).digest) throw new Error("the rows give other matrices than they did");
    return preparation;
  },
  detail(preparation) {
    const { rows, missing, trials } = kept(preparation);
    const found = Object.entries(rows).map(([dimension, { train, validation, test }]) => `${dimension} ${train} + ${validation} + ${test}`);
    const left_out = Object.entries(missing).map(([dimension, why]) => `; no ${dimension}: ${why}`);
    return `rows that train, select and judge: ${found.join(", ")}; ${trials.train.to - trials.train.from} views of random prices train${left_out.join("")}`;
  },
};
