/**
 * The share of a price that a balance covers, 0 to 1: 1 = can be paid now. 0 also while no price is known.
 *
 * Balance and price belong to different entities and change at different times, so what combines them is never stored: it is derived
 * when it is read, from the learner's own balance and the price as the catalogue has it now.
 */
export function affordability(balance_tokens: number, price_tokens: number): number {
  return price_tokens > 0 ? Math.min(1, Math.max(0, balance_tokens / price_tokens)) : 0;
}
