import { assert, must } from "../../lib/assert.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { addScaled, dot } from "./orthogonal-basis.ts";
import type { Factor } from "./sample.ts";

/** Error that is left of a column, relative to what was left of the column itself. */
const TOLERANCE = 1e-11;
/** Steps whose progress is taken for the error that is left: conjugate gradients may stand still for one. */
const DELAY = 4;
const STEPS_MAX = 20_000;

/** Means of a factor's levels, taken out of a column. */
class LevelMeans {
  readonly #codes: Int32Array;
  readonly #weights: Float64Array | undefined;
  readonly #inverse: Float64Array;
  readonly #means: Float64Array;

  constructor({ codes, levels }: Factor, weights: Float64Array | undefined) {
    const total = new Float64Array(levels);
    for (let i = 0; i < codes.length; i++) total[codes[i]!]! += weights === undefined ? 1 : weights[i]!;
    this.#codes = codes;
    this.#weights = weights;
    this.#inverse = total.map((sum) => 1 / sum);
    this.#means = new Float64Array(levels);
  }

  remove(column: Float64Array): void {
    const codes = this.#codes;
    const weights = this.#weights;
    const means = this.#means;
    means.fill(0);
    if (weights === undefined) for (let i = 0; i < codes.length; i++) means[codes[i]!]! += column[i]!;
    else for (let i = 0; i < codes.length; i++) means[codes[i]!]! += weights[i]! * column[i]!;
    for (let g = 0; g < means.length; g++) means[g]! *= this.#inverse[g]!;
    for (let i = 0; i < codes.length; i++) column[i]! -= means[codes[i]!]!;
  }
}

/**
 * Takes fixed effects out of columns: what is left is orthogonal to every level of every factor under the weights, which must be positive. One factor is one
 * pass over the means (two, for rounding); more are alternating projections there and back, sped up by conjugate gradients (Hernández-Ramos, Escalante,
 * Raydan 2011, as reghdfe has it), until what a few steps still change is below 1e-11 of what is left.
 */
export class Absorber {
  readonly #factors: readonly LevelMeans[];
  readonly #weights: Float64Array | undefined;

  constructor(factors: readonly Factor[], weights?: Float64Array) {
    this.#factors = factors.map((factor) => new LevelMeans(factor, weights));
    this.#weights = weights;
  }

  /** In place. Throws TidemarkError `absorption_not_converged`. */
  absorb(column: Float64Array): void {
    const [first] = this.#factors;
    if (first === undefined) return;
    first.remove(column);
    first.remove(column);
    if (this.#factors.length > 1) this.#conjugateGradients(column);
  }

  /** `out` := column less what one round there and back leaves of it. */
  #moved(column: Float64Array, out: Float64Array): void {
    out.set(column);
    const last = this.#factors.length - 1;
    for (let k = 0; k <= last; k++) this.#factors[k]!.remove(out);
    for (let k = last - 1; k >= 0; k--) this.#factors[k]!.remove(out);
    for (let i = 0; i < out.length; i++) out[i] = column[i]! - out[i]!;
  }

  #product(a: Float64Array, b: Float64Array): number {
    const weights = this.#weights;
    if (weights === undefined) return dot(a, b);
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += weights[i]! * a[i]! * b[i]!;
    return sum;
  }

  #conjugateGradients(column: Float64Array): void {
    const start = this.#product(column, column);
    const residual = new Float64Array(column.length);
    const moved = new Float64Array(column.length);
    this.#moved(column, residual);
    const direction = residual.slice();
    let square = this.#product(residual, residual);
    let left = start;
    const recent: number[] = [];
    for (let step = 0; step < STEPS_MAX; step++) {
      // What is as small as rounding of the column itself cannot be lowered.
      if (!(square > 1e-31 * start)) return;
      this.#moved(direction, moved);
      const curvature = this.#product(direction, moved);
      if (!(curvature > 0)) return;
      const length = square / curvature;
      addScaled(column, -length, direction);
      addScaled(residual, -length, moved);
      recent.push(length * square);
      left = Math.max(0, left - length * square);
      const change = recent.slice(-DELAY).reduce((sum, own) => sum + own, 0);
      if (recent.length >= DELAY && change <= TOLERANCE ** 2 * Math.max(left, 1e-10 * start)) return;
      const next = this.#product(residual, residual);
      const ratio = next / square;
      for (let i = 0; i < direction.length; i++) direction[i] = residual[i]! + ratio * direction[i]!;
      square = next;
    }
    throw new TidemarkError("absorption_not_converged", `fixed effects did not settle in ${STEPS_MAX} rounds: their levels hardly overlap, so leave one dimension out`);
  }
}

/** Marks with 0 the rows that are alone in a level of a factor, again and again until there are none; returns how many. */
export function markSingletons(factors: readonly Factor[], keep: Uint8Array): number {
  let marked = 0;
  for (let before = -1; before !== marked; ) {
    before = marked;
    for (const { codes, levels } of factors) {
      const count = new Int32Array(levels);
      for (let i = 0; i < codes.length; i++) count[codes[i]!]! += keep[i]!;
      for (let i = 0; i < codes.length; i++) {
        if (keep[i] === 0 || count[codes[i]!]! !== 1) continue;
        keep[i] = 0;
        marked++;
      }
    }
  }
  return marked;
}

/** Share of one absorbed factor in each row's leverage: w/Σw of its level. */
export function levelLeverage(factor: Factor, weights: Float64Array | undefined): Float64Array {
  const total = new Float64Array(factor.levels);
  for (let i = 0; i < factor.codes.length; i++) total[factor.codes[i]!]! += weights?.[i] ?? 1;
  return Float64Array.from(factor.codes, (code, i) => (weights?.[i] ?? 1) / must(total[code], "a level"));
}

/** Sum of squares of a column by level. */
export function squaresByLevel({ codes, levels }: Factor, column: Float64Array): Float64Array {
  assert(codes.length === column.length, "a code a row");
  const sums = new Float64Array(levels);
  for (let i = 0; i < codes.length; i++) sums[codes[i]!]! += column[i]! * column[i]!;
  return sums;
}
