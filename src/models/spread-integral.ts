/** Log-normal prior of the standard deviation between true values: median and standard deviation of its logarithm. */
export interface SpreadPrior {
  readonly median: number;
  readonly log_sd: number;
}

export interface SpreadNode<Part> {
  readonly tau: number;
  /** Posterior probability of the node; they sum to 1. */
  readonly weight: number;
  readonly part: Part;
}

export interface SpreadIntegral<Part> {
  readonly nodes: readonly SpreadNode<Part>[];
  /** Log of the integral of prior × likelihood over τ. */
  readonly log: number;
}

const INTERVALS = 24;
const ROUNDS_MAX = 8;
/** How far below its peak the log density ends: about six standard deviations. */
const DEPTH = 18;
/** Prior standard deviations on either side that are looked at. */
const REACH = 7;

/**
 * Integrates over τ by the trapezoidal rule in log τ, on a grid that is narrowed until it fits the mass: with few groups that is the prior, with
 * many a sliver of it. Between a quarter and half a standard deviation apart, nodes leave no error that shows.
 */
export function integrateSpread<Part>(prior: SpreadPrior, evaluate: (tau: number) => { readonly log: number; readonly part: Part }): SpreadIntegral<Part> {
  const centre = Math.log(prior.median);
  let low = centre - REACH * prior.log_sd;
  let high = centre + REACH * prior.log_sd;
  for (let round = 1; ; round++) {
    const step = (high - low) / INTERVALS;
    const points = Array.from({ length: INTERVALS + 1 }, (_, i) => {
      const x = low + i * step;
      const { log, part } = evaluate(Math.exp(x));
      return { tau: Math.exp(x), log: log - 0.5 * ((x - centre) / prior.log_sd) ** 2, part };
    });
    const peak = points.reduce((most, { log }) => Math.max(most, log), Number.NEGATIVE_INFINITY);
    const first = points.findIndex(({ log }) => log > peak - DEPTH);
    const last = points.findLastIndex(({ log }) => log > peak - DEPTH);
    const from = low + Math.max(0, first - 1) * step;
    const to = low + Math.min(INTERVALS, last + 1) * step;
    if (round < ROUNDS_MAX && to - from < 0.6 * (high - low)) {
      low = from;
      high = to;
      continue;
    }
    const kept = points.slice(first, last + 1);
    const total = kept.reduce((sum, { log }) => sum + Math.exp(log - peak), 0);
    return {
      nodes: kept.map(({ tau, log, part }) => ({ tau, weight: Math.exp(log - peak) / total, part })),
      log: peak + Math.log(total * step) - Math.log(prior.log_sd * Math.sqrt(2 * Math.PI)),
    };
  }
}
