import type { Proposal } from "./strategies.ts";

/** The strategies' weighted mean in log price, as a function of what the elasticity strategy proposes. */
export interface Blend {
  /** Infinite for an infinite price. */
  targetOf(elasticity_price: number): number;
  /** The elasticity strategy's price that gives a target. */
  elasticityPriceOf(target: number): number;
}

/** Of the proposals as they stand; the current price when nobody proposes. */
export function blended(list: readonly Proposal[], current: number): number {
  if (list.length === 1) return list[0]!.price;
  let log_price = 0;
  for (const proposal of list) log_price += proposal.weight * Math.log(proposal.price / current);
  return current * Math.exp(log_price);
}

/** The elasticity strategy must be among them, with a weight above 0. */
export function blendOf(list: readonly Proposal[], current: number): Blend {
  let weight = 1;
  let others = 0;
  for (const proposal of list) {
    if (proposal.name === "elasticity") weight = proposal.weight;
    else others += proposal.weight * Math.log(proposal.price / current);
  }
  return {
    targetOf: (price) => current * Math.exp(others + weight * Math.log(price / current)),
    elasticityPriceOf: (target) => current * Math.exp((Math.log(target / current) - others) / weight),
  };
}
