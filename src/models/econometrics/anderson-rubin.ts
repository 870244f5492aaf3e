import { type ConfidenceSet, confidenceSet, quadraticSet, type Stretch } from "./confidence-set.ts";
import { fQuantileUpper, fTail } from "./distributions.ts";
import { inverseProduct } from "./inverse-product.ts";

/**
 * The reduced form in an orthonormal basis of the L instruments: coefficients of outcome and treatment, and the covariances of both. For a supposed effect θ the
 * coefficients of Y − θD are π_y − θπ_d, with covariance V_yy − 2θV_yd + θ²V_dd (V_yd made symmetric).
 */
export interface ReducedForm {
  readonly outcome: Float64Array;
  readonly treatment: Float64Array;
  readonly outcome_covariance: Float64Array;
  readonly cross_covariance: Float64Array;
  readonly treatment_covariance: Float64Array;
  /** Whether the covariances are multiples of the identity: then the set has a closed form for any L. */
  readonly scalar: boolean;
  /** Denominator degrees of freedom of the F test. */
  readonly df: number;
}

export interface AndersonRubin {
  /** F statistic and p-value of no effect at all. */
  readonly f: number;
  readonly p: number;
  /** Effects that the test does not reject at 5 %. */
  readonly set: ConfidenceSet;
}

const LEVEL = 0.05;
/** Directions tried around the circle of all θ, infinity included. */
const SCAN = 4_000;
const REFINEMENTS = 80;

/** Wald statistic of c·π_y − s·π_d = 0, where θ = s/c: homogeneous, so that c = 0 is an infinite effect. NaN where the covariance is not positive, as two-way clustering can have it. */
function statistic({ outcome, treatment, outcome_covariance: yy, cross_covariance: yd, treatment_covariance: dd }: ReducedForm, c: number, s: number): number {
  const gap = outcome.map((own, i) => c * own - s * treatment[i]!);
  const covariance = yy.map((own, i) => c * c * own - 2 * c * s * yd[i]! + s * s * dd[i]!);
  return inverseProduct(covariance, gap, gap) ?? Number.NaN;
}

/** One instrument, or one variance for all rows: numerator and denominator are quadratics in θ. */
function closedForm(form: ReducedForm, limit: number): ConfidenceSet {
  const product = (a: Float64Array, b: Float64Array): number => a.reduce((sum, own, i) => sum + own * b[i]!, 0);
  const { outcome, treatment, outcome_covariance, cross_covariance, treatment_covariance } = form;
  return quadraticSet(
    product(treatment, treatment) - limit * treatment_covariance[0]!,
    -2 * (product(outcome, treatment) - limit * cross_covariance[0]!),
    product(outcome, outcome) - limit * outcome_covariance[0]!,
  );
}

/** The point of [low, high] at which f is least, by golden section. */
function lowest(f: (x: number) => number, low: number, high: number): number {
  const share = (Math.sqrt(5) - 1) / 2;
  let a = low;
  let b = high;
  for (let i = 0; i < REFINEMENTS; i++) {
    const first = b - share * (b - a);
    const second = a + share * (b - a);
    if (f(first) < f(second)) b = second;
    else a = first;
  }
  return (a + b) / 2;
}

/**
 * Several instruments with robust errors: a ratio of polynomials, searched on the half circle θ = centre + scale·tan φ. Between neighbours on the same side of the
 * limit the turning points are looked for, so that no narrow part is missed; ends are halved to rounding.
 */
function searched(form: ReducedForm, limit: number, centre: number, scale: number): ConfidenceSet {
  const excess = (angle: number): number => {
    const c = Math.cos(angle);
    // Not positive: nothing is rejected there.
    const value = statistic(form, c, centre * c + scale * Math.sin(angle));
    return Number.isNaN(value) ? -limit : value - limit;
  };
  const angles = Array.from({ length: SCAN + 1 }, (_, i) => -Math.PI / 2 + (Math.PI * i) / SCAN);
  const values = angles.map(excess);
  const points = new Map(angles.map((angle, i) => [angle, values[i]!]));
  for (let i = 1; i < SCAN; i++) {
    const [before, own, after] = [values[i - 1]!, values[i]!, values[i + 1]!];
    const sign = own > 0 ? 1 : -1;
    if (sign * own > sign * before || sign * own > sign * after) continue;
    const turn = lowest((angle) => sign * excess(angle), angles[i - 1]!, angles[i + 1]!);
    points.set(turn, excess(turn));
  }
  const effect = (angle: number): number => centre + scale * Math.tan(angle);
  const sorted = [...points].sort(([a], [b]) => a - b);
  const parts: Stretch[] = [];
  let low: number | null | undefined = sorted[0]![1] <= 0 ? null : undefined;
  for (const [i, [angle, value]] of sorted.entries()) {
    const previous = sorted[i - 1];
    if (previous === undefined || previous[1] <= 0 === value <= 0) continue;
    let [a, b] = [previous[0], angle];
    for (let step = 0; step < REFINEMENTS; step++) {
      const middle = (a + b) / 2;
      if (excess(middle) <= 0 === previous[1] <= 0) a = middle;
      else b = middle;
    }
    if (value <= 0) low = effect(b);
    else {
      parts.push({ low: low ?? null, high: effect(a) });
      low = undefined;
    }
  }
  if (low !== undefined) parts.push({ low, high: null });
  return confidenceSet(parts);
}

/**
 * Anderson and Rubin's test (1949), with whatever errors the reduced form has (as a Wald test of its coefficients), F(L, df): its size is right however weak the
 * instruments are. `centre` and `scale` say where effects are likely.
 */
export function andersonRubin(form: ReducedForm, centre: number, scale: number): AndersonRubin {
  const instruments = form.outcome.length;
  const limit = instruments * fQuantileUpper(LEVEL, instruments, form.df);
  const f = statistic(form, 1, 0) / instruments;
  return { f, p: fTail(f, instruments, form.df), set: form.scalar || instruments === 1 ? closedForm(form, limit) : searched(form, limit, centre, scale > 0 ? scale : 1) };
}
