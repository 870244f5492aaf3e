import type { Factor } from "./sample.ts";

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
