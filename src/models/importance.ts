import { Prng } from "../lib/prng.ts";
import type { CountRows } from "./boosting.ts";
import { poissonDeviance } from "./metrics.ts";
import type { Predictor } from "./predictor.ts";

/** Rows that are shuffled at most. */
const ROWS_MAX = 2_000;

/**
 * What shuffling a column among held-out rows adds to their deviance (Breiman 2001; Fisher, Rudin, Dominici 2019), per column, at least 0: comparable
 * between learners of every kind. Over the validation rows, or the last training rows where there are none.
 */
export function permutationImportance(predictor: Predictor, data: CountRows, seed: number): Float64Array {
  const { values, columns, y, exposure } = data;
  const from = Math.max(data.rows - data.train_rows > 0 ? data.train_rows : 0, data.rows - ROWS_MAX);
  const count = data.rows - from;
  const row = new Float64Array(columns);
  const deviance = (column: number, shuffled: Int32Array): number => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const first = (from + i) * columns;
      for (let c = 0; c < columns; c++) row[c] = values[first + c]!;
      if (column >= 0) row[column] = values[(from + shuffled[i]!) * columns + column]!;
      sum += poissonDeviance(y[from + i]!, exposure[from + i]! * Math.exp(predictor.logRate(row, 0)));
    }
    return sum;
  };
  const random = new Prng(`importance ${seed}`);
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  const intact = deviance(-1, order);
  return Float64Array.from({ length: columns }, (_, column) => Math.max(0, deviance(column, order) - intact));
}
