import { hash32 } from "../lib/prng.ts";
import { total } from "./aggregator.ts";
import { conversion } from "./conversion.ts";
import { featuresOf } from "./define.ts";
import { type FeatureDefinition, type StateDefinition, once } from "./definition.ts";
import { distinct } from "./distinct.ts";
import { count, sum } from "./scalar-aggregators.ts";

const { state, stored, days, derived } = featuresOf("platform", { personal: false });

/** The highest that any sketch of learners has: who is forgotten keeps their place in all of them. */
export const LEARNER_SKETCH_PRECISION = 11;
/** 2,048 registers: 2.3 %, about 2 KB a day. */
const learners = distinct(LEARNER_SKETCH_PRECISION);
const learner = { value: (e: { readonly learner_id: string }) => hash32(e.learner_id) };

/** One record a UTC day of event time; late events amend their day, however late they come. */
const actives = state("actives", learners, {
  "exposure.viewed": learner,
  "enrollment.created": learner,
  "activity.session": learner,
  "activity.assignment": learner,
  "activity.forum": learner,
  "activity.rating": learner,
  "token.purchased": learner,
});
const exposures = state("exposures", count, { "exposure.viewed": once });
const enrollments = state("enrollments", count, { "enrollment.created": once });
const completions = state("completions", count, { "enrollment.completed": once });
const refunds = state("refunds", count, { "enrollment.refunded": once });
const revenue = state("revenue", sum, { "enrollment.created": { value: (e) => e.price } });
const sold = state("tokens_sold", sum, { "token.purchased": { value: (e) => e.amount } });
const earned = state("tokens_earned", sum, { "token.earned": { value: (e) => e.amount } });
const spent = state("tokens_spent", sum, { "token.spent": { value: (e) => e.amount } });
const refunded = state("tokens_refunded", sum, { "token.refunded": { value: (e) => e.amount } });
const expired = state("tokens_expired", sum, { "token.expired": { value: (e) => e.amount } });
/** What the day changed of what learners hold. */
const outstanding = state("outstanding", sum, {
  "token.purchased": { value: (e) => e.amount },
  "token.earned": { value: (e) => e.amount },
  "token.refunded": { value: (e) => e.amount },
  "token.spent": { value: (e) => -e.amount },
  "token.expired": { value: (e) => -e.amount },
});

export const platformStates: readonly StateDefinition[] = [exposures, enrollments, completions, refunds, revenue, sold, earned, spent, refunded, expired, outstanding, actives];

/** Nothing for so long is churn, and learners are counted as churned for so many days of having reached it. */
const CHURN_DAYS = 60;
const COHORT_DAYS = 30;
const CHURN_ERROR = `Estimated from merged daily sketches: standard error at most ${(learners.error * 100).toFixed(1)} % of the learners active in ${CHURN_DAYS + COHORT_DAYS} days`;

function activesWithin(window: number): FeatureDefinition {
  const description = `distinct active learners of the ${window} days up to this one, estimated within ${(learners.error * 100).toFixed(1)} %`;
  return days({ name: `actives_${window}d`, unit: "count", description }, actives, learners.estimate, window - 1);
}

export const platformFeatures: readonly FeatureDefinition[] = [
  stored({ name: "actives", unit: "count", description: `distinct learners who viewed, enrolled, studied, rated, posted or bought tokens, estimated within ${(learners.error * 100).toFixed(1)} %` }, actives, learners.estimate),
  stored({ name: "exposures", unit: "count", description: "exposures of the day" }, exposures, total),
  stored({ name: "enrollments", unit: "count", description: "enrollments of the day" }, enrollments, total),
  stored({ name: "completions", unit: "count", description: "completed enrollments of the day" }, completions, total),
  stored({ name: "refunds", unit: "count", description: "refunded enrollments of the day" }, refunds, total),
  derived({ name: "conversion", unit: "ratio", description: "enrollments per exposure of the day, at most 1" }, ["enrollments", "exposures"], conversion),
  stored({ name: "revenue_tokens", unit: "tokens", description: "prices of the day's enrollments, refunds not taken off" }, revenue, total),
  stored({ name: "tokens_sold", unit: "tokens", description: "tokens purchased" }, sold, total),
  stored({ name: "tokens_earned", unit: "tokens", description: "tokens earned" }, earned, total),
  stored({ name: "tokens_spent", unit: "tokens", description: "tokens spent" }, spent, total),
  stored({ name: "tokens_refunded", unit: "tokens", description: "tokens given back" }, refunded, total),
  stored({ name: "tokens_expired", unit: "tokens", description: "tokens expired" }, expired, total),
  stored({ name: "tokens_outstanding_change", unit: "tokens", description: "tokens sold, earned and refunded less spent and expired: the day's change of what learners hold" }, outstanding, total),
  days({ name: "tokens_outstanding", unit: "tokens", description: "what learners hold at the end of the day: the changes of all days up to it; what erased learners held stays" }, outstanding, total, Number.POSITIVE_INFINITY),
  activesWithin(7),
  activesWithin(30),
  activesWithin(CHURN_DAYS),
  activesWithin(CHURN_DAYS + COHORT_DAYS),
  derived(
    { name: "churned", unit: "count", description: `learners whose last active day lies ${CHURN_DAYS} to ${CHURN_DAYS + COHORT_DAYS - 1} days back: those of ${CHURN_DAYS + COHORT_DAYS} days less those of ${CHURN_DAYS}. ${CHURN_ERROR}` },
    [`actives_${CHURN_DAYS + COHORT_DAYS}d`, `actives_${CHURN_DAYS}d`],
    (all, kept) => Math.max(0, all - kept),
  ),
  derived(
    { name: "churn_rate", unit: "ratio", description: `churned per learner who was active ${CHURN_DAYS} to ${CHURN_DAYS + COHORT_DAYS - 1} days back, at most 1` },
    ["churned", "actives_cohort"],
    (churned, cohort) => (cohort > 0 ? Math.min(1, churned / cohort) : 0),
  ),
  days({ name: "actives_cohort", unit: "count", description: "learners active in the days that churned ones were last active in", internal: true }, actives, learners.estimate, CHURN_DAYS + COHORT_DAYS - 1, CHURN_DAYS),
];
