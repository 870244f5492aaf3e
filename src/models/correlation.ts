/** Below this share of a column's mean square its variance is rounding. */
const CONSTANT = 1e-12;

/** Pearson's correlations between columns of equal length; null where a column is constant. Two passes. */
export function correlations(columns: readonly Float64Array[]): (number | null)[][] {
  const standardised = columns.map(standardise);
  return standardised.map((a, i) =>
    standardised.map((b, j) => {
      if (a === undefined || b === undefined) return null;
      if (i === j) return 1;
      let sum = 0;
      for (let row = 0; row < a.length; row++) sum += a[row]! * b[row]!;
      return Math.max(-1, Math.min(1, sum));
    }),
  );
}

/** The column less its mean, of length 1; undefined when it is constant. */
export function standardise(column: Float64Array): Float64Array | undefined {
  let mean = 0;
  for (let row = 0; row < column.length; row++) mean += column[row]! / column.length;
  let squares = 0;
  for (let row = 0; row < column.length; row++) squares += (column[row]! - mean) ** 2;
  if (!(squares > CONSTANT * column.length * Math.max(1e-12, mean * mean))) return undefined;
  const scale = 1 / Math.sqrt(squares);
  return column.map((value) => (value - mean) * scale);
}
