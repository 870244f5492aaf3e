import { assert } from "../lib/assert.ts";

/** Spearman's rank correlation, ties by their mean rank; NaN where one of both is constant. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert(a.length === b.length, "ranks are of pairs");
  const [x, y] = [ranks(a), ranks(b)];
  const middle = (a.length + 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    xy += (x[i]! - middle) * (y[i]! - middle);
    xx += (x[i]! - middle) ** 2;
    yy += (y[i]! - middle) ** 2;
  }
  return xy / Math.sqrt(xx * yy);
}

/** From 1 on. */
function ranks(values: ArrayLike<number>): Float64Array {
  const order = Int32Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const found = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    const value = values[order[from]!];
    while (to < order.length && value === values[order[to]!]) to++;
    const rank = (from + 1 + to) / 2;
    for (; from < to; from++) found[order[from]!] = rank;
  }
  return found;
}
