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
