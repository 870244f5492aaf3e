import type { SharedMatrix } from "../contracts/worker-protocol.ts";

/** Named features of rows that are ascending in time: [0, train) train, [test, rows) are held out at the end. */
export interface FeatureTable {
  readonly names: readonly string[];
  readonly matrix: SharedMatrix;
  readonly train_rows: number;
  readonly test_from: number;
}

/** Values of one feature in rows [from, to). */
export function featureColumn({ matrix: { values, columns } }: FeatureTable, column: number, from: number, to: number): Float64Array {
  const own = new Float64Array(to - from);
  for (let row = from; row < to; row++) own[row - from] = values[row * columns + column]!;
  return own;
}
