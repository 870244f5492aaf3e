import { affordability } from "./affordability.ts";
import { total } from "./aggregator.ts";
import { featuresOf } from "./define.ts";
import { type FeatureDefinition, type StateDefinition, atEventTime, daysSince, NEVER_DAYS, once } from "./definition.ts";
import { ratio, ratioShare, ratioWhole } from "./ratio.ts";
import { count, last, lastTime, lastValue, maximum, sum } from "./scalar-aggregators.ts";

const { state, stored, derived } = featuresOf("learner_course", { personal: true });

/**
 * A learner's history with a course. The record begins with the first event of an enrollment; what happens in the course
 * before that is left out and counted.
 */
export const pairEnrollment = state("enrollment", last, { "enrollment.created": { value: (e) => e.price } });
const enrollments = state("enrollments", count, { "enrollment.created": once });
const completed = state("completed", maximum, { "enrollment.completed": atEventTime });
export const pairDropped = state("dropped", maximum, { "enrollment.dropped": atEventTime });
export const pairRefunded = state("refunded", maximum, { "enrollment.refunded": atEventTime });
const minutes = state("minutes", sum, { "activity.session": { value: (e) => e.minutes ?? Number.NaN } });
const rating = state("rating", last, { "activity.rating": { value: (e) => e.rating } });
const lastActivity = state("last_activity", maximum, { "activity.session": atEventTime, "activity.assignment": atEventTime, "activity.forum": atEventTime, "activity.rating": atEventTime });
const assignments = state("assignments", ratio, { "activity.assignment": { value: (e) => (e.submitted === undefined ? Number.NaN : e.submitted ? 1 : 0) } });

export const learnerCourseStates: readonly StateDefinition[] = [pairEnrollment, enrollments, completed, pairDropped, pairRefunded, minutes, rating, lastActivity, assignments];

export const learnerCourseFeatures: readonly FeatureDefinition[] = [
  stored({ name: "enrolled_at_ms", unit: "ms", description: "time of the latest enrollment; 0 while only its outcome is known" }, pairEnrollment, lastTime),
  stored({ name: "price_paid_tokens", unit: "tokens", description: "price of the latest enrollment" }, pairEnrollment, lastValue),
  stored({ name: "enrollments", unit: "count", description: "enrollments of the learner in the course" }, enrollments, total),
  derived({ name: "days_since_enrollment", unit: "days", description: `days since the latest enrollment, at most ${NEVER_DAYS}, which also stands for unknown`, default: NEVER_DAYS }, ["enrolled_at_ms"], daysSince),
  stored({ name: "completed_at_ms", unit: "ms", description: "time of the latest completion; 0 = none" }, completed, total),
  stored({ name: "dropped_at_ms", unit: "ms", description: "time of the latest drop; 0 = none" }, pairDropped, total),
  stored({ name: "refunded_at_ms", unit: "ms", description: "time of the latest refund; 0 = none" }, pairRefunded, total),
  stored({ name: "minutes", unit: "minutes", description: "minutes of sessions in the course" }, minutes, total),
  stored({ name: "rating", unit: "stars", description: "latest rating given to the course, 1 to 5; 0 = none" }, rating, lastValue),
  stored({ name: "last_activity_ms", unit: "ms", description: "time of the latest session, assignment, forum post or rating in the course; 0 = none" }, lastActivity, total),
  derived({ name: "days_since_last_activity", unit: "days", description: `days since the latest activity in the course, at most ${NEVER_DAYS}, which also stands for none`, default: NEVER_DAYS }, ["last_activity_ms"], daysSince),
  stored({ name: "assignments", unit: "count", description: "assignments of the course that were submitted or missed" }, assignments, ratioWhole),
  stored({ name: "assignment_submission_rate", unit: "ratio", description: "submitted assignments per assignment of the course" }, assignments, ratioShare),
  derived(
    { name: "affordability", unit: "ratio", description: "share of the course's list price, as the catalogue has it, that the learner's balance covers, at most 1; 0 also while no price is known" },
    ["learner.balance_tokens", "course.catalogue_price_tokens"],
    affordability,
  ),
];
