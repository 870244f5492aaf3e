import { sigmoid } from "../lib/linear-algebra.ts";
import { CELL_WIDTH } from "./inputs.ts";
import type { DemandPrior } from "./prior.ts";

/** The demand cell that the prior curve expected least, for the sentence that explains a price. */
export interface Evidence {
  /** Its price over the current price. */
  readonly ratio: number;
  readonly enrollments: number;
  readonly expected: number;
  /** Enrollments above (+) or below (−) the prior's expectation, in predictive standard deviations. */
  readonly surprise: number;
}

/** From this many predictive standard deviations on, what happened explains a price better than the model does. */
export const SURPRISING = 3;

/** The most surprising cell under the prior, its own uncertainty included; undefined when nothing is surprising. */
export function strongestEvidence(prior: DemandPrior, cells: ArrayLike<number>): Evidence | undefined {
  let at = -1;
  let most = SURPRISING;
  for (let i = 0; i < cells.length; i += CELL_WIDTH) {
    const surprise = Math.abs(surpriseAt(prior, cells, i));
    if (surprise < most) continue;
    most = surprise;
    at = i;
  }
  if (at < 0) return undefined;
  const z = cells[at]! - prior.x_now;
  const enrollments = cells[at + 2]!;
  const exposures = Math.max(cells[at + 1]!, enrollments);
  return { ratio: Math.exp(z), enrollments, expected: exposures * sigmoid(prior.level - prior.slope * z), surprise: surpriseAt(prior, cells, at) };
}

function surpriseAt(prior: DemandPrior, cells: ArrayLike<number>, i: number): number {
  const q = cells[i + 2]!;
  const n = Math.max(cells[i + 1]!, q);
  if (!(n > 0)) return 0;
  const z = cells[i]! - prior.x_now;
  const s = sigmoid(prior.level - prior.slope * z);
  const spread = n * s * (1 - s);
  const logit_variance = prior.level_sd * prior.level_sd + z * z * prior.slope_sd * prior.slope_sd;
  const deviation = Math.sqrt(prior.dispersion * spread + spread * spread * logit_variance);
  return deviation > 0 ? (q - n * s) / deviation : 0;
}
