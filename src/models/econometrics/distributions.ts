/**
 * Tail probabilities and quantiles of the normal, t, χ² and F distributions, from the regularised incomplete beta and gamma functions (DLMF 8.9, 8.17:
 * continued fractions by Lentz's method). Relative errors are below 1e-10 up to 10⁵ degrees of freedom; `df` may be infinite.
 */
const EPSILON = 1e-16;
const TINY = 1e-300;
const STEPS_MAX = 100_000;

const lanczos = [0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];

/** ln Γ(x) for x > 0 (Lanczos with g = 7). */
function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const t = x + 6.5;
  let sum = lanczos[0]!;
  for (let i = 1; i < lanczos.length; i++) sum += lanczos[i]! / (x - 1 + i);
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

/** 1/(b₁ + a₂/(b₂ + …)) by the modified Lentz method; `term(i)` gives [aᵢ, bᵢ] for i ≥ 1. */
function continuedFraction(term: (i: number) => readonly [number, number]): number {
  let value = TINY;
  let c = TINY;
  let d = 0;
  for (let i = 1; i < STEPS_MAX; i++) {
    const [a, b] = term(i);
    d = b + a * d;
    c = b + a / c;
    d = 1 / (d === 0 ? TINY : d);
    if (c === 0) c = TINY;
    const change = c * d;
    value *= change;
    if (Math.abs(change - 1) < EPSILON * 4) break;
  }
  return value;
}

/** I_x(a, b); `y` is 1 − x, given apart because it may be far smaller than x's rounding. */
function incompleteBeta(a: number, b: number, x: number, y: number): number {
  if (!(x > 0)) return 0;
  if (!(y > 0)) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(b, a, y, x);
  const front = Math.exp(a * Math.log(x) + b * Math.log(y) + logGamma(a + b) - logGamma(a) - logGamma(b)) / a;
  // DLMF 8.17.22
  const fraction = continuedFraction((i) => {
    if (i === 1) return [1, 1];
    const n = i - 1;
    const m = n >> 1;
    return [n % 2 === 0 ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)) : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)), 1];
  });
  return front * fraction;
}

/** Q(a, x), the upper regularised incomplete gamma function. */
function upperGamma(a: number, x: number): number {
  if (!(x > 0)) return 1;
  const front = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < STEPS_MAX && term > sum * EPSILON; n++) sum += term *= x / (a + n);
    return 1 - front * sum;
  }
  return front * continuedFraction((i) => (i === 1 ? [1, x + 1 - a] : [-(i - 1) * (i - 1 - a), x + 2 * i - 1 - a]));
}

/** P(χ²_df > x). */
export function chiSquareTail(x: number, df: number): number {
  return upperGamma(df / 2, x / 2);
}

/** P(|T_df| > |t|); the normal distribution's for infinite df. */
export function tTwoSided(t: number, df: number): number {
  if (Number.isNaN(t)) return Number.NaN;
  if (!Number.isFinite(t)) return 0;
  if (!Number.isFinite(df)) return upperGamma(0.5, (t * t) / 2);
  return incompleteBeta(df / 2, 0.5, df / (df + t * t), (t * t) / (df + t * t));
}

/** P(F_{df1, df2} > f); χ²_df1/df1 for infinite df2. */
export function fTail(f: number, df1: number, df2: number): number {
  if (Number.isNaN(f)) return Number.NaN;
  if (f === Number.POSITIVE_INFINITY) return 0;
  if (!Number.isFinite(df2)) return chiSquareTail(f * df1, df1);
  const scaled = df1 * f;
  return incompleteBeta(df2 / 2, df1 / 2, df2 / (df2 + scaled), scaled / (df2 + scaled));
}

/** x ≥ 0 at which a falling tail probability equals p: bracketed by doubling, then halved to the last bit. */
function solveTail(tail: (x: number) => number, p: number): number {
  let low = 0;
  let high = 1;
  while (tail(high) > p && high < Number.MAX_VALUE / 4) {
    low = high;
    high *= 2;
  }
  for (;;) {
    const middle = low + (high - low) / 2;
    if (!(middle > low && middle < high)) return middle;
    if (tail(middle) > p) low = middle;
    else high = middle;
  }
}

/** t with P(|T_df| > t) = p: 1.96 for p = 0.05 and infinite df. */
export function tQuantileTwoSided(p: number, df: number): number {
  return solveTail((t) => tTwoSided(t, df), p);
}

/** f with P(F_{df1, df2} > f) = p. */
export function fQuantileUpper(p: number, df1: number, df2: number): number {
  return solveTail((f) => fTail(f, df1, df2), p);
}
