import { total } from "./aggregator.ts";
import { featuresOf } from "./define.ts";
import { type FeatureDefinition, type StateDefinition, atEventTime, daysSince, NEVER_DAYS, once } from "./definition.ts";
import { count, last, lastTime, lastValue, maximum, sum } from "./scalar-aggregators.ts";

const { state, stored, derived } = featuresOf("learner_course", { personal: true });

/**
 * A learner's history with a course. The record begins with the first event of an enrollment; what happens in the course
 * before that is left out and counted.
 */
const enrollment = state("enrollment", last, { "enrollment.created": { value: (e) => e.price } });
const enrollments = state("enrollments", count, { "enrollment.created": once });
const completed = state("completed", maximum, { "enrollment.completed": atEventTime });
const dropped = state("dropped", maximum, { "enrollment.dropped": atEventTime });
const refunded = state("refunded", maximum, { "enrollment.refunded": atEventTime });
const minutes = state("minutes", sum, { "activity.session": { value: (e) => e.minutes ?? Number.NaN } });
const rating = state("rating", last, { "activity.rating": { value: (e) => e.rating } });

export const learnerCourseStates: readonly StateDefinition[] = [enrollment, enrollments, completed, dropped, refunded, minutes, rating];

export const learnerCourseFeatures: readonly FeatureDefinition[] = [
  stored({ name: "enrolled_at_ms", unit: "ms", description: "time of the latest enrollment; 0 while only its outcome is known" }, enrollment, lastTime),
  stored({ name: "price_paid_tokens", unit: "tokens", description: "price of the latest enrollment" }, enrollment, lastValue),
  stored({ name: "enrollments", unit: "count", description: "enrollments of the learner in the course" }, enrollments, total),
  derived({ name: "days_since_enrollment", unit: "days", description: `days since the latest enrollment, at most ${NEVER_DAYS}, which also stands for unknown`, default: NEVER_DAYS }, ["enrolled_at_ms"], daysSince),
  stored({ name: "completed_at_ms", unit: "ms", description: "time of the latest completion; 0 = none" }, completed, total),
  stored({ name: "dropped_at_ms", unit: "ms", description: "time of the latest drop; 0 = none" }, dropped, total),
  stored({ name: "refunded_at_ms", unit: "ms", description: "time of the latest refund; 0 = none" }, refunded, total),
  stored({ name: "minutes", unit: "minutes", description: "minutes of sessions in the course" }, minutes, total),
  stored({ name: "rating", unit: "stars", description: "latest rating given to the course, 1 to 5; 0 = none" }, rating, lastValue),
];
