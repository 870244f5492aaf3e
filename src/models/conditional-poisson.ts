import type { DrawCounts, PriceTrial } from "../features/price-trial.ts";

/**
 * What a course's sales say of its elasticity e near a value of it. Counts of a course in its draws, given their total Q, are multinomial with shares
 * p ∝ exposures·exp(e·v) (Poisson with a course effect: Hausman, Hall, Griliches 1984); d = v − v̄ under those shares.
 */
export interface DrawEvidence {
  /** Σ q·d. */
  score: number;
  /** Q·Σ p·d²: also the score's variance, were the counts Poisson. */
  information: number;
  /** Σ (q − Qp)²·d² less what Poisson counts are expected to make of it, over the information: 0 in expectation if they are Poisson. */
  score_excess: number;
  /** The share of the score's variance that over-dispersion adds, per unit of α, where the variance of a count of mean μ is ω·μ + α·μ². */
  score_excess_per_alpha: number;
  /** Σ (q − Qp)², and the parts of its expectation per unit of ω and of α. */
  scatter: number;
  scatter_per_omega: number;
  scatter_per_alpha: number;
}

export const noEvidence = (): DrawEvidence => ({ score: 0, information: 0, score_excess: 0, score_excess_per_alpha: 0, scatter: 0, scatter_per_omega: 0, scatter_per_alpha: 0 });

/** The draws of a trial that can be used, in the trial's order. */
export interface UsableDraws extends DrawCounts {
  readonly jitter: Float64Array;
  /** Their enrollments. */
  readonly total: number;
}

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);

/** A draw with more enrollments than exposures lost exposures, and its offset would hide the effect of price: it is left out. */
export function usableDraws({ jitter, exposures, enrollments }: PriceTrial): UsableDraws {
  const lost = (i: number): boolean => !(exposures[i]! > 0) || enrollments[i]! > exposures[i]!;
  if (!exposures.some((_, i) => lost(i))) return { jitter, exposures, enrollments, total: sum(enrollments) };
  const kept = (from: Float64Array): Float64Array => from.filter((_, i) => !lost(i));
  const sold = kept(enrollments);
  return { jitter: kept(jitter), exposures: kept(exposures), enrollments: sold, total: sum(sold) };
}

/** The usable draws of a trial less what the demand cells still hold of them. */
export function drawsBeyondCells(trial: PriceTrial): UsableDraws {
  const { jitter, exposures, enrollments, held } = trial;
  if (held === undefined) return usableDraws(trial);
  // A draw that is left out has no counts at all, rather than those that the cells do not hold.
  const lost = (i: number): boolean => enrollments[i]! > exposures[i]!;
  const sold = enrollments.map((count, i) => (lost(i) ? 0 : count - held.enrollments[i]!));
  return { jitter, exposures: exposures.map((count, i) => (lost(i) ? 0 : count - held.exposures[i]!)), enrollments: sold, total: sum(sold) };
}

/** Shares of the draws in the course's expected sales; reused, never kept. */
let shares = new Float64Array(128);

/** The evidence at e, into `out`; all zero for a course that never sold. */
export function evidenceAt({ jitter, exposures, enrollments, total }: UsableDraws, e: number, out: DrawEvidence): void {
  const n = jitter.length;
  if (shares.length < n) shares = new Float64Array(2 * n);
  Object.assign(out, noEvidence());
  if (!(total > 0)) return;
  // Exponents relative to the largest: whatever the jitter, the shares stay finite.
  let top = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < n; i++) if (exposures[i]! > 0) top = Math.max(top, e * jitter[i]!);
  let weight = 0;
  let mean = 0;
  for (let i = 0; i < n; i++) {
    const w = exposures[i]! > 0 ? exposures[i]! * Math.exp(e * jitter[i]! - top) : 0;
    shares[i] = w;
    weight += w;
    mean += w > 0 ? w * jitter[i]! : 0;
  }
  if (!(weight > 0)) return;
  mean /= weight;
  let squares = 0;
  let cubes = 0;
  for (let i = 0; i < n; i++) {
    const p = shares[i]! / weight;
    shares[i] = p;
    squares += p * p;
    cubes += p * p * p;
  }
  let score = 0;
  let variance = 0;
  let concentration = 0;
  let scatter = 0;
  let score_excess = 0;
  for (let i = 0; i < n; i++) {
    const p = shares[i]!;
    if (p === 0) continue;
    const d = jitter[i]! - mean;
    const residual = enrollments[i]! - total * p;
    score += enrollments[i]! * d;
    variance += p * d * d;
    concentration += p * p * d * d;
    scatter += residual * residual;
    score_excess += d * d * (residual * residual - total * p * (1 - p));
  }
  // Q(Q − 1) rather than Q²: of one sale alone nothing is known about scatter.
  const pairs = total * Math.max(0, total - 1);
  out.score = score;
  out.information = total * variance;
  out.scatter = scatter;
  out.scatter_per_omega = total * (1 - squares);
  out.scatter_per_alpha = pairs * (squares - 2 * cubes + squares * squares);
  if (!(out.information > 0)) return;
  out.score_excess = score_excess / out.information;
  out.score_excess_per_alpha = (pairs * concentration) / out.information;
}
