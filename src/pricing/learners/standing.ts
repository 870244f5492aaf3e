import type { LearnerScoresAnswer } from "../../contracts/learner-scores.ts";
import { dimensions } from "../../contracts/propensity.ts";
import type { RiskLevel, Segment } from "../../contracts/segments.ts";
import { learnerPosition } from "../../models/propensity/learner-vector.ts";
import { roundTokens } from "../money.ts";
import type { CompiledRules } from "./action-rules.ts";
import { bestDiscount, type PriceEffect } from "./discount.ts";
import { priorityOf, riskLevelOf, segmentOf, type Terciles } from "./segments.ts";

export const ENROLLMENT = dimensions.indexOf("enrollment");
export const CHURN = dimensions.indexOf("churn");

const PRICE_PAID = learnerPosition("price_paid_mean_tokens");
const PRICE_VIEWED = learnerPosition("price_viewed_mean_tokens");
/** What every learner has who ever did anything. */
const HISTORY = ["exposures", "enrolled", "completed", "dropped", "refunded", "last_activity_ms", "ratings_given", "assignments", "purchased_tokens", "earned_tokens", "spent_tokens"].map(learnerPosition);

/** What follows from a learner's scores, all but the comparison with other learners. */
export interface Standing {
  readonly segment: Segment;
  readonly risk_level: RiskLevel;
  /** Of what the learner enrolls in: mean of the prices paid, else of those viewed; 0 where neither is known. */
  readonly price_tokens: number;
  readonly expected_tokens: number;
  readonly value_at_risk_tokens: number;
}

/** Whether nothing that the learner did is known. */
export function isColdStart(features: ArrayLike<number>): boolean {
  return HISTORY.every((index) => features[index] === 0);
}

/**
 * `scores` are in the order of `dimensions`. Expected tokens over the scores' horizon are P(enrollment) × price. At risk of them is what churn takes, × P(churn), and
 * what the best discount that any rule allows would add: the two things that an action can change.
 */
export function standingOf(scores: ArrayLike<number>, features: ArrayLike<number>, effect: PriceEffect | null, rules: CompiledRules): Standing {
  const enrollment = scores[ENROLLMENT]!;
  const churn = scores[CHURN]!;
  const price_tokens = features[PRICE_PAID]! || features[PRICE_VIEWED]!;
  const expected_tokens = enrollment * price_tokens;
  const { gain_tokens } = bestDiscount(enrollment, price_tokens, effect, { ...rules, max_pct: rules.max_discount_pct });
  return { segment: segmentOf(enrollment), risk_level: riskLevelOf(churn), price_tokens, expected_tokens, value_at_risk_tokens: expected_tokens * churn + gain_tokens };
}

/** What is to be done about a learner, and how urgently. */
export function actionsOf(standing: Standing, enrollment: number, effect: PriceEffect | null, terciles: Terciles, rules: CompiledRules): Pick<LearnerScoresAnswer, "priority" | "actions"> {
  const priority = priorityOf(standing.value_at_risk_tokens, terciles);
  const { name, actions } = rules.ruleOf({ segment: standing.segment, risk_level: standing.risk_level, priority });
  const discount = bestDiscount(enrollment, standing.price_tokens, effect, { ...rules, max_pct: actions.max_discount_pct });
  const { contact_frequency, channel, offer_type, intervention } = actions;
  return {
    priority,
    actions: {
      rule: name,
      discount_pct: discount.pct,
      discount_gain_tokens: roundTokens(discount.gain_tokens),
      contact_frequency,
      channel,
      offer_type: discount.pct > 0 ? "discount" : offer_type,
      intervention,
    },
  };
}
