import type { Objective, Policy } from "../contracts/policy.ts";
import { normalCdf } from "./normal.ts";
import { conversionAt, type DemandNodes, logRevenueRatio, type Moments } from "./quadrature.ts";

/** What is to be made large, with what it needs to know of the course. */
export interface Goal {
  readonly objective: Objective;
  /** What an enrollment costs; 0 unless margin is the objective. */
  readonly cost_tokens: number;
  /** Share of what the current price earns that more enrollments may not fall below. */
  readonly revenue_floor_share: number;
}

export function goalOf(objective: Objective, cost_tokens: number, { revenue_floor_share }: Pick<Policy, "revenue_floor_share">): Goal {
  return { objective, cost_tokens: objective === "margin" ? cost_tokens : 0, revenue_floor_share };
}

/** Expected tokens per view: margin where that is the objective, else revenue. */
export function tokensPerView({ cost_tokens }: Goal, price: number, conversion: number): number {
  return (price - cost_tokens) * conversion;
}

/** Whether a price is expected to serve the objective less than the current one; conversions are those at the two prices. */
export function servesLess(goal: Goal, price: number, conversion: number, current: number, conversion_now: number): boolean {
  if (goal.objective !== "enrollments") return tokensPerView(goal, price, conversion) < tokensPerView(goal, current, conversion_now);
  return conversion < conversion_now || price * conversion < goal.revenue_floor_share * current * conversion_now;
}

/** P(X < threshold) of a normal with these moments. */
export function probabilityBelow({ mean, sd }: Moments, threshold: number): number {
  if (!(sd > 0)) return mean < threshold ? 1 : 0;
  return normalCdf((threshold - mean) / sd);
}

/**
 * Posterior moments of log(tokens at `price` / tokens at `current`). Where one of the two has no margin there is no ratio: certainly more or certainly
 * less, as infinite means say.
 */
export function logGain(nodes: DemandNodes, { cost_tokens }: Goal, price: number, current: number): Moments {
  const ratio = logRevenueRatio(nodes, Math.log(price / current));
  if (cost_tokens === 0 || price === current) return ratio;
  if (price <= cost_tokens) return { mean: current <= cost_tokens && price > current ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY, sd: 0 };
  if (current <= cost_tokens) return { mean: Number.POSITIVE_INFINITY, sd: 0 };
  return { mean: ratio.mean + Math.log((price - cost_tokens) / price) - Math.log((current - cost_tokens) / current), sd: ratio.sd };
}

/** Probability that a move loses more than `share` of what the current price brings; 0 without a move. */
export function lossProbability(nodes: DemandNodes, goal: Goal, price: number, current: number, share: number): number {
  return price === current ? 0 : probabilityBelow(logGain(nodes, goal, price, current), Math.log(1 - share));
}

/** The same expectation at any price. */
export function expectedTokens(nodes: DemandNodes, goal: Goal, price: number, current: number): number {
  return tokensPerView(goal, price, conversionAt(nodes, Math.log(price / current)).mean);
}
