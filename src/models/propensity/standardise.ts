/** Columns as linear learners and networks see them. */
export interface Standardised {
  /** Row-major, rows × columns: (x − mean)/scale. */
  readonly x: Float64Array;
  readonly mean: Float64Array;
  readonly scale: Float64Array;
}

/** Means and standard deviations are those of the first `fit_rows` rows. A constant column has scale 1, which keeps it at 0. */
export function standardise(values: Float64Array, columns: number, rows: number, fit_rows: number): Standardised {
  const mean = new Float64Array(columns);
  const scale = new Float64Array(columns);
  for (let row = 0; row < fit_rows; row++) for (let i = 0; i < columns; i++) mean[i]! += values[row * columns + i]! / fit_rows;
  for (let row = 0; row < fit_rows; row++) for (let i = 0; i < columns; i++) scale[i]! += (values[row * columns + i]! - mean[i]!) ** 2 / fit_rows;
  for (let i = 0; i < columns; i++) scale[i] = scale[i]! > 1e-18 ? Math.sqrt(scale[i]!) : 1;
  const x = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) for (let i = 0; i < columns; i++) x[row * columns + i] = (values[row * columns + i]! - mean[i]!) / scale[i]!;
  return { x, mean, scale };
}
