import { DAY_MS } from "../../lib/time.ts";
import { CUT_OFF_STEP_DAYS } from "./definitions.ts";

const STEP_MS = CUT_OFF_STEP_DAYS * DAY_MS;
/** More would say little that is new, and be old. */
const CUT_OFFS_MAX = 12;
/** With fewer to train on, blocks are of one cut-off. */
const TRAIN_CUT_OFFS = 4;

/**
 * Ascending, each with at least a step of history before it, the last a step before the end. A year of 364 days has ten: 310, 279 … 62 and 31 days before its end. The
 * windows of enrollment (31 days with their gap) are whole at all of them, those of churn, completion and upsell (61 days) at all but the last.
 */
export function propensityCutOffs(from_ms: number, to_ms: number): number[] {
  const at: number[] = [];
  for (let k = 1; k <= CUT_OFFS_MAX && to_ms - k * STEP_MS >= from_ms + STEP_MS; k++) at.push(to_ms - k * STEP_MS);
  return at.toReversed();
}

/** Cut-offs [from, to). */
export interface Block {
  readonly from: number;
  readonly to: number;
}

/** Forward in time; between blocks lie the cut-offs whose windows reach into the next one. */
export interface Blocks {
  readonly train: Block;
  readonly validation: Block;
  readonly test: Block;
}

/**
 * The blocks of a dimension: its whole windows end before the next block's first cut-off, and the last one by the end of the data. Undefined while the history is
 * too short. With ten cut-offs, enrollment trains on six, selects on two and is tested on two; dimensions of 61 days train on five, select on the seventh and are
 * tested on the ninth; churn has of the sixth what was seen before the seventh. Windows of 90 days would leave two to train on.
 */
export function blocksOf(at_ms: readonly number[], to_ms: number, window_ms: number): Blocks | undefined {
  const whole = at_ms.filter((at) => at + window_ms <= to_ms).length;
  // Cut-offs from one to the first whose window does not overlap with its own.
  const apart = Math.ceil(window_ms / STEP_MS);
  const blocks = (size: number): Blocks => {
    const test = { from: whole - size, to: whole };
    const validation_to = test.from - apart + 1;
    const validation = { from: validation_to - size, to: validation_to };
    return { train: { from: 0, to: validation.from - apart + 1 }, validation, test };
  };
  const [two, one] = [blocks(2), blocks(1)];
  if (two.train.to >= TRAIN_CUT_OFFS) return two;
  return one.train.to >= 1 ? one : undefined;
}
