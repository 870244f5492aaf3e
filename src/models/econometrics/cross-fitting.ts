import { Prng } from "../../lib/prng.ts";
import { splitRows } from "./folds.ts";
import type { Features, NuisanceLearner } from "./nuisance.ts";
import type { Factor } from "./sample.ts";

/** A nuisance function predicted for every row by what was learned without the row's fold. */
export interface CrossFitted {
  readonly prediction: Float64Array;
  /** Whose predictions they are: the one with the smaller error on rows that it had not seen. */
  readonly learner: string;
  /** Share of the target's variance that they explain, out of fold; may be negative. Of rates, the share of the deviance. */
  readonly r2: number;
}

export interface CrossFitting {
  readonly features: Features;
  readonly weights: Float64Array;
  readonly clusters: Factor;
  /** By cluster. */
  readonly fold: Int32Array;
  readonly folds: number;
  readonly learners: readonly NuisanceLearner[];
  /** Names the random numbers. */
  readonly seed: string;
  /** Awaited after every fit: gives the thread to others, and may throw to stop. */
  readonly pause: () => Promise<void>;
}

function squaredLoss(target: Float64Array, weights: Float64Array, of: (row: number) => number): number {
  let sum = 0;
  for (let i = 0; i < target.length; i++) sum += weights[i]! * (target[i]! - of(i)) ** 2;
  return sum;
}

/** Up to what does not depend on the prediction: Σ weight·(rate − target·log rate), with the saturated model's taken off. */
function poissonLoss(target: Float64Array, weights: Float64Array, of: (row: number) => number): number {
  let sum = 0;
  for (let i = 0; i < target.length; i++) {
    const own = of(i);
    const y = target[i]!;
    sum += 2 * weights[i]! * ((y > 0 ? y * Math.log(y / own) : 0) - (y - own));
  }
  return sum;
}

/** Cross-fits one target, by every learner, and takes the best. */
export async function crossFit(kind: "mean" | "rate", target: Float64Array, { features, weights, clusters, fold, folds, learners, seed, pause }: CrossFitting): Promise<CrossFitted> {
  const loss = kind === "mean" ? squaredLoss : poissonLoss;
  let weight = 0;
  let sum = 0;
  for (let i = 0; i < target.length; i++) {
    weight += weights[i]!;
    sum += weights[i]! * target[i]!;
  }
  const naive = loss(target, weights, () => sum / weight);
  const candidates: { readonly prediction: Float64Array; readonly learner: string; readonly loss: number }[] = [];
  for (const learner of learners) {
    const prediction = new Float64Array(target.length);
    for (let own = 0; own < folds; own++) {
      const { inside, outside } = splitRows(clusters, fold, own);
      learner[kind]({ features, target, weights, clusters, fit: outside, predict: inside, random: new Prng(`${seed} ${learner.name} ${own}`) }, prediction);
      await pause();
    }
    candidates.push({ prediction, learner: learner.name, loss: loss(target, weights, (i) => prediction[i]!) });
  }
  const best = candidates.reduce((least, own) => (own.loss < least.loss ? own : least));
  return { prediction: best.prediction, learner: best.learner, r2: 1 - best.loss / naive };
}
