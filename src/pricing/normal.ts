const SQRT2 = Math.SQRT2;
const SQRT_2_PI = Math.sqrt(2 / Math.PI);

/**
 * e^(x²)·erfc(x) for x ≥ 0 with a relative error below 1.2e-7 (Chebyshev fit, Numerical Recipes, section 6.2). Scaled,
 * so that ratios of tail probabilities never underflow.
 */
function scaledErfc(x: number): number {
  const t = 2 / (2 + x);
  const series =
    -1.26551223 +
    t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  return t * Math.exp(series);
}

/** Standard normal distribution function. */
export function normalCdf(x: number): number {
  const magnitude = Math.abs(x) / SQRT2;
  const tail = 0.5 * scaledErfc(magnitude) * Math.exp(-magnitude * magnitude);
  return x > 0 ? 1 - tail : tail;
}

/** φ(α) / (1 − Φ(α)), the standard normal hazard. */
function hazard(alpha: number): number {
  if (alpha > 0) return SQRT_2_PI / scaledErfc(alpha / SQRT2);
  return (0.5 * SQRT_2_PI * Math.exp(-0.5 * alpha * alpha)) / (1 - normalCdf(alpha));
}

/** Mean and standard deviation of N(mean, sd²) given that it is at least `low`. */
export function truncatedMoments(mean: number, sd: number, low: number): { mean: number; sd: number } {
  const alpha = (low - mean) / sd;
  if (alpha < -8) return { mean, sd };
  // Far in the tail the closed form cancels; the asymptotic series of the hazard does not.
  if (alpha > 10) {
    const inverse = 1 / (alpha * alpha);
    const excess = (1 - inverse * (2 - 10 * inverse)) / alpha;
    return { mean: low + sd * excess, sd: (sd / alpha) * Math.sqrt(1 - inverse * (6 - 50 * inverse)) };
  }
  const lambda = hazard(alpha);
  return { mean: Math.max(low, mean + sd * lambda), sd: sd * Math.sqrt(Math.max(0, 1 + alpha * lambda - lambda * lambda)) };
}

const A = [-3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2, -3.066479806614716e1, 2.506628277459239] as const;
const B = [-5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1] as const;
const C = [-7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783] as const;
const D = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416] as const;
const TAIL = 0.02425;

/** Inverse of the standard normal distribution function for 0 < p < 1, relative error below 1.2e-9 (Acklam 2003). */
export function normalQuantile(p: number): number {
  if (p < TAIL || p > 1 - TAIL) {
    const q = Math.sqrt(-2 * Math.log(Math.min(p, 1 - p)));
    const value = (((((C[0] * q + C[1]) * q + C[2]) * q + C[3]) * q + C[4]) * q + C[5]) / ((((D[0] * q + D[1]) * q + D[2]) * q + D[3]) * q + 1);
    return p < TAIL ? value : -value;
  }
  const q = p - 0.5;
  const r = q * q;
  return ((((((A[0] * r + A[1]) * r + A[2]) * r + A[3]) * r + A[4]) * r + A[5]) * q) / (((((B[0] * r + B[1]) * r + B[2]) * r + B[3]) * r + B[4]) * r + 1);
}
