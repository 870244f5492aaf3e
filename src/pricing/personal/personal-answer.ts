import type { WaterfallStep } from "../../contracts/api.ts";
import type { BudgetAnswer, PersonalInputs, PersonalizedAnswer, PersonalMode, PersonalRecord, QuoteTerms } from "../../contracts/quote.ts";
import { affordability } from "../../features/affordability.ts";
import { formatTime } from "../../lib/time.ts";
import { roundRate, roundTokens, twoDecimals } from "../money.ts";
import { type PersonalPrice, personalPrice } from "./personal-price.ts";

/** What an answer says besides the price and its terms. */
export type PersonalContext = Pick<PersonalRecord, "experiments" | "policy_version" | "model" | "propensity_model" | "degraded">;

const modeReasons: Readonly<Record<Exclude<PersonalMode, "personal">, string>> = {
  opted_out: "The learner allows no personal prices.",
  disabled: "The policy makes no personal prices.",
  hold_out: "The learner belongs to those who pay the list price, for comparison.",
  unrecorded: "No quote can be recorded now: a price that is not locked is the list price.",
  no_effect: "Nothing is known of how this learner answers prices.",
};

const budgetReasons: Readonly<Record<Exclude<BudgetAnswer, "granted" | "not_needed">, string>> = {
  global: "The discounts of this period are given away: the list price.",
  learner: "The learner's discounts of this period are given away: the list price.",
  unavailable: "The discount budget could not be asked: the list price.",
};

/** Each step from the list price to the answer. */
function waterfallOf(inputs: PersonalInputs, { price, wished_price, fair_price }: PersonalPrice): WaterfallStep[] {
  const { list_price, anchor_price, mode, budget } = inputs;
  const steps: WaterfallStep[] = [{ step: "base", name: "list_price", price: list_price, reason: "What everybody pays." }];
  steps.push({ step: "model", name: "course_price", price: anchor_price, reason: anchor_price < list_price ? "The best price of the course for all its viewers." : "The course's best price is not below its list price." });
  const found = wished_price < anchor_price ? `The best price for a learner whose log-odds of enrolling fall by ${twoDecimals(inputs.slope_shift)} more a log price than others' (± ${twoDecimals(inputs.slope_shift_se)}).` : "A lower price would bring this learner too seldom to pay.";
  steps.push({ step: "personal", name: mode, price: wished_price, reason: mode === "personal" ? found : modeReasons[mode] });
  const fair = fair_price !== wished_price && inputs.fairness_log !== null && Math.log(anchor_price / wished_price) > inputs.fairness_log;
  if (fair) steps.push({ step: "guardrail", name: "fairness", price: fair_price, reason: "The learner's declared groups have had their share of discounts for now." });
  if (budget !== "granted" && budget !== "not_needed") steps.push({ step: "guardrail", name: "discount_budget", price, reason: budgetReasons[budget] });
  steps.push({ step: "rounding", name: "whole_tokens", price, reason: inputs.rounding.kind === "whole" ? "A whole number of tokens." : "A whole number of tokens that ends as the policy wants it, where the guardrails leave one." });
  return steps;
}

/** The body of POST /personalized_pricing; without terms it promises nothing. A pure function: a record gives its answer again, byte for byte. `found`: the inputs' price, where it is known. */
export function personalAnswer(inputs: PersonalInputs, who: Pick<QuoteTerms, "learner_id" | "course_id">, context: PersonalContext, promise: { readonly terms: QuoteTerms; readonly signature: string } | null, found = personalPrice(inputs)): PersonalizedAnswer {
  const { price } = found;
  const { list_price, anchor_price, balance_tokens, propensity, segment, mode } = inputs;
  return {
    quote_id: promise?.terms.quote_id ?? null,
    signature: promise?.signature ?? null,
    expires_at: promise === null ? null : formatTime(promise.terms.expires_ms),
    locked_until: promise === null ? null : formatTime(promise.terms.locked_ms),
    learner_id: who.learner_id,
    course_id: who.course_id,
    base_price: list_price,
    personalized_price: price,
    discount_pct: roundTokens((1 - price / list_price) * 100),
    expected_conversion: roundRate(found.conversion),
    propensity: propensity === null ? null : roundRate(propensity),
    segment,
    personal_features_used: mode === "personal",
    price_without_personal_data: anchor_price,
    affordability: balance_tokens === null ? null : roundRate(affordability(balance_tokens, price)),
    waterfall: waterfallOf(inputs, found),
    experiments: context.experiments.map(({ id, arm, probability }) => ({ id, arm, probability })),
    policy: context.policy_version,
    model: context.model,
    propensity_model: context.propensity_model,
    ...(context.degraded.length > 0 ? { degraded: [...context.degraded] } : {}),
  };
}
