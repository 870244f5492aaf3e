import type { BinaryDimension } from "../../contracts/propensity.ts";
import type { SharedMatrix } from "../../contracts/worker-protocol.ts";
import { shareableBytes, shareableDoubles, shareableInts } from "../shared-memory.ts";
import { type Block, type Blocks, blocksOf } from "./cut-offs.ts";
import type { PropensityDataset } from "./dataset.ts";
import { CHURN_STEPS, propensityDefinitions, windowMs } from "./definitions.ts";
import type { BinaryLabels } from "./labels.ts";
import type { SplitWindows, WindowRows } from "./outputs.ts";

/** A dimension's blocks of cut-offs; undefined where the history is too short for its windows. */
export function dimensionBlocks({ at_ms, range }: Pick<PropensityDataset, "at_ms" | "range">, dimension: keyof typeof propensityDefinitions): Blocks | undefined {
  return blocksOf(at_ms, range.to_ms, windowMs(propensityDefinitions[dimension]));
}

/** Positions of a list of rows, ascending by period, whose period is in a block. */
export function positionsIn({ from, to }: Block, row: Int32Array, period: Int32Array): Block {
  const before = (end: number): number => {
    let low = 0;
    let high = row.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (period[row[middle]!]! < end) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return { from: before(from), to: before(to) };
}

/** The windows at some positions of a dimension's labels, side by side. */
function gather({ columns, values }: SharedMatrix, { row, y, steps }: BinaryLabels, blocks: readonly Block[]): WindowRows {
  const rows = blocks.reduce((sum, { from, to }) => sum + to - from, 0);
  const gathered: WindowRows = { rows, values: shareableDoubles(rows * columns), y: shareableBytes(rows), steps: shareableBytes(rows), row: shareableInts(rows) };
  let at = 0;
  for (const { from, to } of blocks) {
    for (let i = from; i < to; i++, at++) {
      gathered.values.set(values.subarray(row[i]! * columns, (row[i]! + 1) * columns), at * columns);
      gathered.y[at] = y[i]!;
      gathered.steps[at] = steps?.[i] ?? 1;
      gathered.row[at] = row[i]!;
    }
  }
  return gathered;
}

const oneSided = ({ y }: WindowRows, from: number, to: number): boolean => y.subarray(from, to).every((own) => own === y[from]);

/** A dimension's windows by block, or why there are none. */
export function splitWindows(dataset: PropensityDataset, inputs: SharedMatrix, dimension: BinaryDimension): SplitWindows | string {
  const blocks = dimensionBlocks(dataset, dimension);
  if (blocks === undefined) return `the history is too short for windows of ${propensityDefinitions[dimension].horizon_days} days to train, select and judge on`;
  const labels = dataset.labels[dimension];
  const positions = (block: Block): Block => positionsIn(block, labels.row, dataset.period);
  const train = positions(blocks.train);
  const learning = gather(inputs, labels, [train, positions(blocks.validation)]);
  const test = gather(inputs, labels, [positions(blocks.test)]);
  const train_rows = train.to - train.from;
  if (oneSided(learning, 0, train_rows) || oneSided(learning, train_rows, learning.rows) || oneSided(test, 0, test.rows)) return "it happened to all or to none of the learners of a block";
  return { steps_max: dimension === "churn" ? CHURN_STEPS : 1, learning, train_rows, test };
}
