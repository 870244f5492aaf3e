import { DAY_MS } from "../lib/time.ts";
import { total } from "./aggregator.ts";
import { featuresOf } from "./define.ts";
import { type FeatureDefinition, type StateDefinition, once } from "./definition.ts";
import { outcomeQuality } from "./outcome-quality.ts";
import { PART, WHOLE, ratio, ratioPart, ratioShare, ratioWhole } from "./ratio.ts";
import { last, lastTime, lastValue, sum, welford, welfordMean } from "./scalar-aggregators.ts";
import { dayTiles } from "./tiled-window.ts";

const definer = featuresOf("teacher", { personal: false });
const { state, windowState, stored, derived } = definer;

/** Events of a course count for the teacher that the course is known to have when they are folded. */
const completions = state("completions", ratio, { "enrollment.created": { ...once, channel: WHOLE }, "enrollment.completed": { ...once, channel: PART } });
const drops = state("drops", ratio, { "enrollment.created": { ...once, channel: WHOLE }, "enrollment.dropped": { ...once, channel: PART } });
const refunds = state("refunds", ratio, { "enrollment.created": { ...once, channel: WHOLE }, "enrollment.refunded": { ...once, channel: PART } });
const ratings = state("ratings", welford, { "activity.rating": { value: (e) => e.rating } });
const revenue = state("revenue", sum, { "enrollment.created": { value: (e) => e.price } });
const revenueByDay = windowState("revenue_by_day", dayTiles, { "enrollment.created": { value: (e) => e.price } });
const enrollmentsByDay = windowState("enrollments_by_day", dayTiles, { "enrollment.created": once });
const qualityGiven = state("quality_given", last, { "teacher.upserted": { value: (e) => e.quality_score ?? Number.NaN } });
export const minPrice = state("min_price", last, { "teacher.upserted": { value: (e) => e.min_price ?? Number.NaN } });
export const maxPrice = state("max_price", last, { "teacher.upserted": { value: (e) => e.max_price ?? Number.NaN } });
/** Rolled up by the writer from the courses' own teachers, as they change: no event feeds it directly. */
export const teacherCourses: StateDefinition = { ...state("courses", sum, {}), rolled_up_from: ["course.upserted"] };

export const teacherStates: readonly StateDefinition[] = [completions, drops, refunds, ratings, revenue, teacherCourses, qualityGiven, minPrice, maxPrice, revenueByDay, enrollmentsByDay];

const quality = outcomeQuality(definer, "quality_from_outcomes", completions, ratings, refunds);

/** Where the platform has given no score. */
const QUALITY_UNKNOWN = 0.5;

function enrolled(days: number): FeatureDefinition {
  return stored({ name: `enrollments_${days}d`, unit: "count", description: `enrollments in the teacher's courses, last ${days} days` }, enrollmentsByDay, dayTiles.within, days * DAY_MS);
}

function earned(days: number): FeatureDefinition {
  return stored({ name: `revenue_${days}d_tokens`, unit: "tokens", description: `prices of enrollments in the teacher's courses, last ${days} days, refunds not taken off` }, revenueByDay, dayTiles.within, days * DAY_MS);
}

export const teacherFeatures: readonly FeatureDefinition[] = [
  stored({ name: "courses", unit: "count", description: "courses that are the teacher's now" }, teacherCourses, total),
  stored({ name: "enrollments", unit: "count", description: "enrollments in the teacher's courses" }, completions, ratioWhole),
  enrolled(30),
  enrolled(90),
  stored({ name: "completions", unit: "count", description: "completed enrollments" }, completions, ratioPart),
  stored({ name: "completion_rate", unit: "ratio", description: "completed enrollments per enrollment, at most 1" }, completions, ratioShare),
  stored({ name: "drop_rate", unit: "ratio", description: "dropped enrollments per enrollment, at most 1" }, drops, ratioShare),
  stored({ name: "refunds", unit: "count", description: "refunded enrollments" }, refunds, ratioPart),
  stored({ name: "refund_rate", unit: "ratio", description: "refunded enrollments per enrollment, at most 1" }, refunds, ratioShare),
  stored({ name: "rating_mean", unit: "stars", description: "mean of all ratings of the teacher's courses, 1 to 5; 0 = none" }, ratings, welfordMean),
  stored({ name: "ratings", unit: "count", description: "ratings of the teacher's courses" }, ratings, total),
  stored({ name: "revenue_tokens", unit: "tokens", description: "prices of all enrollments in the teacher's courses, refunds not taken off" }, revenue, total),
  earned(30),
  earned(90),
  derived({ name: "quality_given", unit: "score", description: `quality score that the platform gave, 0 to 1; ${QUALITY_UNKNOWN} while it gave none`, default: QUALITY_UNKNOWN }, ["quality_score", "quality_score_at_ms"], (score, at_ms) =>
    at_ms > 0 ? score : QUALITY_UNKNOWN,
  ),
  quality.score,
  stored({ name: "min_price_tokens", unit: "tokens", description: "lowest price that the teacher allows; 0 = none given" }, minPrice, lastValue),
  stored({ name: "max_price_tokens", unit: "tokens", description: "highest price that the teacher allows; 0 = none given" }, maxPrice, lastValue),
  ...quality.parts,
  stored({ name: "quality_score", unit: "score", description: "last quality score given; 0 also without one", internal: true }, qualityGiven, lastValue),
  stored({ name: "quality_score_at_ms", unit: "ms", description: "when it was given; 0 = never", internal: true }, qualityGiven, lastTime),
];
