import { attributeCode, type LearnerAttribute, learnerAttributes } from "../contracts/learner-attributes.ts";
import { hash32 } from "../lib/prng.ts";
import { DAY_MS, parseTime } from "../lib/time.ts";
import { affordability } from "./affordability.ts";
import { total } from "./aggregator.ts";
import { conversion } from "./conversion.ts";
import { featuresOf } from "./define.ts";
import { type FeatureDefinition, type StateDefinition, atEventTime, daysSince, NEVER_DAYS, once } from "./definition.ts";
import { distinct, mix32 } from "./distinct.ts";
import { handScoreFeatures } from "./hand-score-features.ts";
import { PART, WHOLE, ratio, ratioPart, ratioShare, ratioWhole } from "./ratio.ts";
import { count, extremes, highest, last, lastTime, lastValue, lowest, maximum, mean, meanValue, sum, welford, welfordMean } from "./scalar-aggregators.ts";
import { streak } from "./streak.ts";
import { dayTiles, monthTiles, weekTiles } from "./tiled-window.ts";

const definer = featuresOf("learner", { personal: true });
const { state, windowState, stored, derived } = definer;

/** 64 registers: 13 % for many, exact in nearly every case for the few that a learner tries. */
const tried = distinct(6);

export const learnerBalance = state("balance", sum, {
  "token.purchased": { value: (e) => e.amount },
  "token.earned": { value: (e) => e.amount },
  "token.refunded": { value: (e) => e.amount },
  "token.spent": { value: (e) => -e.amount },
  "token.expired": { value: (e) => -e.amount },
});
const spent = state("spent", sum, { "token.spent": { value: (e) => e.amount } });
const earned = state("earned", sum, { "token.earned": { value: (e) => e.amount } });
const purchased = state("purchased", sum, { "token.purchased": { value: (e) => e.amount } });
const completions = state("completions", ratio, { "enrollment.created": { ...once, channel: WHOLE }, "enrollment.completed": { ...once, channel: PART } });
const dropped = state("dropped", count, { "enrollment.dropped": once });
const refunded = state("refunded", count, { "enrollment.refunded": once });
const lastEnrollment = state("last_enrollment", last, { "enrollment.created": { value: (e) => e.price } });
const enrollmentsByWeek = windowState("enrollments_by_week", weekTiles, { "enrollment.created": once });
const spentByWeek = windowState("spent_by_week", weekTiles, { "token.spent": { value: (e) => e.amount } });
const meanPaid = state("mean_paid", mean, { "enrollment.created": { value: (e) => e.price } });
/** Views are the most frequent events: a count by day and one mean are all that they cost a learner's record. */
const exposuresByDay = windowState("exposures_by_day", monthTiles, { "exposure.viewed": once });
const pricesViewed = state("prices_viewed", mean, { "exposure.viewed": { value: (e) => e.price } });
const pricesPaid = state("prices_paid", extremes, { "enrollment.created": { value: (e) => e.price } });
/** The list price is the catalogue's as it is known when the event is folded; without one, the enrollment says nothing. */
const discounted = state("discounted", ratio, {
  "enrollment.created": { value: (e, context) => (context.list_price_tokens === 0 ? Number.NaN : e.price < context.list_price_tokens ? 1 : 0) },
});
const coursesTried = state("courses_tried", tried, {
  "enrollment.created": { value: (e) => hash32(e.course_id) },
  "activity.session": { value: (e) => (e.course_id === undefined ? Number.NaN : hash32(e.course_id)) },
});
const categoriesTried = state("categories_tried", tried, {
  "enrollment.created": { value: (_e, context) => (context.category === 0 ? Number.NaN : mix32(context.category)) },
});
const ratingsGiven = state("ratings_given", welford, { "activity.rating": { value: (e) => e.rating } });
const assignments = state("assignments", ratio, {
  "activity.assignment": { value: (e) => (e.submitted === undefined ? Number.NaN : e.submitted ? 1 : 0) },
});
const assignmentScores = state("assignment_scores", mean, { "activity.assignment": { value: (e) => e.score ?? Number.NaN } });
const active = { "activity.session": atEventTime, "activity.assignment": atEventTime, "activity.forum": atEventTime, "activity.rating": atEventTime };
const lastActivity = state("last_activity", maximum, active);
const activeDays: StateDefinition = { ...state("active_days", streak, active), lateness_ms: streak.lateness_ms };
const sessionMinutes = windowState("session_minutes", dayTiles, { "activity.session": { value: (e) => e.minutes ?? Number.NaN } });
const forumPosts = windowState("forum_posts", monthTiles, { "activity.forum": once });
const registered = state("registered", last, { "learner.upserted": { value: (e) => parseTime(e.registered_at) } });

/** What an upsert does not say is kept as it was. */
function attribute(name: LearnerAttribute): StateDefinition {
  return state(name, last, { "learner.upserted": { value: ({ attributes }) => attributeCode(name, attributes) || Number.NaN } });
}
const device = attribute("device");
const goal = attribute("goal");
const employerPaid = attribute("employer_paid");

export const learnerStates: readonly StateDefinition[] = [
  learnerBalance,
  spent,
  earned,
  purchased,
  completions,
  dropped,
  refunded,
  lastEnrollment,
  meanPaid,
  pricesViewed,
  pricesPaid,
  discounted,
  coursesTried,
  categoriesTried,
  ratingsGiven,
  assignments,
  assignmentScores,
  lastActivity,
  activeDays,
  registered,
  device,
  goal,
  employerPaid,
  sessionMinutes,
  forumPosts,
  exposuresByDay,
  enrollmentsByWeek,
  spentByWeek,
];

function minutes(days: number): FeatureDefinition {
  return stored({ name: `session_minutes_${days}d`, unit: "minutes", description: `minutes of sessions, last ${days} days` }, sessionMinutes, dayTiles.within, days * DAY_MS);
}

function viewed(days: number): FeatureDefinition {
  return stored({ name: `exposures_${days}d`, unit: "count", description: `courses viewed with their price, last ${days} days` }, exposuresByDay, monthTiles.within, days * DAY_MS);
}

function enrolledWithin(days: number): FeatureDefinition {
  return stored({ name: `enrollments_${days}d`, unit: "count", description: `enrollments, last ${days} days, from the week that the window starts in` }, enrollmentsByWeek, weekTiles.within, days * DAY_MS);
}

function spentWithin(days: number): FeatureDefinition {
  return stored({ name: `spent_${days}d_tokens`, unit: "tokens", description: `tokens spent, last ${days} days, from the week that the window starts in` }, spentByWeek, weekTiles.within, days * DAY_MS);
}

function attributeFeature(name: LearnerAttribute, of: string, source: StateDefinition): FeatureDefinition {
  const codes = learnerAttributes[name].map((value, i) => `${i + 1} ${value}`).join(", ");
  return stored({ name, unit: "ordinal", description: `${of}: 0 unknown, ${codes}` }, source, lastValue);
}

/** Posts at which forum participation is one half. */
const FORUM_HALF_POSTS = 4;

export const learnerFeatures: readonly FeatureDefinition[] = [
  stored({ name: "balance_tokens", unit: "tokens", description: "tokens purchased, earned and refunded, less spent and expired; below 0 while what it was spent from is still on its way" }, learnerBalance, total),
  stored({ name: "spent_tokens", unit: "tokens", description: "tokens spent" }, spent, total),
  stored({ name: "earned_tokens", unit: "tokens", description: "tokens earned" }, earned, total),
  stored({ name: "purchased_tokens", unit: "tokens", description: "tokens purchased" }, purchased, total),
  stored({ name: "enrolled", unit: "count", description: "enrollments" }, completions, ratioWhole),
  stored({ name: "completed", unit: "count", description: "completed enrollments" }, completions, ratioPart),
  stored({ name: "completion_rate", unit: "ratio", description: "completed enrollments per enrollment, at most 1" }, completions, ratioShare),
  stored({ name: "dropped", unit: "count", description: "dropped enrollments" }, dropped, total),
  stored({ name: "refunded", unit: "count", description: "refunded enrollments" }, refunded, total),
  derived({ name: "days_since_last_enrollment", unit: "days", description: `days since the latest enrollment, at most ${NEVER_DAYS}, which also stands for never`, default: NEVER_DAYS }, ["last_enrollment_ms"], daysSince),
  stored({ name: "lowest_price_paid_tokens", unit: "tokens", description: "lowest price of an enrollment; 0 without one" }, pricesPaid, lowest),
  stored({ name: "highest_price_paid_tokens", unit: "tokens", description: "highest price of an enrollment; 0 without one" }, pricesPaid, highest),
  stored({ name: "discount_uptake", unit: "ratio", description: "share of enrollments below the course's list price as the catalogue had it then" }, discounted, ratioShare),
  stored({ name: "courses_tried", unit: "count", description: `distinct courses enrolled in or studied, estimated within ${Math.round(tried.error * 100)} % (nearly exact below 30)` }, coursesTried, tried.estimate),
  stored({ name: "categories_tried", unit: "count", description: `distinct categories enrolled in, estimated within ${Math.round(tried.error * 100)} % (nearly exact below 30)` }, categoriesTried, tried.estimate),
  stored({ name: "rating_given_mean", unit: "stars", description: "mean of the ratings given, 1 to 5; 0 = none" }, ratingsGiven, welfordMean),
  stored({ name: "ratings_given", unit: "count", description: "ratings given" }, ratingsGiven, total),
  stored({ name: "assignments", unit: "count", description: "assignments that were submitted or missed" }, assignments, ratioWhole),
  stored({ name: "assignment_submission_rate", unit: "ratio", description: "submitted assignments per assignment; what does not say whether it was submitted is left out" }, assignments, ratioShare),
  stored({ name: "last_activity_ms", unit: "ms", description: "time of the latest session, assignment, forum post or rating; 0 = never" }, lastActivity, total),
  derived({ name: "days_since_last_activity", unit: "days", description: `days since the latest session, assignment, forum post or rating, at most ${NEVER_DAYS}, which also stands for never`, default: NEVER_DAYS }, ["last_activity_ms"], daysSince),
  stored({ name: "streak_days", unit: "days", description: "consecutive active UTC days up to today or yesterday, at most 64" }, activeDays, streak.current),
  stored({ name: "longest_streak_days", unit: "days", description: "longest run of active UTC days within the 64 days up to the last active one" }, activeDays, streak.longest),
  minutes(1),
  minutes(7),
  minutes(14),
  minutes(30),
  minutes(90),
  stored({ name: "session_minutes_previous_14d", unit: "minutes", description: "minutes of sessions in the 14 days before the last 14" }, sessionMinutes, dayTiles.before, 14 * DAY_MS),
  derived(
    { name: "session_minutes_trend", unit: "ratio", description: "(a - b)/(a + b) of the minutes of the last 14 days, a, and of the 14 before, b: -1 stopped, 1 started; 0 without any" },
    ["session_minutes_14d", "session_minutes_previous_14d"],
    (recent, previous) => (recent + previous > 0 ? (recent - previous) / (recent + previous) : 0),
  ),
  stored({ name: "forum_posts_30d", unit: "count", description: "forum posts, last 30 days" }, forumPosts, monthTiles.within, 30 * DAY_MS),
  derived(
    { name: "forum_participation", unit: "score", description: `posts of the last 30 days squashed to 0 to 1: n/(n + ${FORUM_HALF_POSTS})` },
    ["forum_posts_30d"],
    (posts) => posts / (posts + FORUM_HALF_POSTS),
  ),
  stored({ name: "registered_at_ms", unit: "ms", description: "time of registration; 0 = unknown" }, registered, lastValue),
  viewed(1),
  viewed(7),
  viewed(30),
  stored({ name: "exposures", unit: "count", description: "courses viewed with their price" }, pricesViewed, total),
  stored({ name: "price_viewed_mean_tokens", unit: "tokens", description: "mean of the prices viewed; 0 = none" }, pricesViewed, meanValue),
  derived({ name: "affordability", unit: "ratio", description: "share of the mean price viewed that the balance covers, at most 1; 0 also while no price was viewed" }, ["balance_tokens", "price_viewed_mean_tokens", "exposures"], (balance, price, views) =>
    // What costs nothing can be paid from any balance.
    views > 0 && price === 0 ? 1 : affordability(balance, price),
  ),
  derived({ name: "conversion", unit: "ratio", description: "enrollments per course viewed, at most 1" }, ["enrolled", "exposures"], conversion),
  enrolledWithin(30),
  enrolledWithin(90),
  spentWithin(30),
  spentWithin(90),
  stored({ name: "price_paid_mean_tokens", unit: "tokens", description: "mean price of an enrollment; 0 without one" }, meanPaid, meanValue),
  stored({ name: "last_price_paid_tokens", unit: "tokens", description: "price of the latest enrollment; 0 without one" }, lastEnrollment, lastValue),
  stored({ name: "assignment_score_mean", unit: "score", description: "mean score of assignments that have one, 0 to 1; 0 = none" }, assignmentScores, meanValue),
  attributeFeature("device", "what the learner mostly learns with", device),
  attributeFeature("goal", "what the learner learns for", goal),
  attributeFeature("employer_paid", "whether the learner's employer pays", employerPaid),
  ...handScoreFeatures(definer),
  stored({ name: "last_enrollment_ms", unit: "ms", description: "time of the latest enrollment; 0 = never", internal: true }, lastEnrollment, lastTime),
];
