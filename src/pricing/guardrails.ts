import { TOKENS_MAX } from "../contracts/fields.ts";
import type { PriceTerms } from "../contracts/decision.ts";
import type { Policy } from "../contracts/policy.ts";
import { CELL_WIDTH } from "./inputs.ts";
import { type Goal, lossProbability } from "./objective.ts";
import type { DemandPrior } from "./prior.ts";
import type { DemandNodes } from "./quadrature.ts";

/** A closed range of prices; its ends need not be whole. */
export interface PriceRange {
  readonly low: number;
  readonly high: number;
}

/** Decayed exposures from which a price counts as seen. */
const SEEN_EXPOSURES = 1;

export function clampTo(range: PriceRange, price: number): number {
  return Math.min(range.high, Math.max(range.low, price));
}

/**
 * Prices within |Δ log price| ≤ step of a price, or one token where that is further: prices are whole, and a cheap course
 * could otherwise never move. A step of 0 allows no move at all.
 */
export function stepRange(price: number, step_log: number): PriceRange {
  if (step_log === 0) return { low: price, high: price };
  return { low: Math.max(1, Math.min(price * Math.exp(-step_log), price - 1)), high: Math.max(price * Math.exp(step_log), price + 1) };
}

/**
 * Prices with evidence behind them: from the lowest to the highest that learners have seen (the current list price
 * counts as seen), and one step beyond either.
 */
export function supportedRange(prior: DemandPrior, cells: ArrayLike<number>, policy: Policy): PriceRange {
  let low = prior.x_now;
  let high = prior.x_now;
  for (let i = 0; i < cells.length; i += CELL_WIDTH) {
    if (Math.max(cells[i + 1]!, cells[i + 2]!) < SEEN_EXPOSURES) continue;
    const x = cells[i]!;
    if (x < low) low = x;
    if (x > high) high = x;
  }
  const seen = (x: number): number => prior.current_price * Math.exp(x - prior.x_now);
  return {
    low: Math.max(1, stepRange(seen(low), policy.step_log_max).low),
    high: Math.min(TOKENS_MAX, stepRange(seen(high), policy.step_log_max).high),
  };
}

/** Floor and ceiling of a course. */
export function termsRange({ floor_tokens, ceiling_tokens }: PriceTerms): PriceRange {
  return { low: floor_tokens, high: ceiling_tokens };
}

/** Whether a list price that was set so recently has to stay. */
export function isCooling(days_since_repriced: number, { cool_down_hours }: Policy): boolean {
  return cool_down_hours > 0 && days_since_repriced * 24 < cool_down_hours;
}

/**
 * The whole prices that floor, ceiling, step and cool-down allow, never empty: within one step of the current price, inside floor and ceiling, and while the
 * course is cooling the current price alone. A current price that lies outside floor and ceiling, further than one step, leaves only the bound that it must move
 * to: they come before step and cool-down, because a price that the policy forbids is wrong now, not one step at a time.
 */
export function allowedPrices(current: number, limits: PriceRange, cooling: boolean, policy: Policy): { min: number; max: number } {
  const step = cooling ? { low: current, high: current } : stepRange(current, policy.step_log_max);
  let min = Math.ceil(Math.max(limits.low, step.low));
  let max = Math.floor(Math.min(limits.high, step.high));
  // exp and log round; beyond the one token that is always allowed, the step holds exactly as a reader would check it.
  if (min < current - 1 && Math.log(current / min) > policy.step_log_max && min < limits.high) min++;
  if (max > current + 1 && Math.log(max / current) > policy.step_log_max && max > limits.low) max--;
  if (min <= max) return { min, max };
  const bound = current > limits.high ? limits.high : current < limits.low ? limits.low : current;
  return { min: bound, max: bound };
}

/**
 * Of the whole prices from `min` to `max` around the current one, those up to which no move is too likely to lose: where an end is, the last before it that
 * is not, by bisection. A current price outside of them leaves them as they are.
 */
export function riskRange(nodes: DemandNodes, goal: Goal, current: number, { min, max }: { min: number; max: number }, policy: Policy): { min: number; max: number } {
  if (current < min || current > max) return { min, max };
  const safe = (price: number): boolean => lossProbability(nodes, goal, price, current, policy.hold_loss) <= policy.hold_probability;
  const last = (end: number): number => {
    if (safe(end)) return end;
    let good = current;
    let bad = end;
    while (Math.abs(bad - good) > 1) {
      const middle = Math.trunc((good + bad) / 2);
      if (safe(middle)) good = middle;
      else bad = middle;
    }
    return good;
  };
  return { min: last(min), max: last(max) };
}
