/** Coefficients of a cubic B-spline on this many equal segments. */
export const SPLINE_SEGMENTS = 6;
export const SPLINE_COEFFICIENTS = SPLINE_SEGMENTS + 3;

/**
 * The four cubic B-splines that are not zero at x, on equal segments of [low, high] (Eilers, Marx 1996): writes their values, and returns the index of the
 * first one's coefficient. x beyond the interval is taken at its end.
 */
export function splineWeights(x: number, low: number, high: number, out: Float64Array): number {
  const position = ((x < low ? low : x > high ? high : x) - low) / (high - low) * SPLINE_SEGMENTS;
  const segment = Math.min(SPLINE_SEGMENTS - 1, Math.floor(position));
  const t = position - segment;
  const s = 1 - t;
  out[0] = (s * s * s) / 6;
  out[1] = (3 * t * t * t - 6 * t * t + 4) / 6;
  out[2] = (-3 * t * t * t + 3 * t * t + 3 * t + 1) / 6;
  out[3] = (t * t * t) / 6;
  return segment;
}

/** The spline's slope at one of its ends. */
export function splineEndSlope(coefficients: ArrayLike<number>, low: number, high: number, end: "low" | "high"): number {
  const last = coefficients.length - 1;
  const rise = end === "low" ? coefficients[2]! - coefficients[0]! : coefficients[last]! - coefficients[last - 2]!;
  return (rise / 2) * (SPLINE_SEGMENTS / (high - low));
}
