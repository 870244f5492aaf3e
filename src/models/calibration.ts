/** Rows of similar predicted rate: what was predicted and what happened, per unit of exposure, with a 95 % interval of the latter. */
export interface CalibrationBin {
  readonly rows: number;
  readonly predicted: number;
  readonly observed: number;
  readonly ci95: [low: number, high: number];
}

const Z95 = 1.959964;

/**
 * Tenths of the exposure by predicted rate. The interval takes counts as over-dispersed Poisson, variance φ·y (at least one count, so that a bin without any has
 * one too).
 */
export function calibrationBins(y: ArrayLike<number>, exposure: ArrayLike<number>, mean: ArrayLike<number>, dispersion: number, bins = 10): CalibrationBin[] {
  const order = Array.from({ length: y.length }, (_, i) => i).sort((a, b) => mean[a]! / exposure[a]! - mean[b]! / exposure[b]! || a - b);
  let total = 0;
  for (let i = 0; i < y.length; i++) total += exposure[i]!;
  const found: CalibrationBin[] = [];
  let own = { rows: 0, exposure: 0, counted: 0, expected: 0 };
  let passed = 0;
  const close = (): void => {
    if (own.rows === 0) return;
    const { rows, exposure: at, counted, expected } = own;
    const half = Z95 * Math.sqrt(dispersion * Math.max(counted, 1));
    found.push({ rows, predicted: expected / at, observed: counted / at, ci95: [Math.max(0, counted - half) / at, (counted + half) / at] });
    own = { rows: 0, exposure: 0, counted: 0, expected: 0 };
  };
  for (const i of order) {
    if (passed >= ((found.length + 1) * total) / bins) close();
    own.rows++;
    own.exposure += exposure[i]!;
    own.counted += y[i]!;
    own.expected += mean[i]!;
    passed += exposure[i]!;
  }
  close();
  return found;
}
