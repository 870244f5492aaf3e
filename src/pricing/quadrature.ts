/**
 * Gauss–Hermite, 5 × 5, over slope and over level given slope. Chosen before a fixed random set because it is exact for
 * polynomials to degree 9 in either direction, has no seed, and separates: e^(−logit) = e^(−level)·e^(slope·z), so a
 * grid of G prices needs 25 + 5·G exponentials instead of 25·G.
 */
export const NODES = 5;
const NODE = [-2.8569700138728056, -1.355626179974266, 0, 1.355626179974266, 2.8569700138728056] as const;
const WEIGHT = [0.011257411327720691, 0.22207592200561266, 0.5333333333333333, 0.22207592200561266, 0.011257411327720691] as const;
/** Products of weights, slope-major: the probability of each node. */
export const nodeWeights: Float64Array = Float64Array.from({ length: NODES * NODES }, (_, k) => WEIGHT[Math.trunc(k / NODES)]! * WEIGHT[k % NODES]!);
const LOGIT_MAX = 40;
const EXPONENT_MAX = 300;

/** 25 demand curves that stand for the posterior. `odds` holds e^(−level), slope-major. */
export interface DemandNodes {
  readonly slopes: Float64Array;
  readonly odds: Float64Array;
}

export interface DemandMoments {
  readonly level: number;
  readonly level_sd: number;
  readonly slope: number;
  readonly slope_sd: number;
  /** −d E[level | slope] / d slope. */
  readonly lean: number;
  readonly slope_min: number;
}

export function demandNodes(moments: DemandMoments): DemandNodes {
  const slopes = new Float64Array(NODES);
  const odds = new Float64Array(NODES * NODES);
  for (let j = 0; j < NODES; j++) {
    const slope = Math.max(moments.slope_min, moments.slope + moments.slope_sd * NODE[j]!);
    const centre = moments.level - moments.lean * (slope - moments.slope);
    slopes[j] = slope;
    for (let i = 0; i < NODES; i++) {
      const level = centre + moments.level_sd * NODE[i]!;
      odds[j * NODES + i] = Math.exp(-Math.min(LOGIT_MAX, Math.max(-LOGIT_MAX, level)));
    }
  }
  return { slopes, odds };
}

/** e^(slope·z), kept where its product with any odds stays finite. */
export function priceFactor(slope: number, z: number): number {
  return Math.exp(Math.min(EXPONENT_MAX, Math.max(-EXPONENT_MAX, slope * z)));
}

export interface Moments {
  readonly mean: number;
  readonly sd: number;
}

function moments(mean: number, square: number): Moments {
  return { mean, sd: Math.sqrt(Math.max(0, square - mean * mean)) };
}

/** Conversion at z = log(price / current price): posterior mean and sd. */
export function conversionAt(nodes: DemandNodes, z: number): Moments {
  let mean = 0;
  let square = 0;
  for (let j = 0; j < NODES; j++) {
    const factor = priceFactor(nodes.slopes[j]!, z);
    for (let i = j * NODES; i < (j + 1) * NODES; i++) {
      const s = 1 / (1 + nodes.odds[i]! * factor);
      mean += nodeWeights[i]! * s;
      square += nodeWeights[i]! * s * s;
    }
  }
  return moments(mean, square);
}

/** log(revenue at z / revenue at the current price): posterior mean and sd. */
export function logRevenueRatio(nodes: DemandNodes, z: number): Moments {
  let mean = 0;
  let square = 0;
  for (let j = 0; j < NODES; j++) {
    const factor = priceFactor(nodes.slopes[j]!, z);
    for (let i = j * NODES; i < (j + 1) * NODES; i++) {
      const odds = nodes.odds[i]!;
      const ratio = z + Math.log((1 + odds) / (1 + odds * factor));
      mean += nodeWeights[i]! * ratio;
      square += nodeWeights[i]! * ratio * ratio;
    }
  }
  return moments(mean, square);
}

/** Elasticity −b(1 − s) at the current price: posterior mean and sd. */
export function elasticityNow(nodes: DemandNodes): Moments {
  let mean = 0;
  let square = 0;
  for (let j = 0; j < NODES; j++) {
    for (let i = j * NODES; i < (j + 1) * NODES; i++) {
      const odds = nodes.odds[i]!;
      const elasticity = (-nodes.slopes[j]! * odds) / (1 + odds);
      mean += nodeWeights[i]! * elasticity;
      square += nodeWeights[i]! * elasticity * elasticity;
    }
  }
  return moments(mean, square);
}
