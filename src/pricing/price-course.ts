import type { DegradedReason, PriceExploration, WaterfallStep } from "../contracts/api.ts";
import type { Policy } from "../contracts/policy.ts";
import { assert } from "../lib/assert.ts";
import type { CompiledModel } from "../models/compiled.ts";
import { blended, blendOf } from "./blend.ts";
import { courseDemand } from "./course-demand.ts";
import { degradation } from "./degradation.ts";
import type { DemandBreak } from "./demand-break.ts";
import { type Evidence, strongestEvidence } from "./evidence.ts";
import { drawPrice, type DrawSettings } from "./exploration.ts";
import { allowedPrices, clampTo, isCooling, type PriceRange, riskRange, stepRange, supportedRange, termsRange } from "./guardrails.ts";
import { feature, featureAt, type PricingInputs } from "./inputs.ts";
import { twoDecimals } from "./money.ts";
import { expectedTokens, type Goal, goalOf, logGain, lossProbability, probabilityBelow, servesLess } from "./objective.ts";
import { optimise, type Optimum } from "./optimizer.ts";
import type { DemandPosterior } from "./posterior.ts";
import { promotionAt } from "./promotion.ts";
import { conversionAt, elasticityNow, type Moments } from "./quadrature.ts";
import { roundWithin } from "./rounding.ts";
import { type Proposal, proposals } from "./strategies.ts";
import { expectedVolume, type Volume } from "./volume.ts";
import { boundReason, roundingReason, Waterfall } from "./waterfall.ts";

export type { PricingInputs } from "./inputs.ts";

/** A course-level price and everything that its answer says about it. */
export interface PriceOutcome {
  readonly inputs: PricingInputs;
  readonly model_version: string | null;
  readonly policy: Policy;
  readonly goal: Goal;
  readonly posterior: DemandPosterior;
  readonly evidence: Evidence | undefined;
  /** Recent sales that what was known before does not explain. */
  readonly demand_break: DemandBreak | undefined;
  readonly supported: PriceRange;
  readonly optimum: Optimum;
  readonly proposals: readonly Proposal[];
  /** Name of the promotion that runs for the course. */
  readonly promotion: string | undefined;
  readonly waterfall: readonly WaterfallStep[];
  /** Guardrails that changed the price, in order. */
  readonly binding: readonly string[];
  readonly allowed: { readonly min: number; readonly max: number };
  readonly optimal_price: number;
  /** The whole price that the guardrails left before the hold rule. */
  readonly candidate_price: number;
  /** Why the candidate was not taken: too likely to lose, or expected to serve the objective less than the current price. */
  readonly hold: "risk" | "cost" | undefined;
  /** Where the price was drawn. */
  readonly exploration: PriceExploration | undefined;
  /** What it was drawn from: `probabilityOf` says how likely any other price was. */
  readonly draw: DrawSettings | undefined;
  /** Over the policy's horizon. */
  readonly volume: Volume;
  /** Conversion at the current and at the optimal price. */
  readonly conversion_now: Moments;
  readonly conversion_optimal: Moments;
  readonly elasticity: Moments;
  /** Posterior probability that the answer is right: that the move gains, or for a hold that the best alternative does not. */
  readonly confidence: number;
  /** Posterior probability that the move loses more than policy.hold_loss of the objective. */
  readonly loss_probability: number;
  readonly degraded: readonly DegradedReason[];
}

/** Probability that neither end of what the guardrails allow brings more than the current price (the likelier gain counts). */
function stayProbability({ nodes, prior: { current_price } }: DemandPosterior, goal: Goal, { min, max }: { min: number; max: number }): number {
  let stay = 1;
  for (const end of [min, max]) if (end !== current_price) stay = Math.min(stay, probabilityBelow(logGain(nodes, goal, end, current_price), 0));
  return stay;
}

const goals: Readonly<Record<Goal["objective"], string>> = {
  revenue: "Expected revenue per view peaks here",
  margin: "Expected margin per view peaks here",
  enrollments: "The lowest price that keeps expected revenue",
};

/**
 * The price of a course: strategies propose from the demand posterior, their blend in log price is the target, a promotion moves it, guardrails bring it to a
 * whole number of tokens, and where the policy explores it is drawn around there. A pure function: the same inputs, model and policy give the same price.
 * Guardrails appear in the waterfall when they bind.
 */
export function priceCourse(inputs: PricingInputs, model: CompiledModel | null, policy: Policy): PriceOutcome {
  const current = inputs.current_price;
  assert(current >= 1, "a price is at least one token");
  const { posterior, demand_break } = courseDemand(inputs, model);
  const { nodes, prior } = posterior;
  const goal = goalOf(inputs.objective, inputs.terms.cost_tokens, policy);
  const conversion_now = conversionAt(nodes, 0);
  const elasticity = elasticityNow(nodes);
  const volume = expectedVolume(inputs, policy, policy.horizon_days, conversion_now.mean);
  const tokens = (price: number): number => expectedTokens(nodes, goal, price, current) * volume.exposures;
  const limits = termsRange(inputs.terms);
  const supported = supportedRange(prior, inputs.cells, policy);
  const optimum = optimise(nodes, current, supported, goal, policy);
  const waterfall = new Waterfall();

  waterfall.add("base", "current_price", current, "The price now.");
  const edge = optimum.boundary ? "; it is the edge of the grid, so the optimum may lie beyond" : "";
  waterfall.add("model", "demand_posterior", optimum.price, `${goals[goal.objective]}, with an elasticity of ${twoDecimals(elasticity.mean)} at the current price${edge}.`);
  const list = proposals(inputs, { optimum: { price: optimum.supported_price, reason: `${goals[goal.objective]} among prices with evidence behind them.` }, slope: posterior.slope }, policy);
  for (const proposal of list) waterfall.add("strategy", proposal.name, proposal.price, `${proposal.reason} Weight ${twoDecimals(proposal.weight)}.`);
  const blend = blended(list, current);
  if (list.length !== 1) waterfall.add("strategy", "blend", blend, list.length === 0 ? "No strategy has weight: the price stays." : "The strategies' weighted mean in log price.");
  const promotion = promotionAt(policy, inputs.course_id, inputs.category, inputs.now_ms);
  const target = promotion === undefined ? blend : blend * promotion.factor;
  if (promotion !== undefined) waterfall.add("strategy", "promotion", target, `Promotion ${promotion.name}: ${twoDecimals(promotion.factor)} times the price, whatever it is expected to cost.`);

  let price = target;
  const bind = (name: string, to: number, from: number, reason: string): void => {
    waterfall.guardrail(name, to, tokens(from) - tokens(to), reason);
    price = to;
  };
  const evident = clampTo(supported, price);
  if (evident !== price) bind("supported_range", evident, price, "No evidence beyond one step from the prices that learners have seen.");
  else if (optimum.supported_price !== optimum.price && list[0]?.name === "elasticity") {
    bind("supported_range", price, optimum.price, "The optimum lies more than one step beyond the prices that learners have seen.");
  }
  const stepped = clampTo(stepRange(current, policy.step_log_max), price);
  if (stepped !== price) bind("step", stepped, price, `One change moves the log price by at most ${policy.step_log_max}, or the price by one token.`);
  const cooling = isCooling(feature(inputs, featureAt.days_since_repriced), policy);
  if (cooling && price !== current) bind("cool_down", current, price, `The list price was set less than ${twoDecimals(policy.cool_down_hours)} hours ago.`);
  if (price < limits.low) bind("floor", limits.low, price, boundReason("floor", inputs.terms));
  if (price > limits.high) bind("ceiling", limits.high, price, boundReason("ceiling", inputs.terms));

  const allowed = allowedPrices(current, limits, cooling, policy);
  const within = (value: number): number => Math.min(allowed.max, Math.max(allowed.min, value));
  const can_hold = current >= limits.low && current <= limits.high;
  // Without a price that ends as the policy asks, the current one is the least surprise; where that is forbidden, the nearest whole one.
  const candidate = roundWithin(policy.rounding, price, allowed.min, allowed.max) ?? within(can_hold ? current : Math.round(price));
  const moves = candidate !== current;
  const candidate_loss = lossProbability(nodes, goal, candidate, current, policy.hold_loss);
  // A promotion is a decision to pay for something; it is not held because it costs.
  const may_hold = can_hold && moves && promotion === undefined;
  const risky = may_hold && candidate_loss > policy.hold_probability;
  // A step towards a distant optimum, or a strategy's pull, may cost on the way: the objective decides, not the direction.
  const costly = may_hold && !risky && servesLess(goal, candidate, conversionAt(nodes, Math.log(candidate / current)).mean, current, conversion_now.mean);
  const held = risky || costly;
  const pre_price = held ? current : within(price);
  const draw = promotion === undefined ? drawSettings(inputs, policy, { posterior, goal, list, pre_price, allowed, current }) : undefined;
  const drawn = draw === undefined ? undefined : drawPrice(draw);
  if (drawn === undefined) {
    if (costly) bind("hold", current, candidate, `Held: at ${candidate} tokens the expected ${goal.objective === "enrollments" ? "enrollments or revenue are" : `${goal.objective} is`} lower than now.`);
    if (risky) bind("hold", current, candidate, `Held: the move to ${candidate} loses more than ${twoDecimals(policy.hold_loss * 100)} % of what the price earns with probability ${twoDecimals(candidate_loss)}.`);
  } else {
    const { kind, probability } = drawn.exploration;
    price = drawn.price;
    waterfall.add("exploration", kind, price, `Drawn ${kind === "jitter" ? "around" : "in place of"} ${twoDecimals(pre_price)} tokens, to learn from; just this price had a probability of ${twoDecimals(probability)}.`);
  }
  const optimal_price = drawn?.price ?? (held ? current : candidate);
  waterfall.add("rounding", policy.rounding.kind === "whole" ? "whole_tokens" : policy.rounding.kind, optimal_price, roundingReason(policy, price, optimal_price, current));
  const gain = logGain(nodes, goal, drawn === undefined ? candidate : optimal_price, current);

  return {
    inputs,
    model_version: model === null ? null : model.version,
    policy,
    goal,
    posterior,
    evidence: strongestEvidence(prior, inputs.cells),
    demand_break,
    supported,
    optimum,
    proposals: list,
    promotion: promotion?.name,
    waterfall: waterfall.steps,
    binding: waterfall.binding,
    allowed,
    optimal_price,
    candidate_price: candidate,
    hold: drawn !== undefined ? undefined : risky ? "risk" : costly ? "cost" : undefined,
    exploration: drawn?.exploration,
    draw: drawn === undefined ? undefined : draw,
    volume,
    conversion_now,
    conversion_optimal: conversionAt(nodes, Math.log(optimal_price / current)),
    elasticity,
    confidence: drawn === undefined && held ? probabilityBelow(gain, 0) : optimal_price !== current ? 1 - probabilityBelow(gain, 0) : stayProbability(posterior, goal, allowed),
    loss_probability: lossProbability(nodes, goal, optimal_price, current, policy.hold_loss),
    degraded: degradation(inputs, posterior),
  };
}

interface Open {
  readonly posterior: DemandPosterior;
  readonly goal: Goal;
  readonly list: readonly Proposal[];
  readonly pre_price: number;
  readonly allowed: { readonly min: number; readonly max: number };
  readonly current: number;
}

/** What is drawn from: the prices that guardrails allow and that are not too likely to lose. A course without an id has no draw of its own. */
function drawSettings({ course_id, now_ms }: PricingInputs, policy: Policy, { posterior, goal, list, pre_price, allowed, current }: Open): DrawSettings | undefined {
  const { exploration, rounding } = policy;
  if (exploration.kind === "none" || course_id === null || allowed.min === allowed.max) return undefined;
  const { min, max } = riskRange(posterior.nodes, goal, current, allowed, policy);
  return { exploration, rounding, course_id, now_ms, min, max, pre_price, posterior, blend: blendOf(list, current), cost_tokens: goal.cost_tokens };
}
