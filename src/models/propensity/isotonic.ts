import { assert } from "../../lib/assert.ts";
import { eachTenth } from "./binary-metrics.ts";

/** Groups of margins that the labels are averaged in first: steps of single rows would be noise. */
const GROUPS = 60;

export interface Isotonic {
  readonly x: number[];
  readonly y: number[];
}

interface Block {
  readonly rows: number;
  readonly x: number;
  readonly y: number;
}

function pool(a: Block, b: Block): Block {
  const rows = a.rows + b.rows;
  return { rows, x: (a.rows * a.x + b.rows * b.x) / rows, y: (a.rows * a.y + b.rows * b.y) / rows };
}

/**
 * The rising function of the margin that is closest to the labels (pool adjacent violators; Ayer et al. 1955; as calibration: Zadrozny, Elkan 2002),
 * as points between which it is linear. Kept off 0 and 1 by half a row.
 */
export function fitIsotonic(margins: Float64Array, y: ArrayLike<number>): Isotonic {
  assert(margins.length > 0, "isotonic regression needs rows");
  const blocks: Block[] = [];
  eachTenth(
    margins,
    (positions) => {
      let x = 0;
      let mean = 0;
      for (const i of positions) {
        x += margins[i]! / positions.length;
        mean += y[i]! / positions.length;
      }
      let own: Block = { rows: positions.length, x, y: mean };
      for (let last = blocks.at(-1); last !== undefined && (last.y >= own.y || last.x >= own.x); last = blocks.at(-1)) own = pool(blocks.pop()!, own);
      blocks.push(own);
    },
    Math.min(GROUPS, margins.length),
  );
  const least = 1 / (2 * margins.length);
  return { x: blocks.map((block) => block.x), y: blocks.map((block) => Math.min(1 - least, Math.max(least, block.y))) };
}

/** The function at a margin: level beyond its ends. No allocation. */
export function isotonicAt(x: Float64Array, y: Float64Array, margin: number): number {
  const last = x.length - 1;
  if (!(margin > x[0]!)) return y[0]!;
  if (margin >= x[last]!) return y[last]!;
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (x[middle]! <= margin) low = middle;
    else high = middle;
  }
  return y[low]! + ((y[high]! - y[low]!) * (margin - x[low]!)) / (x[high]! - x[low]!);
}
