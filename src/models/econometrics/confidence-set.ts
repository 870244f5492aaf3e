/** An end that is null is infinite. */
export interface Stretch {
  readonly low: number | null;
  readonly high: number | null;
}

/** The values that a test does not reject, which need not be an interval: they may be all, none, all but a stretch, or several stretches. */
export interface ConfidenceSet {
  readonly shape: "interval" | "ray" | "disjoint" | "line" | "empty";
  /** Ascending, apart from each other. */
  readonly parts: readonly Stretch[];
}

export function confidenceSet(parts: readonly Stretch[]): ConfidenceSet {
  const [first] = parts;
  if (first === undefined) return { shape: "empty", parts };
  if (parts.length > 1) return { shape: "disjoint", parts };
  if (first.low === null && first.high === null) return { shape: "line", parts };
  return { shape: first.low === null || first.high === null ? "ray" : "interval", parts };
}

export function contains({ parts }: ConfidenceSet, value: number): boolean {
  return parts.some(({ low, high }) => (low === null || value >= low) && (high === null || value <= high));
}

/** {x: a·x² + b·x + c ≤ 0}. */
export function quadraticSet(a: number, b: number, c: number): ConfidenceSet {
  if (a === 0) {
    if (b === 0) return confidenceSet(c <= 0 ? [{ low: null, high: null }] : []);
    return confidenceSet([b > 0 ? { low: null, high: -c / b } : { low: -c / b, high: null }]);
  }
  const discriminant = b * b - 4 * a * c;
  if (discriminant < 0) return confidenceSet(a > 0 ? [] : [{ low: null, high: null }]);
  // The root that does not cancel, and the other from their product.
  const q = -0.5 * (b + (b >= 0 ? 1 : -1) * Math.sqrt(discriminant));
  const roots = q === 0 ? [0, 0] : [q / a, c / q];
  const low = Math.min(...roots);
  const high = Math.max(...roots);
  return confidenceSet(a > 0 ? [{ low, high }] : [{ low: null, high: low }, { low: high, high: null }]);
}

/** The set times a factor. */
export function scaleSet({ parts }: ConfidenceSet, factor: number): ConfidenceSet {
  const times = (end: number | null): number | null => (end === null ? null : end * factor);
  if (factor >= 0) return confidenceSet(parts.map(({ low, high }) => ({ low: times(low), high: times(high) })));
  return confidenceSet(parts.map(({ low, high }) => ({ low: times(high), high: times(low) })).toReversed());
}
