import type { SensitivityPropensity } from "../../contracts/propensity.ts";
import { incompatible } from "../tree-check.ts";
import { quantileRank } from "./quantile-rank.ts";

/** In the middle of everybody, where nobody's sensitivity is known. */
const UNKNOWN = 0.5;

/** The effect of price on a learner's conversion, laid out for scoring. */
export class CompiledSensitivity {
  readonly identified: boolean;
  readonly #mean: Float64Array;
  readonly #weights: Float64Array;
  readonly #perScale: Float64Array;
  readonly #intercept: number;
  readonly #covariance: Float64Array;
  readonly #quantiles: Float64Array;
  /** The row at hand, standardised, with a leading 1. */
  readonly #z: Float64Array;

  /** Throws TidemarkError `incompatible_artifact`. */
  constructor({ identified, mean, scale, coefficients, intercept, covariance, quantiles }: SensitivityPropensity, columns: number) {
    if (mean.length !== columns || scale.length !== columns || coefficients.length !== columns) incompatible(`price sensitivity has ${coefficients.length} coefficients for ${columns} inputs`);
    if (covariance.length !== (columns + 1) ** 2) incompatible(`price sensitivity has a covariance of ${covariance.length} entries`);
    if (quantiles.some((own, i) => i > 0 && own < quantiles[i - 1]!)) incompatible("quantiles of price sensitivity that fall");
    this.identified = identified;
    this.#mean = Float64Array.from(mean);
    this.#perScale = Float64Array.from(scale, (own) => 1 / own);
    this.#weights = Float64Array.from(coefficients, (own, i) => own / scale[i]!);
    this.#intercept = intercept;
    this.#covariance = Float64Array.from(covariance);
    this.#quantiles = Float64Array.from(quantiles);
    this.#z = new Float64Array(columns + 1).fill(1, 0, 1);
  }

  /** Of the average learner. */
  get average(): number {
    return this.#intercept;
  }

  /** d log-odds of enrolling / d log price. No allocation. */
  effect(row: Float64Array): number {
    let sum = this.#intercept;
    for (let i = 0; i < this.#weights.length; i++) sum += this.#weights[i]! * (row[i]! - this.#mean[i]!);
    return sum;
  }

  /** Its standard error. No allocation. */
  se(row: Float64Array): number {
    const z = this.#z;
    const width = z.length;
    for (let i = 1; i < width; i++) z[i] = (row[i - 1]! - this.#mean[i - 1]!) * this.#perScale[i - 1]!;
    let variance = 0;
    for (let i = 0; i < width; i++) {
      let sum = 0;
      for (let j = 0; j < width; j++) sum += this.#covariance[i * width + j]! * z[j]!;
      variance += z[i]! * sum;
    }
    return Math.sqrt(Math.max(0, variance));
  }

  /** Share of the population that is less sensitive than at an effect. No allocation. */
  rankOf(effect: number): number {
    return quantileRank(this.#quantiles, -effect);
  }

  rank(row: Float64Array): number {
    return this.identified ? this.rankOf(this.effect(row)) : UNKNOWN;
  }

  /** By input, of −effect: they sum to it less the average learner's. */
  contributions(row: Float64Array): Float64Array {
    return this.#weights.map((weight, i) => -weight * (row[i]! - this.#mean[i]!));
  }
}
