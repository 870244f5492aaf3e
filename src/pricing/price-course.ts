import type { DegradedReason, WaterfallStep } from "../contracts/api.ts";
import type { PriceExploration } from "../contracts/decision.ts";
import type { Policy } from "../contracts/policy.ts";
import { assert } from "../lib/assert.ts";
import type { CompiledModel } from "../models/compiled.ts";
import { degradation } from "./degradation.ts";
import { type Evidence, strongestEvidence } from "./evidence.ts";
import { allowedPrices, clampTo, type PriceRange, stepRange, supportedRange, termsRange } from "./guardrails.ts";
import type { PricingInputs } from "./inputs.ts";
import { twoDecimals } from "./money.ts";
import { normalCdf } from "./normal.ts";
import { optimise, type Optimum } from "./optimizer.ts";
import { type DemandPosterior, demandPosterior } from "./posterior.ts";
import { demandPrior } from "./prior.ts";
import { conversionAt, elasticityNow, logRevenueRatio, type Moments } from "./quadrature.ts";
import { blend, type Proposal, proposals } from "./strategies.ts";
import { expectedVolume, type Volume } from "./volume.ts";
import { Waterfall } from "./waterfall.ts";

export type { PricingInputs } from "./inputs.ts";

/** A course-level price and everything that its answer says about it. */
export interface PriceOutcome {
  readonly inputs: PricingInputs;
  readonly model_version: string | null;
  readonly policy: Policy;
  readonly posterior: DemandPosterior;
  readonly evidence: Evidence | undefined;
  readonly supported: PriceRange;
  readonly optimum: Optimum;
  readonly proposals: readonly Proposal[];
  readonly waterfall: readonly WaterfallStep[];
  /** Guardrails that changed the price, in order. */
  readonly binding: readonly string[];
  readonly allowed: { readonly min: number; readonly max: number };
  readonly optimal_price: number;
  /** The whole price that the guardrails left before the hold rule. */
  readonly candidate_price: number;
  /** Why the candidate was not taken: too likely to lose revenue, or expected to earn less than the current price. */
  readonly hold: "risk" | "cost" | undefined;
  /** Over the policy's horizon. */
  readonly volume: Volume;
  /** Conversion at the current and at the optimal price. */
  readonly conversion_now: Moments;
  readonly conversion_optimal: Moments;
  readonly elasticity: Moments;
  /** Posterior probability that the answer is right: that the move gains revenue, or for a hold that the best alternative does not. */
  readonly confidence: number;
  /** Posterior probability that the move loses more than policy.hold_loss of revenue. */
  readonly loss_probability: number;
  readonly degraded: readonly DegradedReason[];
  /** Where the price was drawn. */
  readonly exploration: PriceExploration | undefined;
}

/** P(log(revenue at a price / revenue now) < threshold), by the normal with the posterior's moments of that log ratio. */
function probabilityBelow({ mean, sd }: Moments, threshold: number): number {
  if (!(sd > 0)) return mean < threshold ? 1 : 0;
  return normalCdf((threshold - mean) / sd);
}

/** Probability that neither end of what the guardrails allow earns more than the current price (the likelier gain counts). */
function stayProbability({ nodes, prior: { current_price } }: DemandPosterior, { min, max }: { min: number; max: number }): number {
  let stay = 1;
  if (max > current_price) stay = Math.min(stay, probabilityBelow(logRevenueRatio(nodes, Math.log(max / current_price)), 0));
  if (min < current_price) stay = Math.min(stay, probabilityBelow(logRevenueRatio(nodes, Math.log(min / current_price)), 0));
  return stay;
}

/**
 * The price of a course: strategies propose from the demand posterior, their blend in log price is the target, and the
 * guardrails bring it to a whole number of tokens. A pure function: the same inputs, model and policy give the same price.
 * Guardrails appear in the waterfall when they bind.
 */
export function priceCourse(inputs: PricingInputs, model: CompiledModel | null, policy: Policy): PriceOutcome {
  const current = inputs.current_price;
  assert(current >= 1, "a price is at least one token");
  const prior = demandPrior(inputs, model);
  const posterior = demandPosterior(prior, inputs.cells);
  const { nodes } = posterior;
  const conversion_now = conversionAt(nodes, 0);
  const elasticity = elasticityNow(nodes);
  const volume = expectedVolume(inputs, policy, policy.horizon_days, conversion_now.mean);
  const revenue = (price: number): number => price * conversionAt(nodes, Math.log(price / current)).mean * volume.exposures;
  const supported = supportedRange(prior, inputs.cells, policy);
  const limits = termsRange(inputs.terms);
  const optimum = optimise(nodes, current, supported, limits, inputs.objective, policy);
  const waterfall = new Waterfall();

  waterfall.add("base", "current_price", current, "The price now.");
  const goal = inputs.objective === "revenue" ? "Expected revenue per view peaks here" : "The lowest price that keeps expected revenue";
  const edge = optimum.boundary ? "; it is the edge of the grid, so the optimum may lie beyond" : "";
  waterfall.add("model", "demand_posterior", optimum.price, `${goal}, with an elasticity of ${twoDecimals(elasticity.mean)} at the current price${edge}.`);
  const list = proposals(inputs, { price: optimum.supported_price, reason: `${goal} among prices with evidence behind them.` }, policy);
  for (const proposal of list) waterfall.add("strategy", proposal.name, proposal.price, `${proposal.reason} Weight ${twoDecimals(proposal.weight)}.`);
  const target = blend(list, current);
  if (list.length !== 1) waterfall.add("strategy", "blend", target, list.length === 0 ? "No strategy has weight: the price stays." : "The strategies' weighted mean in log price.");

  let price = target;
  const bind = (name: string, to: number, from: number, reason: string): void => {
    waterfall.guardrail(name, to, revenue(from) - revenue(to), reason);
    price = to;
  };
  const evident = clampTo(supported, price);
  if (evident !== price) bind("supported_range", evident, price, "No evidence beyond one step from the prices that learners have seen.");
  else if (optimum.supported_price !== optimum.price && list[0]?.name === "elasticity") {
    bind("supported_range", price, optimum.price, "The optimum lies more than one step beyond the prices that learners have seen.");
  }
  const stepped = clampTo(stepRange(current, policy.step_log_max), price);
  if (stepped !== price) bind("step", stepped, price, `One change moves the log price by at most ${policy.step_log_max}, or the price by one token.`);
  if (price < limits.low) bind("floor", limits.low, price, `The policy's floor is ${limits.low} tokens.`);
  if (price > limits.high) bind("ceiling", limits.high, price, `The policy's ceiling is ${limits.high} tokens.`);

  const allowed = allowedPrices(current, limits, policy);
  const within = (value: number): number => Math.min(allowed.max, Math.max(allowed.min, value));
  const candidate = within(Math.round(price));
  const can_hold = current >= limits.low && current <= limits.high;
  const moves = candidate !== current;
  const gain = logRevenueRatio(nodes, Math.log(candidate / current));
  const candidate_loss = moves ? probabilityBelow(gain, Math.log(1 - policy.hold_loss)) : 0;
  const risky = can_hold && candidate_loss > policy.hold_probability;
  // A step towards a distant optimum, or a strategy's pull, may cost on the way: the objective decides, not the direction.
  const costly = can_hold && !risky && moves && candidate * conversionAt(nodes, Math.log(candidate / current)).mean < current * conversion_now.mean;
  const held = risky || costly;
  if (costly) bind("hold", current, candidate, `Held: at ${candidate} tokens the expected revenue is lower than now.`);
  if (risky) bind("hold", current, candidate, `Held: the move to ${candidate} loses more than ${twoDecimals(policy.hold_loss * 100)} % of revenue with probability ${twoDecimals(candidate_loss)}.`);
  const optimal_price = held ? current : candidate;
  const rounded = price === optimal_price ? "Already a whole number of tokens." : "To a whole number of tokens inside the guardrails.";
  const one_token = Math.abs(optimal_price - current) === 1 && Math.abs(Math.log(optimal_price / current)) > policy.step_log_max;
  waterfall.add("rounding", "whole_tokens", optimal_price, one_token ? `${rounded} One token, the least that a price can move, is more than the step of ${policy.step_log_max} here.` : rounded);

  return {
    inputs,
    model_version: model === null ? null : model.version,
    policy,
    posterior,
    evidence: strongestEvidence(prior, inputs.cells),
    supported,
    optimum,
    proposals: list,
    waterfall: waterfall.steps,
    binding: waterfall.binding,
    allowed,
    optimal_price,
    candidate_price: candidate,
    hold: risky ? "risk" : costly ? "cost" : undefined,
    volume,
    conversion_now,
    conversion_optimal: conversionAt(nodes, Math.log(optimal_price / current)),
    elasticity,
    confidence: moves ? (held ? probabilityBelow(gain, 0) : 1 - probabilityBelow(gain, 0)) : stayProbability(posterior, allowed),
    loss_probability: held ? 0 : candidate_loss,
    degraded: degradation(inputs, posterior),
    exploration: undefined,
  };
}
