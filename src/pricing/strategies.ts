import type { Policy } from "../contracts/policy.ts";
import { feature, featureAt, type PricingInputs } from "./inputs.ts";
import { twoDecimals } from "./money.ts";

/** What one strategy would charge, how much it counts (weights of those that propose sum to 1), and why. */
export interface Proposal {
  readonly name: "elasticity" | "competitive" | "lifecycle" | "time";
  readonly price: number;
  readonly weight: number;
  readonly reason: string;
}

type Proposed = Pick<Proposal, "price" | "reason">;

/** What strategies go by besides the course's features. */
export interface Grounds {
  /** The optimiser's price among those with evidence behind them, and its reason. */
  readonly optimum: Proposed;
  /** Slope b of the demand posterior: an hour whose log-odds of enrolling are higher by δ has its best price higher by the factor e^(δ/b). */
  readonly slope: number;
}

/** The competitive strategy leaves prices within this ratio of its anchor alone. */
const COMPETITIVE_BAND = 0.2;

/** The competitor's price, or where none is known the average of the category's other courses. */
function competitive(inputs: PricingInputs): Proposed | undefined {
  const competitor = feature(inputs, featureAt.competitor_price_tokens);
  const anchor = competitor > 0 ? competitor : feature(inputs, featureAt.category_price_loo_tokens);
  if (!(anchor > 0)) return undefined;
  const ratio = inputs.current_price / anchor;
  if (ratio <= 1 + COMPETITIVE_BAND && ratio >= 1 - COMPETITIVE_BAND) return undefined;
  const whose = competitor > 0 ? "the competitor's price" : "the category's average price";
  const off = `${Math.round(Math.abs(ratio - 1) * 100)} % ${ratio > 1 ? "above" : "below"}`;
  return { price: Math.sqrt(inputs.current_price * anchor), reason: `The price is ${off} ${whose} of ${Math.round(anchor)} tokens; half way there, in log price.` };
}

/** The base price, times the factor of the course's age: anchored, so that it never compounds. */
function lifecycle(inputs: PricingInputs, { lifecycle: rule }: Policy): Proposed | undefined {
  const base = feature(inputs, featureAt.base_price_tokens);
  const days = feature(inputs, featureAt.days_since_launch);
  if (!(base > 0) || !(days > 0)) return undefined;
  const [factor, age] = days < rule.early_days ? [rule.early_factor, "early"] : days >= rule.mature_days ? [rule.mature_factor, "mature"] : [1, "established"];
  return { price: base * factor, reason: `${Math.floor(days)} days after its launch the course is ${age}: ${twoDecimals(factor)} times its base price of ${base} tokens.` };
}

/** The optimum, moved as this hour and weekday of the category convert better or worse than others: e^(δ/b), within the policy's factors. */
function time(inputs: PricingInputs, { time: rule }: Policy, { optimum, slope }: Grounds): Proposed | undefined {
  if (!rule.learned) return undefined;
  const lift = feature(inputs, featureAt.category_hour_lift) + feature(inputs, featureAt.category_weekday_lift);
  const factor = Math.min(rule.factor_max, Math.max(rule.factor_min, Math.exp(lift / Math.max(1, slope))));
  const how = lift > 0 ? "more" : lift < 0 ? "less" : "as";
  return { price: optimum.price * factor, reason: `At this hour and weekday the category's learners enroll ${how} readily than on average (log-odds ${twoDecimals(lift)}): ${twoDecimals(factor)} times the optimum.` };
}

/** The proposals, weights normalised over the strategies that propose; empty when the policy gives all of them weight 0. */
export function proposals(inputs: PricingInputs, grounds: Grounds, policy: Policy): Proposal[] {
  const { weights } = policy;
  const asked: [Proposal["name"], number, Proposed | undefined][] = [
    ["elasticity", weights.elasticity, grounds.optimum],
    ["competitive", weights.competitive, weights.competitive > 0 ? competitive(inputs) : undefined],
    ["lifecycle", weights.lifecycle, weights.lifecycle > 0 ? lifecycle(inputs, policy) : undefined],
    ["time", weights.time, weights.time > 0 ? time(inputs, policy, grounds) : undefined],
  ];
  let total = 0;
  for (const [, weight, proposed] of asked) if (proposed !== undefined) total += weight;
  const list: Proposal[] = [];
  for (const [name, weight, proposed] of asked) {
    if (weight > 0 && proposed !== undefined) list.push({ name, price: proposed.price, weight: weight / total, reason: proposed.reason });
  }
  return list;
}
