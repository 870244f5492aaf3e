import { assert } from "../../lib/assert.ts";
import { areaUnderCurve, ascending } from "./binary-metrics.ts";
import { logistic, logOdds } from "./hazard.ts";
import { fitPlatt } from "./platt.ts";

/** A figure of a sample, and by how much each row moves it, to first order: their sum is how far the sample's chance moved it. */
export interface InfluencedFigure {
  readonly value: number;
  readonly influence: Float64Array;
}

/** Standard error of a figure, or of a difference of two on the same rows by the difference of their influences; rows of one cluster are not independent. */
export function clusteredError(influence: Float64Array, clusters: Int32Array): number {
  assert(clusters.length === influence.length, "every row has its cluster");
  const sums = new Map<number, number>();
  for (let i = 0; i < influence.length; i++) sums.set(clusters[i]!, (sums.get(clusters[i]!) ?? 0) + influence[i]!);
  let square = 0;
  for (const sum of sums.values()) square += sum * sum;
  return Math.sqrt(square);
}

/**
 * Area under the curve with the influence of each row: that of its placement, the share of the others that it is on the right side of (DeLong, DeLong, Clarke-Pearson
 * 1988). Undefined without both labels.
 */
export function areaWithError(scores: ArrayLike<number>, y: ArrayLike<number>): InfluencedFigure | undefined {
  const value = areaUnderCurve(scores, y);
  if (!Number.isFinite(value)) return undefined;
  const order = ascending(scores);
  const n = order.length;
  let positives = 0;
  for (let i = 0; i < n; i++) positives += y[i]!;
  const negatives = n - positives;
  const influence = new Float64Array(n);
  let belowPositive = 0;
  let belowNegative = 0;
  for (let from = 0; from < n; ) {
    let to = from;
    let tied = 0;
    for (; to < n && scores[order[to]!] === scores[order[from]!]; to++) tied += y[order[to]!]!;
    const others = to - from - tied;
    const right = { positive: (belowNegative + others / 2) / negatives, negative: 1 - (belowPositive + tied / 2) / positives };
    for (; from < to; from++) {
      const row = order[from]!;
      influence[row] = y[row] === 1 ? (right.positive - value) / positives : (right.negative - value) / negatives;
    }
    belowPositive += tied;
    belowNegative += others;
  }
  return { value, influence };
}

/** Below this share of its terms the determinant of the information is rounding. */
const DETERMINANT_MIN = 1e-9;

/** Calibration slope (Cox 1958) with the influence of each row: the information's inverse times its score. Undefined where the scores do not identify one. */
export function slopeWithError(probability: ArrayLike<number>, y: ArrayLike<number>): InfluencedFigure | undefined {
  const x = Float64Array.from(probability, logOdds);
  const { slope, intercept } = fitPlatt(x, y);
  let [hii, his, hss] = [0, 0, 0];
  const expected = x.map((own) => logistic(slope * own + intercept));
  for (let i = 0; i < x.length; i++) {
    const weight = expected[i]! * (1 - expected[i]!);
    hii += weight;
    his += weight * x[i]!;
    hss += weight * x[i]! * x[i]!;
  }
  const determinant = hii * hss - his * his;
  if (!(hii > 1 && determinant > DETERMINANT_MIN * hii * hss)) return undefined;
  return { value: slope, influence: x.map((own, i) => ((hii * own - his) * (y[i]! - expected[i]!)) / determinant) };
}
