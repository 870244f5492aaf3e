import type { BinaryDimension } from "../../contracts/propensity.ts";
import type { SharedMatrix } from "../../contracts/worker-protocol.ts";
import { DAY_MS } from "../../lib/time.ts";
import { shareableBytes, shareableDoubles, shareableInts } from "../shared-memory.ts";
import { type Block, type Blocks, blocksOf } from "./cut-offs.ts";
import type { PropensityDataset } from "./dataset.ts";
import { CHURN_STEP_DAYS, CHURN_STEPS, GAP_DAYS, propensityDefinitions, windowMs } from "./definitions.ts";
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

/** A dimension's windows one by one: its rows, and what of each was watched. */
interface Watched {
  readonly row: Int32Array;
  readonly y: Uint8Array;
  readonly steps: Uint8Array;
}

/** Windows at the positions of a block. */
function watched({ row, y, steps }: BinaryLabels, { from, to }: Block): Watched {
  return { row: row.slice(from, to), y: y.slice(from, to), steps: steps?.slice(from, to) ?? new Uint8Array(to - from).fill(1) };
}

/** The whole steps of windows that were over by a moment: what came later was not known then. Windows without one say nothing. */
function watchedUntil({ row, y, steps }: Watched, until_ms: number, { at_ms, period }: Pick<PropensityDataset, "at_ms" | "period">): Watched {
  const over = Array.from(row, (own) => Math.min(CHURN_STEPS, Math.floor((until_ms - at_ms[period[own]!]! - GAP_DAYS * DAY_MS) / (CHURN_STEP_DAYS * DAY_MS))));
  const kept = Int32Array.from(row.keys()).filter((i) => over[i]! >= 1);
  return {
    row: kept.map((i) => row[i]!),
    y: Uint8Array.from(kept, (i) => (steps[i]! <= over[i]! ? y[i]! : 0)),
    steps: Uint8Array.from(kept, (i) => Math.min(steps[i]!, over[i]!)),
  };
}

/** Side by side, with what models see of each. */
function gather({ columns, values }: SharedMatrix, blocks: readonly Watched[]): WindowRows {
  const rows = blocks.reduce((sum, { row }) => sum + row.length, 0);
  const gathered = { rows, values: shareableDoubles(rows * columns), y: shareableBytes(rows), steps: shareableBytes(rows), row: shareableInts(rows) };
  let at = 0;
  for (const { row, y, steps } of blocks) {
    gathered.y.set(y, at);
    gathered.steps.set(steps, at);
    gathered.row.set(row, at);
    for (const own of row) gathered.values.set(values.subarray(own * columns, (own + 1) * columns), at++ * columns);
  }
  return gathered;
}

const oneSided = ({ y }: WindowRows, from: number, to: number): boolean => y.subarray(from, to).every((own) => own === y[from]);

/** A dimension's windows by block, or why there are none. */
export function splitWindows(dataset: PropensityDataset, inputs: SharedMatrix, dimension: BinaryDimension): SplitWindows | string {
  const blocks = dimensionBlocks(dataset, dimension);
  if (blocks === undefined) return `the history is too short for windows of ${propensityDefinitions[dimension].horizon_days} days to train, select and judge on`;
  const labels = dataset.labels[dimension];
  const at = (block: Block): Watched => watched(labels, positionsIn(block, labels.row, dataset.period));
  const whole = at(blocks.train);
  // Of windows in steps, those that reach into the next block say what was seen of them before it.
  const cut = labels.steps === undefined ? [] : [watchedUntil(at({ from: blocks.train.to, to: blocks.validation.from }), dataset.at_ms[blocks.validation.from]!, dataset)];
  const learning = gather(inputs, [whole, ...cut, at(blocks.validation)]);
  const test = gather(inputs, [at(blocks.test)]);
  const whole_rows = whole.row.length;
  const train_rows = cut.reduce((sum, { row }) => sum + row.length, whole_rows);
  if (oneSided(learning, 0, whole_rows) || oneSided(learning, train_rows, learning.rows) || oneSided(test, 0, test.rows)) return "it happened to all or to none of the learners of a block";
  return { steps_max: dimension === "churn" ? CHURN_STEPS : 1, learning, whole_rows, train_rows, test };
}
