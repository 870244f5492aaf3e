import { feature, featureAt, type PricingInputs } from "./inputs.ts";
import type { Policy } from "../contracts/policy.ts";

/** What one strategy would charge, how much it counts (weights of those that propose sum to 1), and why. */
export interface Proposal {
  readonly name: "elasticity" | "competitive";
  readonly price: number;
  readonly weight: number;
  readonly reason: string;
}

/** The competitive strategy leaves prices within this ratio of its anchor alone. */
const COMPETITIVE_BAND = 0.2;

/** The competitor's price, or where none is known the average of the category's other courses. */
function competitiveProposal(inputs: PricingInputs): Omit<Proposal, "weight"> | undefined {
  const competitor = feature(inputs, featureAt.competitor_price_tokens);
  const anchor = competitor > 0 ? competitor : feature(inputs, featureAt.category_price_loo_tokens);
  if (!(anchor > 0)) return undefined;
  const ratio = inputs.current_price / anchor;
  if (ratio <= 1 + COMPETITIVE_BAND && ratio >= 1 - COMPETITIVE_BAND) return undefined;
  const whose = competitor > 0 ? "the competitor's price" : "the category's average price";
  const off = `${Math.round(Math.abs(ratio - 1) * 100)} % ${ratio > 1 ? "above" : "below"}`;
  return { name: "competitive", price: Math.sqrt(inputs.current_price * anchor), reason: `The price is ${off} ${whose} of ${Math.round(anchor)} tokens; half way there, in log price.` };
}

/** The proposals, weights normalised over the strategies that propose; empty when the policy gives all of them weight 0. */
export function proposals(inputs: PricingInputs, elasticity: { price: number; reason: string }, policy: Policy): Proposal[] {
  const competitive = policy.weights.competitive > 0 ? competitiveProposal(inputs) : undefined;
  const total = policy.weights.elasticity + (competitive === undefined ? 0 : policy.weights.competitive);
  const list: Proposal[] = [];
  if (policy.weights.elasticity > 0) list.push({ name: "elasticity", ...elasticity, weight: policy.weights.elasticity / total });
  if (competitive !== undefined) list.push({ ...competitive, weight: policy.weights.competitive / total });
  return list;
}

/** Weighted mean in log price; the current price when nobody proposes. */
export function blend(list: readonly Proposal[], current: number): number {
  if (list.length === 1) return list[0]!.price;
  let log_price = 0;
  for (const proposal of list) log_price += proposal.weight * Math.log(proposal.price / current);
  return current * Math.exp(log_price);
}
