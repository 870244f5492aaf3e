import { assert } from "../../lib/assert.ts";
import { clipProbability, logOdds } from "./hazard.ts";
import { fitPlatt } from "./platt.ts";

/** A score from which on it counts as likely: the product description's "precision at 70 %". Churn's risk level `high` begins there as well. */
export const LIKELY = 0.7;

/** Minus the log-likelihood of one outcome. */
export function logLoss(probability: number, y: number): number {
  const p = clipProbability(probability);
  return -Math.log(y === 1 ? p : 1 - p);
}

/** Positions in ascending order of the scores; equal ones in their own order. */
export function ascending(scores: ArrayLike<number>): Int32Array {
  return Int32Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[a]! - scores[b]! || a - b);
}

/**
 * Probability that of two rows with different labels the positive one has the higher score; a tie counts half (Mann, Whitney 1947). NaN without both
 * labels.
 */
export function areaUnderCurve(scores: ArrayLike<number>, y: ArrayLike<number>): number {
  const order = ascending(scores);
  let positives = 0;
  let ranks = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    let tied = 0;
    for (; to < order.length && scores[order[to]!] === scores[order[from]!]; to++) tied += y[order[to]!]!;
    // Everybody of a tie has its mean rank.
    ranks += tied * ((from + to + 1) / 2);
    positives += tied;
    from = to;
  }
  return (ranks - (positives * (positives + 1)) / 2) / (positives * (order.length - positives));
}

/** Calls back for each tenth of the rows by score, lowest first. Rows of one score stay together, so that there may be fewer parts; none is left out. */
export function eachTenth(scores: ArrayLike<number>, visit: (positions: Int32Array) => void, parts = 10): void {
  const order = ascending(scores);
  let from = 0;
  for (let part = 1; part <= parts; part++) {
    let to = Math.max(from, Math.round((part * order.length) / parts));
    while (to > from && to < order.length && scores[order[to]!] === scores[order[to - 1]!]) to++;
    if (to > from) visit(order.subarray(from, to));
    from = to;
  }
}

/** Expected calibration error: mean |predicted − observed| over tenths of the rows by score (Naeini et al. 2015, bins of equal mass). */
export function calibrationError(scores: ArrayLike<number>, y: ArrayLike<number>): number {
  let sum = 0;
  eachTenth(scores, (positions) => sum += Math.abs(positions.reduce((gap, i) => gap + scores[i]! - y[i]!, 0)));
  return sum / scores.length;
}

/** Slope of a logistic regression of the outcome on the score's log-odds: 1 = well calibrated, below = too sure (Cox 1958). */
export function calibrationSlope(scores: ArrayLike<number>, y: ArrayLike<number>): number {
  return fitPlatt(Float64Array.from(scores, logOdds), y).slope;
}

/** What calibrated scores may be off by. */
export const calibrationLimits = { ece: 0.02, slope_min: 0.9, slope_max: 1.1 } as const;
/** Standard errors by which a slope must miss its limits to count as beyond them. */
const SURE = 2;

/**
 * Why scores are not calibrated well enough to be used as probabilities; null when they are, or when what they are off by may be chance: of well
 * calibrated scores the error of each tenth is √(2/π) of its standard deviation on average, and the slope has the standard error of a logistic
 * regression.
 */
export function calibrationFault(scores: ArrayLike<number>, y: ArrayLike<number>): string | null {
  let noise = 0;
  eachTenth(scores, (positions) => (noise += Math.sqrt((2 / Math.PI) * positions.reduce((sum, i) => sum + scores[i]! * (1 - scores[i]!), 0)) / scores.length));
  const ece = calibrationError(scores, y);
  if (ece > calibrationLimits.ece + noise) return `its calibration error is ${ece.toFixed(3)}, of which chance explains ${noise.toFixed(3)}; the limit is ${calibrationLimits.ece}`;
  const slope = calibrationSlope(scores, y);
  const se = slopeError(scores);
  const { slope_min, slope_max } = calibrationLimits;
  if (slope < slope_min - SURE * se || slope > slope_max + SURE * se) return `its calibration slope is ${slope.toFixed(2)} ± ${(SURE * se).toFixed(2)}, outside ${slope_min} to ${slope_max}`;
  return null;
}

/** Standard error of a calibration slope near 1; infinite of scores that are all the same. */
function slopeError(scores: ArrayLike<number>): number {
  let [weight, first, second] = [0, 0, 0];
  for (let i = 0; i < scores.length; i++) {
    const x = logOdds(scores[i]!);
    const w = scores[i]! * (1 - scores[i]!);
    weight += w;
    first += w * x;
    second += w * x * x;
  }
  return weight > 0 ? 1 / Math.sqrt(Math.max(0, second - (first * first) / weight)) : Number.POSITIVE_INFINITY;
}

interface Counts {
  readonly hits: number;
  readonly taken: number;
  readonly positives: number;
}

/** Of the rows with at least that score. */
function countFrom(scores: ArrayLike<number>, y: ArrayLike<number>, threshold: number): Counts {
  let hits = 0;
  let taken = 0;
  let positives = 0;
  for (let i = 0; i < scores.length; i++) {
    positives += y[i]!;
    if (scores[i]! < threshold) continue;
    taken++;
    hits += y[i]!;
  }
  return { hits, taken, positives };
}

function f1({ hits, taken, positives }: Counts): number {
  return taken + positives === 0 ? 0 : (2 * hits) / (taken + positives);
}

/** The threshold with the highest F1, the harmonic mean of precision and recall: a score that was seen, to be chosen on other rows than it is used on. */
export function bestThreshold(scores: ArrayLike<number>, y: ArrayLike<number>): number {
  const order = ascending(scores);
  let positives = 0;
  for (let i = 0; i < y.length; i++) positives += y[i]!;
  let best = { threshold: 0.5, f1: -1 };
  let hits = 0;
  for (let i = order.length - 1; i >= 0; i--) {
    hits += y[order[i]!]!;
    // A threshold takes all of a tie.
    if (i > 0 && scores[order[i - 1]!] === scores[order[i]!]) continue;
    const own = f1({ hits, taken: order.length - i, positives });
    if (own > best.f1) best = { threshold: scores[order[i]!]!, f1: own };
  }
  return best.threshold;
}

/**
 * Figures of calibrated scores on rows that they were not fitted to. `precision_70` and `recall_high`: of and among the scores of at least 0.7;
 * without such a score there is no precision. `auc` is left out where only one label is there.
 */
export function binaryMetrics(scores: ArrayLike<number>, y: ArrayLike<number>, threshold: number): Record<string, number> {
  const rows = y.length;
  assert(scores.length === rows && rows > 0, "every row has a score, and there is one");
  let loss = 0;
  let squares = 0;
  for (let i = 0; i < rows; i++) {
    loss += logLoss(scores[i]!, y[i]!);
    squares += (scores[i]! - y[i]!) ** 2;
  }
  const likely = countFrom(scores, y, LIKELY);
  const auc = areaUnderCurve(scores, y);
  return {
    ...(Number.isFinite(auc) && { auc }),
    log_loss: loss / rows,
    brier: squares / rows,
    ece: calibrationError(scores, y),
    slope: calibrationSlope(scores, y),
    ...(likely.taken > 0 && { precision_70: likely.hits / likely.taken }),
    ...(likely.positives > 0 && { recall_high: likely.hits / likely.positives }),
    share_70: likely.taken / rows,
    f1: f1(countFrom(scores, y, threshold)),
    rate: likely.positives / rows,
  };
}
