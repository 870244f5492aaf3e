import { TOKENS_MAX } from "../contracts/fields.ts";
import type { Policy } from "../contracts/policy.ts";
import type { Goal } from "./objective.ts";
import { type DemandNodes, NODES, nodeWeights, priceFactor } from "./quadrature.ts";
import type { PriceRange } from "./guardrails.ts";

const POINTS_MAX = 512;
/** Scratch of one optimisation, reused by every call: nothing here outlives it. */
const grid = new Float64Array(POINTS_MAX);
const conversion = new Float64Array(POINTS_MAX);

export interface Optimum {
  /** Best price of the whole grid. */
  readonly price: number;
  /** The whole grid's best price lies at the grid's edge: the true optimum may lie beyond. */
  readonly boundary: boolean;
  /** Best price among those with evidence behind them. */
  readonly supported_price: number;
}

/** Puts a price into the ascending grid of `size` prices unless it is there; returns the new size. */
function insert(price: number, size: number): number {
  let at = size;
  while (at > 0 && grid[at - 1]! > price) at--;
  if (at > 0 && grid[at - 1] === price) return size;
  for (let i = size; i > at; i--) grid[i] = grid[i - 1]!;
  grid[at] = price;
  return size + 1;
}

/**
 * At most policy.grid.points whole prices between price / span and price · span, evenly spaced in log price. The current price is always one of them, and where
 * the points allow so are the ends of the supported range. Floor and ceiling are guardrails after it. Written to the scratch grid; returns how many.
 */
function fillGrid(current: number, supported: PriceRange, policy: Policy): number {
  const low = Math.max(1, Math.ceil(current / policy.grid.span));
  const high = Math.max(low, Math.min(TOKENS_MAX, Math.floor(current * policy.grid.span)));
  const points = Math.min(POINTS_MAX, policy.grid.points);
  let size = insert(current, 0);
  const supported_low = Math.ceil(Math.max(low, supported.low));
  const supported_high = Math.floor(Math.min(high, supported.high));
  if (size < points && supported_low <= high) size = insert(supported_low, size);
  if (size < points && supported_high >= low) size = insert(supported_high, size);
  if (high - low + 1 <= points - size) {
    for (let price = low; price <= high; price++) size = insert(price, size);
    return size;
  }
  const free = points - size;
  const growth = free > 1 ? Math.exp(Math.log(high / low) / (free - 1)) : 1;
  let price = low;
  for (let k = 0; k < free; k++) {
    size = insert(Math.min(high, Math.round(price)), size);
    price *= growth;
  }
  return size;
}

/** The prices that `optimise` chooses from, ascending. */
export function priceGrid(current: number, supported: PriceRange, policy: Policy): number[] {
  return Array.from(grid.subarray(0, fillGrid(current, supported, policy)));
}

/** e^(slope·z) of the posterior's slopes at one price. */
const factors = new Float64Array(NODES);
/** Beyond this an exponent is left to priceFactor, which keeps it finite. */
const EXPONENT_SAFE = 200;

/**
 * Posterior mean conversion at every grid price. Slopes lie evenly around the middle one unless the lowest is cut, so that of five exponentials a price three are
 * enough.
 */
function fillConversion({ slopes, odds }: DemandNodes, current: number, size: number): void {
  const middle = slopes[2]!;
  const near = slopes[3]! - middle;
  const far = slopes[4]! - middle;
  const even = Math.abs(middle - near - slopes[1]!) + Math.abs(middle - far - slopes[0]!) <= 1e-12 * slopes[4]!;
  for (let k = 0; k < size; k++) {
    const z = Math.log(grid[k]! / current);
    if (even && Math.abs(slopes[4]! * z) < EXPONENT_SAFE) {
      const f = Math.exp(middle * z);
      const a = Math.exp(near * z);
      const b = Math.exp(far * z);
      factors[0] = f / b;
      factors[1] = f / a;
      factors[2] = f;
      factors[3] = f * a;
      factors[4] = f * b;
    } else for (let j = 0; j < NODES; j++) factors[j] = priceFactor(slopes[j]!, z);
    let mean = 0;
    for (let j = 0; j < NODES; j++) {
      const factor = factors[j]!;
      for (let i = j * NODES; i < (j + 1) * NODES; i++) mean += nodeWeights[i]! / (1 + odds[i]! * factor);
    }
    conversion[k] = mean;
  }
}

/** The most expected tokens: revenue, less the cost of an enrollment where margin is the goal. */
function mostTokens(from: number, to: number, cost: number): number {
  let best = from;
  for (let k = from + 1; k <= to; k++) if ((grid[k]! - cost) * conversion[k]! > (grid[best]! - cost) * conversion[best]!) best = k;
  return best;
}

/** Enrollments fall with price, so the most are at the lowest price that earns no less than the floor. */
function mostEnrollments(from: number, to: number, revenue_floor: number): number {
  for (let k = from; k <= to; k++) if (grid[k]! * conversion[k]! >= revenue_floor) return k;
  return mostTokens(from, to, 0);
}

/**
 * The price with the largest expected objective under the demand posterior, per exposure: exposures do not depend on the price here, so they scale every price
 * alike. Objective "enrollments": the most enrollments among prices whose expected revenue keeps the goal's share of the current price's.
 */
export function optimise(nodes: DemandNodes, current: number, supported: PriceRange, goal: Goal, policy: Policy): Optimum {
  const size = fillGrid(current, supported, policy);
  fillConversion(nodes, current, size);
  const last = size - 1;
  let now = 0;
  while (grid[now] !== current) now++;
  const revenue_floor = goal.revenue_floor_share * current * conversion[now]!;
  const pick = (from: number, to: number): number => (goal.objective === "enrollments" ? mostEnrollments(from, to, revenue_floor) : mostTokens(from, to, goal.cost_tokens));
  const best = pick(0, last);
  let from = 0;
  let to = last;
  while (from < to && grid[from]! < supported.low) from++;
  while (to > from && grid[to]! > supported.high) to--;
  return { price: grid[best]!, boundary: best === 0 || best === last, supported_price: grid[pick(from, to)]! };
}
