import { Prng } from "../../lib/prng.ts";
import { type HazardRows, windowLoss } from "./hazard.ts";
import type { Margin } from "./margin.ts";

/** Rows that are shuffled at most. */
const ROWS_MAX = 1_000;

/**
 * What shuffling an input among the validation rows adds to their loss (Breiman 2001; Fisher, Rudin, Dominici 2019), as shares that sum to 1; all 0
 * where nothing costs anything. Comparable between models of every kind.
 */
export function importanceOf(margin: Margin, data: HazardRows, offsets: Float64Array, seed: number): number[] {
  const { values, columns, y, steps, train_rows, rows } = data;
  const count = Math.min(ROWS_MAX, rows - train_rows);
  const order = Int32Array.from({ length: count }, (_, i) => i);
  const random = new Prng(`importance ${seed}`);
  for (let i = count - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  const own = new Float64Array(columns);
  const loss = (column: number): number => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const first = (train_rows + i) * columns;
      for (let c = 0; c < columns; c++) own[c] = values[first + c]!;
      if (column >= 0) own[column] = values[(train_rows + order[i]!) * columns + column]!;
      sum += windowLoss(margin.margin(own, 0), offsets, steps[train_rows + i]!, y[train_rows + i]!);
    }
    return sum;
  };
  const intact = loss(-1);
  const costs = Array.from({ length: columns }, (_, column) => Math.max(0, loss(column) - intact));
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  return costs.map((cost) => (total > 0 ? cost / total : 0));
}
