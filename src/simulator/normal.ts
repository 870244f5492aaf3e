const SQRT_TAU = 2.5066282746310002;

/** Standard normal distribution function by Marsaglia's series (2004): absolute error below 1e-15. */
export function normalCdf(x: number): number {
  if (x < -8) return 0;
  if (x > 8) return 1;
  const square = x * x;
  let sum = x;
  let term = x;
  for (let k = 3; sum + term !== sum; k += 2) {
    term *= square / k;
    sum += term;
  }
  return 0.5 + (sum * Math.exp(-square / 2)) / SQRT_TAU;
}

/** Probability that a standard normal falls in (low, high), taken from the nearer tail. */
export function normalBetween(low: number, high: number): number {
  return low > 0 ? normalCdf(-low) - normalCdf(-high) : normalCdf(high) - normalCdf(low);
}
