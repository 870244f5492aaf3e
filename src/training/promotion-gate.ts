import type { Comparison } from "../contracts/training-run.ts";
import { bootstrapMean } from "../models/cluster-bootstrap.ts";

/** By how much a challenger must beat an opponent: shares of the opponent's mean loss. */
export interface Margin {
  /** It must be better by this much at least. */
  readonly better: number;
  /** And may not be worse by more than this even at the unfavourable end of the 95 % interval. */
  readonly worse_max: number;
}

/**
 * A platform's first model competes with prices from priors alone, so that a naive forecast must be beaten, but on a small platform not beyond all doubt; a champion in
 * service is replaced only by what is better beyond doubt.
 */
export const margins: Readonly<Record<Comparison["kind"], Margin>> = {
  naive: { better: 0, worse_max: 0.1 },
  champion: { better: 0.001, worse_max: 0 },
};

/** Losses of an opponent on the rows that the challenger is judged on. */
export interface Opponent {
  readonly name: string;
  readonly kind: Comparison["kind"];
  readonly losses: Float64Array;
}

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Compares mean losses on the same rows, whose clusters are resampled together: what both find hard cancels. */
export function compare(metric: string, challenger: Float64Array, opponent: Opponent, clusters: Int32Array, seed: number): Comparison {
  const theirs = mean(opponent.losses);
  const { mean: difference, ci95 } = bootstrapMean(challenger.map((loss, i) => loss - opponent.losses[i]!), clusters, seed);
  const { better, worse_max } = margins[opponent.kind];
  const ahead = difference < -better * theirs;
  const sure = ci95[1] <= worse_max * theirs;
  const percent = (share: number): string => `${Number((100 * share).toPrecision(2))} %`;
  const figures = `${metric.replaceAll("_", " ")} ${mean(challenger).toFixed(5)} against ${theirs.toFixed(5)}, difference ${difference.toFixed(5)} (95 % ${ci95[0].toFixed(5)} to ${ci95[1].toFixed(5)})`;
  const detail = !ahead
    ? `does not beat ${opponent.name}${better > 0 ? ` by ${percent(better)}` : ""}: ${figures}`
    : sure
      ? `beats ${opponent.name}: ${figures}`
      : `beats ${opponent.name} too uncertainly, ${worse_max === 0 ? "it may be chance" : `it may be worse by more than ${percent(worse_max)}`}: ${figures}`;
  return { opponent: opponent.name, kind: opponent.kind, metric, challenger: mean(challenger), theirs, difference, ci95: [...ci95], margin: better, passed: ahead && sure, detail };
}
