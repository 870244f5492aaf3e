import { assert } from "../../lib/assert.ts";
import { Prng } from "../../lib/prng.ts";
import { type DemandNodes, NODES, nodeWeights } from "../quadrature.ts";
import { normalQuantile } from "./normal-quantile.ts";
import { type Willingness, willingnessAt } from "./willingness.ts";

export const PARTS_MAX = 20;
/** Demand curves that are drawn from the posteriors, and learners who are drawn for each. */
export const CURVES = 32;
export const LEARNERS = 256;
export const DRAWS = CURVES * LEARNERS;
/** A millisecond or two with twenty courses. */
const CURVES_PER_STEP = 4;

/** One course of a bundle: its price alone, what an enrollment costs, and the demand posterior around that price. */
export interface BundlePart {
  readonly price: number;
  readonly cost: number;
  readonly nodes: DemandNodes;
}

/** What each drawn learner would do. In order of draws, the learners of one set of demand curves after those of another. */
export interface BundleDraws {
  /** The learner buys the bundle at this price or below. */
  readonly threshold: Float64Array;
  /** What the learner brings without it (tokens less costs), and courses that are bought then. */
  readonly alone: Float64Array;
  readonly alone_courses: Float64Array;
}

/** Common random numbers: every bundle is priced on the same learners, so that prices differ by what the bundles are and replay to the bit. */
let table: { readonly normals: Float64Array; readonly nodes: Uint8Array } | undefined;

/** One number of each of `count` equal stretches of [0, 1), in random order. */
function stratified(count: number, random: Prng): Float64Array {
  const numbers = Float64Array.from({ length: count }, (_, i) => (i + random.uniform()) / count);
  for (let i = count - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [numbers[i], numbers[j]] = [numbers[j]!, numbers[i]!];
  }
  return numbers;
}

/** Latin hypercubes (McKay, Beckman, Conover 1979): every course alone is drawn evenly, over its demand curves and, under each of them, over learners. */
function randomTable(): NonNullable<typeof table> {
  if (table !== undefined) return table;
  const random = new Prng("bundle");
  const normals = new Float64Array(DRAWS * PARTS_MAX);
  const nodes = new Uint8Array(CURVES * PARTS_MAX);
  for (let part = 0; part < PARTS_MAX; part++) {
    for (const [curve, uniform] of stratified(CURVES, random).entries()) {
      nodes[curve * PARTS_MAX + part] = nodeAt(uniform);
      for (const [i, own] of stratified(LEARNERS, random).entries()) normals[(curve * LEARNERS + i) * PARTS_MAX + part] = normalQuantile(own);
    }
  }
  return (table = { normals, nodes });
}

/** The node of the posterior's quadrature in whose share of [0, 1) a number lies. */
function nodeAt(uniform: number): number {
  let end = 0;
  for (let k = 0; k < nodeWeights.length; k++) if (uniform < (end += nodeWeights[k]!)) return k;
  return nodeWeights.length - 1;
}

/**
 * Draws learners, whose log willingness to pay is normal with the correlation `factor` (lower Cholesky factor, n × n), under demand curves drawn from the posteriors. A learner takes
 * whichever leaves the greatest surplus: the bundle, Σw − p_B, or each course that is worth its price, Σ max(0, w − p). So the bundle is bought where p_B ≤ Σ min(w, p), and never
 * above the sum of its parts. In steps, for who may not hold up others.
 */
export function* bundleDraws(parts: readonly BundlePart[], factor: Float64Array): Generator<void, BundleDraws> {
  const n = parts.length;
  assert(n >= 1 && n <= PARTS_MAX && factor.length === n * n, "a bundle has 1 to 20 parts, and a factor of its size");
  const { normals, nodes } = randomTable();
  const threshold = new Float64Array(DRAWS);
  const alone = new Float64Array(DRAWS);
  const alone_courses = new Float64Array(DRAWS);
  const log_mean = new Float64Array(n);
  const log_sd = new Float64Array(n);
  for (let curve = 0; curve < CURVES; curve++) {
    if (curve % CURVES_PER_STEP === 0) yield;
    for (let j = 0; j < n; j++) {
      const own = curveOf(parts[j]!, nodes[curve * PARTS_MAX + j]!);
      log_mean[j] = own.log_mean;
      log_sd[j] = own.log_sd;
    }
    for (let draw = curve * LEARNERS; draw < (curve + 1) * LEARNERS; draw++) {
      for (let j = 0; j < n; j++) {
        let z = 0;
        for (let k = 0; k <= j; k++) z += factor[j * n + k]! * normals[draw * PARTS_MAX + k]!;
        const { price, cost } = parts[j]!;
        const worth = Math.exp(log_mean[j]! + log_sd[j]! * z);
        if (worth >= price) {
          threshold[draw]! += price;
          alone[draw]! += price - cost;
          alone_courses[draw]! += 1;
        } else threshold[draw]! += worth;
      }
    }
  }
  return { threshold, alone, alone_courses };
}

function curveOf({ price, nodes: { slopes, odds } }: BundlePart, node: number): Willingness {
  return willingnessAt(price, 1 / (1 + odds[node]!), slopes[Math.trunc(node / NODES)]!);
}
