import { assert } from "../lib/assert.ts";
import { sigmoid } from "../lib/linear-algebra.ts";

/** A figure as a mean: the sum of `influence` is how far the sample moves it from the truth, to first order; rows of one cluster belong together. */
export interface InfluencedFigure {
  readonly value: number;
  readonly influence: Float64Array;
}

/** Positions from the lowest value to the highest. */
function ascending(values: ArrayLike<number>): Int32Array {
  return Int32Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a]! - values[b]!);
}

/** Where the run of equal values that begins at `from` of an order ends. */
function runEnd(order: Int32Array, values: ArrayLike<number>, from: number): number {
  const value = values[order[from]!];
  let to = from + 1;
  while (to < order.length && value === values[order[to]!]) to++;
  return to;
}

/** Standard error of a figure (or of a difference of two on the same rows, by the difference of their influences), clustered. */
export function clusteredError(influence: ArrayLike<number>, clusters?: Int32Array): number {
  if (clusters === undefined) {
    let sum = 0;
    for (let i = 0; i < influence.length; i++) sum += influence[i]! ** 2;
    return Math.sqrt(sum);
  }
  assert(clusters.length === influence.length, "every row has its cluster");
  const sums = new Map<number, number>();
  for (let i = 0; i < influence.length; i++) sums.set(clusters[i]!, (sums.get(clusters[i]!) ?? 0) + influence[i]!);
  let square = 0;
  for (const sum of sums.values()) square += sum * sum;
  return Math.sqrt(square);
}

/**
 * Area under the ROC curve: the probability that one to whom it happens has the higher score than one to whom it does not, ties counting one half. The influence
 * of each row is that of its placement among the others (DeLong, DeLong, Clarke-Pearson 1988). Undefined where only one of both happened.
 */
export function areaUnderCurve(scores: ArrayLike<number>, y: ArrayLike<number>): InfluencedFigure | undefined {
  const n = scores.length;
  assert(y.length === n, "every score has its label");
  const order = ascending(scores);
  let positives = 0;
  for (let i = 0; i < n; i++) positives += y[i]!;
  const negatives = n - positives;
  if (positives === 0 || negatives === 0) return undefined;
  // Share of the others below each row's score.
  const placement = new Float64Array(n);
  let belowPositive = 0;
  let belowNegative = 0;
  let value = 0;
  for (let from = 0; from < n; ) {
    const to = runEnd(order, scores, from);
    let tiedPositive = 0;
    for (let at = from; at < to; at++) tiedPositive += y[order[at]!]!;
    const tiedNegative = to - from - tiedPositive;
    for (let at = from; at < to; at++) {
      const row = order[at]!;
      placement[row] = y[row] === 1 ? (belowNegative + tiedNegative / 2) / negatives : 1 - (belowPositive + tiedPositive / 2) / positives;
    }
    value += (tiedPositive * (belowNegative + tiedNegative / 2)) / (positives * negatives);
    belowPositive += tiedPositive;
    belowNegative += tiedNegative;
    from = to;
  }
  return { value, influence: placement.map((own, row) => (own - value) / (y[row] === 1 ? positives : negatives)) };
}

/** Expected calibration error: mean distance between what was predicted and what happened over tenths of the rows by score. Rows of one score stay together. */
export function calibrationError(probability: ArrayLike<number>, y: ArrayLike<number>, bins = 10): number {
  const n = probability.length;
  assert(y.length === n && n > 0, "every probability has its label, and there is one");
  const order = ascending(probability);
  let error = 0;
  let difference = 0;
  let due = n / bins;
  for (let from = 0; from < n; ) {
    const to = runEnd(order, probability, from);
    for (let at = from; at < to; at++) difference += probability[order[at]!]! - y[order[at]!]!;
    from = to;
    if (to < due) continue;
    error += Math.abs(difference) / n;
    difference = 0;
    while (due <= to) due += n / bins;
  }
  return error + Math.abs(difference) / n;
}

const PROBABILITY_MIN = 1e-6;
const STEPS_MAX = 50;
const margin = (p: number): number => {
  const inside = Math.min(1 - PROBABILITY_MIN, Math.max(PROBABILITY_MIN, p));
  return Math.log(inside / (1 - inside));
};

/**
 * Calibration slope: b of the logistic regression of what happened on a + b·logit(probability) (Cox 1958): 1 when calibrated, less when scores are too extreme. By
 * Newton steps; undefined where it does not converge, as for scores that separate.
 */
export function calibrationSlope(probability: ArrayLike<number>, y: ArrayLike<number>): InfluencedFigure | undefined {
  const n = probability.length;
  assert(y.length === n, "every probability has its label");
  const x = Float64Array.from({ length: n }, (_, i) => margin(probability[i]!));
  let a = 0;
  let b = 1;
  for (let step = 0; step < STEPS_MAX; step++) {
    let [ga, gb, haa, hab, hbb] = [0, 0, 0, 0, 0];
    for (let i = 0; i < n; i++) {
      const p = sigmoid(a + b * x[i]!);
      const weight = p * (1 - p);
      ga += y[i]! - p;
      gb += (y[i]! - p) * x[i]!;
      haa += weight;
      hab += weight * x[i]!;
      hbb += weight * x[i]! * x[i]!;
    }
    const determinant = haa * hbb - hab * hab;
    if (!(determinant > 1e-12 * haa * hbb)) return undefined;
    const da = (hbb * ga - hab * gb) / determinant;
    const db = (haa * gb - hab * ga) / determinant;
    const shrink = Math.min(1, 1 / Math.max(Math.abs(da), Math.abs(db)));
    a += shrink * da;
    b += shrink * db;
    if (Math.abs(da) + Math.abs(db) > 1e-9) continue;
    return { value: b, influence: x.map((own, i) => ((haa * own - hab) * (y[i]! - sigmoid(a + b * own))) / determinant) };
  }
  return undefined;
}

/** Share of those with a score of at least `threshold` to whom it happens; NaN when there are none. */
export function precisionAt(scores: ArrayLike<number>, y: ArrayLike<number>, threshold: number): number {
  let chosen = 0;
  let right = 0;
  for (let i = 0; i < scores.length; i++) {
    if (scores[i]! < threshold) continue;
    chosen++;
    right += y[i]!;
  }
  return right / chosen;
}

/** Share of those to whom it happens whose score is at least `threshold`; NaN when it happens to nobody. */
export function recallAt(scores: ArrayLike<number>, y: ArrayLike<number>, threshold: number): number {
  let happened = 0;
  let found = 0;
  for (let i = 0; i < scores.length; i++) {
    happened += y[i]!;
    if (scores[i]! >= threshold) found += y[i]!;
  }
  return found / happened;
}

/** Harmonic mean of precision and recall; 0 where nothing is found. */
export function f1At(scores: ArrayLike<number>, y: ArrayLike<number>, threshold: number): number {
  const recall = recallAt(scores, y, threshold);
  if (!(recall > 0)) return 0;
  const precision = precisionAt(scores, y, threshold);
  return (2 * precision * recall) / (precision + recall);
}

/** The threshold with the highest F1; the lowest of them where several are. */
export function bestThreshold(scores: ArrayLike<number>, y: ArrayLike<number>): number {
  const order = ascending(scores);
  let happened = 0;
  for (let i = 0; i < y.length; i++) happened += y[i]!;
  let found = happened;
  let best = { f1: -1, threshold: 0.5 };
  for (let from = 0; from < order.length; ) {
    const f1 = (2 * found) / (order.length - from + happened);
    if (f1 > best.f1) best = { f1, threshold: scores[order[from]!]! };
    const to = runEnd(order, scores, from);
    for (; from < to; from++) found -= y[order[from]!]!;
  }
  return best.threshold;
}

/** Spearman's rank correlation, ties by their mean rank; NaN where one of both is constant. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert(a.length === b.length, "ranks are of pairs");
  const [x, y] = [ranks(a), ranks(b)];
  const middle = (a.length + 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    xy += (x[i]! - middle) * (y[i]! - middle);
    xx += (x[i]! - middle) ** 2;
    yy += (y[i]! - middle) ** 2;
  }
  return xy / Math.sqrt(xx * yy);
}

function ranks(values: ArrayLike<number>): Float64Array {
  const order = ascending(values);
  const found = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    const to = runEnd(order, values, from);
    const rank = (from + 1 + to) / 2;
    for (; from < to; from++) found[order[from]!] = rank;
  }
  return found;
}
