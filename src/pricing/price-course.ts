import type { DegradedReason, WaterfallStep } from "../contracts/api.ts";
import type { Policy } from "../contracts/policy.ts";
import { assert } from "../lib/assert.ts";
import type { CompiledModel } from "../models/compiled.ts";
import { degradation } from "./degradation.ts";
import { type Evidence, strongestEvidence } from "./evidence.ts";
import { allowedPrices, clampTo, policyRange, type PriceRange, stepRange, supportedRange } from "./guardrails.ts";
import type { PricingInputs } from "./inputs.ts";
import { normalCdf } from "./normal.ts";
import { optimise, type Optimum } from "./optimizer.ts";
import { type DemandPosterior, demandPosterior } from "./posterior.ts";
import { demandPrior } from "./prior.ts";
import { conversionAt, elasticityNow, logRevenueRatio, type Moments } from "./quadrature.ts";
import { blend, type Proposal, proposals } from "./strategies.ts";
import { expectedExposures } from "./volume.ts";
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
  /** Expected exposures over the policy's horizon. */
  readonly exposures: number;
  /** Conversion at the current and at the optimal price. */
  readonly conversion_now: Moments;
  readonly conversion_optimal: Moments;
  readonly elasticity: Moments;
  /** Posterior probability that the answer is right: that the move gains revenue, or for a hold that the best alternative does not. */
  readonly confidence: number;
  /** Posterior probability that the move loses more than policy.hold_loss of revenue. */
  readonly loss_probability: number;
  readonly degraded: readonly DegradedReason[];
}

/** P(log(revenue at price / revenue now) < threshold), by the normal with the posterior's moments. */
function probabilityBelow(posterior: DemandPosterior, price: number, threshold: number): number {
  const current = posterior.prior.current_price;
  if (price === current) return threshold > 0 ? 1 : 0;
  const { mean, sd } = logRevenueRatio(posterior.nodes, Math.log(price / current));
  if (!(sd > 0)) return mean < threshold ? 1 : 0;
  return normalCdf((threshold - mean) / sd);
}

function lossProbability(posterior: DemandPosterior, price: number, policy: Policy): number {
  return probabilityBelow(posterior, price, Math.log(1 - policy.hold_loss));
}

function confidenceOf(posterior: DemandPosterior, price: number, considered: number, allowed: { min: number; max: number }): number {
  const current = posterior.prior.current_price;
  if (price !== current) return 1 - probabilityBelow(posterior, price, 0);
  if (considered !== current) return probabilityBelow(posterior, considered, 0);
  let best = 0;
  if (allowed.max > current) best = Math.max(best, 1 - probabilityBelow(posterior, allowed.max, 0));
  if (allowed.min < current) best = Math.max(best, 1 - probabilityBelow(posterior, allowed.min, 0));
  return 1 - best;
}

function percent(fraction: number): string {
  return `${Number((fraction * 100).toFixed(1))} %`;
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
  const exposures = expectedExposures(inputs, policy, policy.horizon_days, conversion_now.mean);
  const revenue = (price: number): number => price * conversionAt(nodes, Math.log(price / current)).mean * exposures;
  const supported = supportedRange(prior, inputs.cells, policy);
  const optimum = optimise(nodes, current, supported, inputs.objective, policy);
  const waterfall = new Waterfall();

  waterfall.add("base", "current_price", current, "The price now.");
  const goal = inputs.objective === "revenue" ? "Expected revenue per view peaks here" : "The lowest price that keeps expected revenue";
  const edge = optimum.boundary ? "; it is the edge of the grid, so the optimum may lie beyond" : "";
  waterfall.add("model", "demand_posterior", optimum.price, `${goal}, with an elasticity of ${elasticity.mean.toFixed(2)} at the current price${edge}.`);
  const list = proposals(inputs, { price: optimum.supported_price, reason: `${goal} among prices with evidence behind them.` }, policy);
  for (const proposal of list) waterfall.add("strategy", proposal.name, proposal.price, `${proposal.reason} Weight ${Number(proposal.weight.toFixed(2))}.`);
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
  if (stepped !== price) bind("step", stepped, price, `One change moves the log price by at most ${policy.step_log_max}.`);
  const limits = policyRange(policy);
  if (price < limits.low) bind("floor", limits.low, price, `The policy's floor is ${limits.low} tokens.`);
  if (price > limits.high) bind("ceiling", limits.high, price, `The policy's ceiling is ${limits.high} tokens.`);

  const allowed = allowedPrices(current, policy);
  const within = (value: number): number => Math.min(allowed.max, Math.max(allowed.min, value));
  const candidate = within(Math.round(price));
  const can_hold = current >= limits.low && current <= limits.high;
  const candidate_loss = lossProbability(posterior, candidate, policy);
  const held = can_hold && candidate_loss > policy.hold_probability;
  if (held) bind("hold", current, candidate, `Held: the move to ${candidate} loses more than ${percent(policy.hold_loss)} of revenue with probability ${candidate_loss.toFixed(2)}.`);
  const optimal_price = held ? current : candidate;
  waterfall.add("rounding", "whole_tokens", optimal_price, price === optimal_price ? "Already a whole number of tokens." : "To a whole number of tokens inside the guardrails.");

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
    exposures,
    conversion_now,
    conversion_optimal: conversionAt(nodes, Math.log(optimal_price / current)),
    elasticity,
    confidence: confidenceOf(posterior, optimal_price, candidate, allowed),
    loss_probability: held ? 0 : candidate_loss,
    degraded: degradation(inputs, posterior),
  };
}
