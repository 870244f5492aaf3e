import { Prng } from "../../lib/prng.ts";
import { clustersOrRows, dealClusters } from "./folds.ts";
import { Moments, ridge } from "./ridge.ts";
import type { Factor, NumberColumn } from "./sample.ts";

/** How the effect differs with what is known of a row: τ(x) = average + Σ slope·(x − mean). */
export interface HeterogeneousEffects {
  /** Effect at the means of the columns. */
  readonly average: number;
  readonly slopes: readonly { readonly name: string; readonly slope: number; readonly mean: number }[];
  /** Relative to each column's spread; null: infinite, no difference helps. */
  readonly penalty: number | null;
  /** Share by which differing effects lower the loss on folds that they were not fitted to, and its standard error over folds. 0 where none helps. */
  readonly gain: number;
  readonly gain_se: number;
  /** Of each row. */
  readonly effects: Float64Array;
}

export interface HeterogeneityOptions {
  readonly folds: number;
  readonly seed: number;
  readonly clusters: readonly Factor[];
  readonly weights?: Float64Array | undefined;
}

/**
 * The R-learner (Nie, Wager 2021): minimises Σ(Ỹ − D̃·τ(x))² + penalty over linear τ, which is a regression of Ỹ/D̃ on x with weights D̃². The residuals are out of
 * fold; the effect at the means has no penalty, and the penalty of the slopes is the one whose loss on left-out clusters is least.
 */
export function heterogeneousEffects(outcome: Float64Array, treatment: Float64Array, columns: readonly NumberColumn[], { folds, seed, clusters, weights }: HeterogeneityOptions): HeterogeneousEffects {
  const rows = outcome.length;
  const groups = clustersOrRows(clusters, rows);
  const fold = dealClusters(groups.levels, folds, new Prng(`heterogeneity ${seed}`));
  const means = columns.map(({ values }) => values.reduce((sum, own) => sum + own, 0) / rows);
  const moments = Array.from({ length: folds }, () => new Moments(columns.length + 1));
  const own = new Float64Array(columns.length + 1);
  for (let i = 0; i < rows; i++) {
    own[0] = treatment[i]!;
    for (const [j, { values }] of columns.entries()) own[j + 1] = treatment[i]! * (values[i]! - means[j]!);
    moments[fold[groups.codes[i]!]!]!.add(own, outcome[i]!, weights?.[i] ?? 1);
  }
  const { coefficients, penalty, losses, losses_first } = ridge(moments);
  const base = losses_first.reduce((sum, loss) => sum + loss, 0);
  const gains = losses.map((loss, k) => losses_first[k]! - loss);
  const gain = gains.reduce((sum, value) => sum + value, 0);
  const spread = gains.reduce((sum, value) => sum + (value - gain / folds) ** 2, 0);
  return {
    average: coefficients[0]!,
    slopes: columns.map(({ name }, j) => ({ name, slope: coefficients[j + 1]!, mean: means[j]! })),
    penalty: Number.isFinite(penalty) ? penalty : null,
    gain: gain / base,
    gain_se: Math.sqrt((folds / (folds - 1)) * spread) / base,
    effects: Float64Array.from({ length: rows }, (_, i) => columns.reduce((sum, { values }, j) => sum + coefficients[j + 1]! * (values[i]! - means[j]!), coefficients[0]!)),
  };
}
