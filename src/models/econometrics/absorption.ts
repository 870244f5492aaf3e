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

/** Connected parts of the graph whose edges are rows between the levels of two factors: so many of their effects are redundant. */
export function connectedParts(a: Factor, b: Factor): number {
  const parent = Int32Array.from({ length: a.levels + b.levels }, (_, i) => i);
  const root = (node: number): number => {
    while (parent[node] !== node) node = parent[node] = parent[parent[node]!]!;
    return node;
  };
  let parts = a.levels + b.levels;
  for (let i = 0; i < a.codes.length; i++) {
    const from = root(a.codes[i]!);
    const to = root(a.levels + b.codes[i]!);
    if (from === to) continue;
    parent[from] = to;
    parts--;
  }
  return parts;
}

/** Whether every level of `inner` lies within one level of `outer`. */
export function isNested(inner: Factor, outer: Factor): boolean {
  const within = new Int32Array(inner.levels).fill(-1);
  for (let i = 0; i < inner.codes.length; i++) {
    const code = inner.codes[i]!;
    if (within[code]! < 0) within[code] = outer.codes[i]!;
    else if (within[code] !== outer.codes[i]) return false;
  }
  return true;
}

export interface AbsorbedFactor {
  readonly name: string;
  readonly levels: number;
  /** Levels that the factors before it explain: exact for two factors, a lower bound from the third on. */
  readonly redundant: number;
  /** Whether each level lies within one cluster. */
  readonly nested: boolean;
}

export interface AbsorbedFreedom {
  readonly factors: readonly AbsorbedFactor[];
  /** Parameters that the effects take, the constant's included; 0 without any. */
  readonly parameters: number;
  /** The same for clustered errors: effects within clusters count nothing but the constant. */
  readonly parameters_clustered: number;
}

/**
 * Degrees of freedom of absorbed effects as reghdfe and fixest count them: of each factor its levels less those that are redundant, and of factors nested in
 * clusters nothing (their noise is in the clusters' own), but one parameter for the constant that they hold.
 */
export function absorbedFreedom(factors: readonly Factor[], clusters: readonly Factor[]): AbsorbedFreedom {
  const nested = factors.map((factor) => clusters.some((cluster) => isNested(factor, cluster)));
  // Nested ones first, so that what others share with them is not counted, whatever the order given.
  const order = [...factors.keys()].sort((a, b) => Number(nested[b]) - Number(nested[a]) || a - b);
  const absorbed = factors.map((factor, k): AbsorbedFactor => {
    const before = order.slice(0, order.indexOf(k));
    const redundant = before.reduce((most, other) => Math.max(most, connectedParts(factors[other]!, factor)), 0);
    return { name: factor.name, levels: factor.levels, redundant, nested: nested[k]! };
  });
  const count = (own: readonly AbsorbedFactor[]): number => own.reduce((sum, { levels, redundant }) => sum + levels - redundant, 0);
  const free = absorbed.filter(({ nested }) => !nested);
  return { factors: absorbed, parameters: count(absorbed), parameters_clustered: count(free) + (free.length < absorbed.length ? 1 : 0) };
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
