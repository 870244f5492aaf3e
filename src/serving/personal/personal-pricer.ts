import type { Policy } from "../../contracts/policy.ts";
import type { BudgetAnswer, PersonalDegradedReason, PersonalInputs, PersonalizedBody } from "../../contracts/quote.ts";
import { HOUR_MS, MINUTE_MS } from "../../lib/time.ts";
import { FairnessCredit, type FairnessShare } from "../../pricing/personal/fairness-credit.ts";
import { personalAnswer } from "../../pricing/personal/personal-answer.ts";
import { type PersonalPrice, personalPrice } from "../../pricing/personal/personal-price.ts";
import type { PersonalDecision } from "../../pricing/personal/quote-record.ts";
import type { OpenFeatures } from "../feature-source.ts";
import type { ScoredLearner } from "../learners/learner-scores.ts";
import type { PricingContext } from "../pricing-inputs.ts";
import type { CourseDemands } from "./course-demand.ts";
import type { DiscountBudget } from "./discount-budget.ts";
import { groupsOf, impersonalMode, learnerPart } from "./learner-side.ts";

/** Everything about one call. */
export interface PersonalCall extends PersonalizedBody {
  readonly open: OpenFeatures;
  readonly now_ms: number;
  readonly scored: ScoredLearner;
  readonly list_price: number;
  readonly opted_out: boolean;
}

/** A price that nobody has been promised yet. */
export interface DecidedPrice {
  readonly decision: PersonalDecision;
  readonly times: { readonly issued_ms: number; readonly expires_ms: number; readonly locked_ms: number };
  readonly found: PersonalPrice;
  /** To be called once it is known what came of the promise: what it would have cost is given back only if it is certainly not in force. */
  settle(outcome: "made" | "lost" | "unknown"): void;
}

export interface PersonalPricerDeps extends PricingContext {
  readonly demands: CourseDemands;
  readonly budget: DiscountBudget;
}

/** Decides what a learner is to pay for a course, and takes what that costs from the budgets and from the learner's groups. */
export class PersonalPricer {
  readonly #deps: PersonalPricerDeps;
  readonly #fairness = new FairnessCredit();

  constructor(deps: PersonalPricerDeps) {
    this.#deps = deps;
  }

  /** Throws ProblemError. */
  async decide(call: PersonalCall): Promise<DecidedPrice> {
    const { policies, budget } = this.#deps;
    const { open, course_id, learner_id, now_ms, scored } = call;
    const side = this.#deps.demands.side(open, course_id, now_ms);
    const { scope } = side;
    const { policy: own, experiments } = policies.personalPolicyFor(learner_id, scope, now_ms);
    const policy = own ?? policies.policyFor(scope, now_ms);
    const demand = this.#deps.demands.of(open, side, policy, now_ms);
    const mode = impersonalMode(call.opted_out, own, scored) ?? "personal";
    // Whoever is held out for comparison pays what everybody pays.
    const course = mode === "hold_out" ? { ...demand.part, anchor_price: demand.part.list_price } : demand.part;
    const groups = mode === "personal" ? groupsOf(scored, policy) : [];
    const { delta_log, period_hours } = policy.fairness;
    const period = Math.floor(now_ms / (period_hours * HOUR_MS));
    const fairness_log = groups.length === 0 ? null : this.#fairness.allowance(period, groups, delta_log);
    const wished: PersonalInputs = { ...course, ...learnerPart(scored, mode, demand), fairness_log, budget: "not_needed" };
    const priced = personalPrice(wished, demand.nodes);
    const fairness = groups.length === 0 ? undefined : this.#fairness.reserve(period, groups, delta_log, Math.log(course.anchor_price / priced.price));
    const taken = await budget.take(learner_id, priced.discount_milli, policy.personalisation.budget, now_ms);
    const granted = taken.answer === "granted" || taken.answer === "not_needed";
    if (fairness !== undefined && !granted) this.#fairness.settle(fairness, "lost");
    const share: FairnessShare | undefined = granted ? fairness : undefined;
    const inputs: PersonalInputs = { ...wished, budget: taken.answer };
    const decision: PersonalDecision = {
      inputs,
      groups: granted ? groups : [],
      experiments: [...experiments],
      probability: 1,
      policy_version: policy.version,
      model: demand.model,
      propensity_model: scored.scorer.version,
      decision_id: demand.decision_id,
      course_sequence: demand.course_sequence,
      learner_sequence: scored.sequence,
      degraded: this.#degraded([]),
    };
    const settle: DecidedPrice["settle"] = (outcome) => {
      if (share !== undefined) this.#fairness.settle(share, outcome);
      if (outcome === "lost") taken.giveBack();
    };
    return { decision, times: timesOf(policy, now_ms), found: granted ? priced : personalPrice(inputs, demand.nodes), settle };
  }

  /** The list price, or the one that is locked, without a promise: nobody could record one. */
  unpromised(call: PersonalCall, locked_price: number | undefined, missing: PersonalDegradedReason): string {
    const { policies } = this.#deps;
    const side = this.#deps.demands.side(call.open, call.course_id, call.now_ms);
    const policy = policies.policyFor(side.scope, call.now_ms);
    const demand = this.#deps.demands.of(call.open, side, policy, call.now_ms);
    const { list_price } = demand.part;
    const held = Math.min(locked_price ?? list_price, list_price);
    const mode = call.opted_out ? "opted_out" : "unrecorded";
    const budget: BudgetAnswer = "not_needed";
    const inputs: PersonalInputs = { ...demand.part, anchor_price: held, lowest_price: held, ...learnerPart(call.scored, mode, demand), fairness_log: null, budget };
    const context = { experiments: [], policy_version: policy.version, model: demand.model, propensity_model: call.scored.scorer.version, degraded: this.#degraded([missing]) };
    return JSON.stringify(personalAnswer(inputs, call, context, null));
  }

  #degraded(more: readonly PersonalDegradedReason[]): PersonalDegradedReason[] {
    const { degradation, models } = this.#deps;
    const reasons = new Set<PersonalDegradedReason>(more);
    for (const reason of degradation.reasons) if (reason === "features_stale" || reason === "broker_unreachable") reasons.add(reason);
    if (models.current === undefined) reasons.add("no_model");
    return [...reasons];
  }
}

function timesOf({ personalisation: { lock_hours, expiry_minutes } }: Policy, issued_ms: number): DecidedPrice["times"] {
  const locked_ms = issued_ms + Math.round(lock_hours * HOUR_MS);
  const expires_ms = issued_ms + Math.round(expiry_minutes * MINUTE_MS);
  return { issued_ms, expires_ms, locked_ms };
}
