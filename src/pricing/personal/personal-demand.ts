import type { DemandNodes } from "../quadrature.ts";
import { nodeWeights, NODES, priceFactor } from "../quadrature.ts";

/** How a learner differs from the course's other viewers: logit s(z) = level + level_shift − max(0, slope + slope_shift)·z, z = log(price / list price). */
export interface LearnerShift {
  readonly level: number;
  readonly slope: number;
}

/** Expected enrollments per view of a learner at z, under the course's posterior. */
export function personalConversion({ slopes, odds }: DemandNodes, { level, slope }: LearnerShift, z: number): number {
  const readiness = Math.exp(-level);
  let mean = 0;
  for (let j = 0; j < NODES; j++) {
    const factor = readiness * priceFactor(Math.max(0, slopes[j]! + slope), z);
    for (let i = j * NODES; i < (j + 1) * NODES; i++) mean += nodeWeights[i]! / (1 + odds[i]! * factor);
  }
  return Math.min(1, mean);
}
