import type { Difficulty, QualityTier } from "../contracts/fields.ts";
import { DAY_MS, HOUR_MS, parseTime } from "../lib/time.ts";
import { total } from "./aggregator.ts";
import { conversion } from "./conversion.ts";
import { decayedRate } from "./decayed-rate.ts";
import { featuresOf } from "./define.ts";
import { type FeatureDefinition, type Folds, NEVER_DAYS, type StateDefinition, daysSince, once } from "./definition.ts";
import { ENROLLED, EXPOSED, LISTED, demandCells } from "./demand-cells.ts";
import { jitterCells } from "./jitter-cells.ts";
import { outcomeQuality } from "./outcome-quality.ts";
import { jitterBase } from "./price-jitter.ts";
import { PART, WHOLE, ratio, ratioShare, ratioWhole } from "./ratio.ts";
import { last, lastTime, lastValue, welford, welfordMean } from "./scalar-aggregators.ts";
import { type TiledWindow, dayTiles, hourTiles } from "./tiled-window.ts";

export const difficultyLevels: Readonly<Record<Difficulty, number>> = { beginner: 0, intermediate: 1, advanced: 2, expert: 3 };
export const qualityTiers: Readonly<Record<QualityTier, number>> = { basic: 0, standard: 1, premium: 2, elite: 3 };

const enrollmentRate = decayedRate(30 * DAY_MS);

const definer = featuresOf("course", { personal: false });
const { state, windowState, stored, derived } = definer;

const viewed: Folds = { "exposure.viewed": once };
const enrolled: Folds = { "enrollment.created": once };

/** Ordinals are kept plus one: 0 = unknown. */
export const courseCategory = state("category", last, { "course.upserted": { value: (e, context) => context.ordinal("category", e.category) + 1 } });
export const courseTeacher = state("teacher", last, { "course.upserted": { value: (e, context) => context.ordinal("teacher", e.teacher_id) + 1 } });
export const courseBasePrice = state("base_price", last, { "course.upserted": { value: (e) => e.base_price } });
export const courseRepriced = state("repriced", last, { "course.repriced": { value: (e) => e.price } });
export const courseDemand = state("demand", demandCells, {
  "course.upserted": { value: (e) => e.base_price, channel: LISTED },
  "course.repriced": { value: (e) => e.price, channel: LISTED },
  "exposure.viewed": { value: (e) => e.price, channel: EXPOSED },
  "enrollment.created": { value: (e) => e.price, channel: ENROLLED },
});
/** The list price before its random part; 0 = it has none. */
export const courseJitterBase = state("jitter_base", last, { "course.repriced": { value: (e) => jitterBase(e) || 0 } });
/** Of views and enrollments at a list price with a random part. */
export const courseJitterDemand = state("jitter_demand", jitterCells, {
  "exposure.viewed": { value: (e, { list_price_tokens, list_price_jitter }) => (e.price === list_price_tokens ? list_price_jitter : Number.NaN), channel: EXPOSED },
  "enrollment.created": { value: (e, { list_price_tokens, list_price_jitter }) => (e.price === list_price_tokens ? list_price_jitter : Number.NaN), channel: ENROLLED },
});
export const courseDifficulty = state("difficulty", last, { "course.upserted": { value: (e) => difficultyLevels[e.difficulty_level] } });
export const courseQuality = state("quality", last, { "course.upserted": { value: (e) => qualityTiers[e.quality_tier] } });
const launchedAt = state("launched_at", last, { "course.upserted": { value: (e) => parseTime(e.launched_at) } });
const competitorPrice = state("competitor_price", last, { "market.competitor_price": { value: (e) => (e.course_id === undefined ? Number.NaN : e.price) } });
const exposuresByHour = windowState("exposures_by_hour", hourTiles, viewed);
export const courseExposuresByDay = windowState("exposures_by_day", dayTiles, viewed);
const enrollmentsByHour = windowState("enrollments_by_hour", hourTiles, enrolled);
export const courseEnrollmentsByDay = windowState("enrollments_by_day", dayTiles, enrolled);
export const courseRefundsByDay = windowState("refunds_by_day", dayTiles, { "enrollment.refunded": once });
const completionsByDay = windowState("completions_by_day", dayTiles, { "enrollment.completed": once });
const ratings = state("ratings", welford, { "activity.rating": { value: (e) => e.rating } });
const completions = state("completions", ratio, { "enrollment.created": { ...once, channel: WHOLE }, "enrollment.completed": { ...once, channel: PART } });
const refunds = state("refunds", ratio, { "enrollment.created": { ...once, channel: WHOLE }, "enrollment.refunded": { ...once, channel: PART } });
const drops = state("drops", ratio, { "enrollment.created": { ...once, channel: WHOLE }, "enrollment.dropped": { ...once, channel: PART } });
export const courseRevenueByDay = windowState("revenue_by_day", dayTiles, { "enrollment.created": { value: (e) => e.price } });
const enrollmentsDecayed = state("enrollments_decayed", enrollmentRate, enrolled);

export const courseStates: readonly StateDefinition[] = [
  courseCategory,
  courseTeacher,
  courseBasePrice,
  courseRepriced,
  courseDifficulty,
  courseQuality,
  launchedAt,
  competitorPrice,
  ratings,
  enrollmentsDecayed,
  courseDemand,
  courseJitterBase,
  courseJitterDemand,
  exposuresByHour,
  courseExposuresByDay,
  enrollmentsByHour,
  courseEnrollmentsByDay,
  courseRefundsByDay,
  completionsByDay,
  completions,
  refunds,
  drops,
  courseRevenueByDay,
];

const windows = { "1h": HOUR_MS, "24h": 24 * HOUR_MS, "7d": 7 * DAY_MS, "30d": 30 * DAY_MS, "90d": 90 * DAY_MS };

function counted(what: "exposures" | "enrollments", window: keyof typeof windows, from: StateDefinition, tiles: TiledWindow): FeatureDefinition {
  return stored({ name: `${what}_${window}`, unit: "count", description: `${what} of the last ${window}, from the tile that the window starts in` }, from, tiles.within, windows[window]);
}

/** The list price: the last one set; before any, the base price; before that, the first price that was seen. */
export function listPrice(repriced: number, base: number, reference: number): number {
  return repriced > 0 ? repriced : base > 0 ? base : reference;
}

const same = (a: number): number => a;
const over = (price: number, other: number): number => (other > 0 ? price / other : 0);

function earned(window: "7d" | "30d" | "90d"): FeatureDefinition {
  return stored({ name: `revenue_${window}_tokens`, unit: "tokens", description: `prices of the enrollments of the last ${window}, refunds not taken off` }, courseRevenueByDay, dayTiles.within, windows[window]);
}

const quality = outcomeQuality(definer, "quality_score", completions, ratings, refunds);

/** In vector order, to which new ones are only ever appended; internal ones last. */
export const courseFeatures: readonly FeatureDefinition[] = [
  derived({ name: "price_tokens", unit: "tokens", description: "list price" }, ["repriced_tokens", "base_price_tokens", "reference_price_tokens"], listPrice),
  stored({ name: "reference_price_tokens", unit: "tokens", description: "first price known, fixed for ever: demand cells are relative to it" }, courseDemand, total),
  stored({ name: "base_price_tokens", unit: "tokens", description: "price that the platform launched or last described the course with" }, courseBasePrice, lastValue),
  derived(
    { name: "category_price_loo_tokens", unit: "tokens", description: "mean list price of the category's other courses; 0 = none" },
    ["category.list_price_sum_tokens", "category.courses", "price_tokens"],
    (sum, courses, own) => (courses > 1 ? (sum - own) / (courses - 1) : 0),
  ),
  derived(
    { name: "competitor_price_tokens", unit: "tokens", description: "last competitor price for the course, else for its category; 0 = unknown" },
    ["own_competitor_price_tokens", "category.competitor_price_tokens"],
    (own, category) => (own > 0 ? own : category),
  ),
  derived({ name: "days_since_launch", unit: "days", description: "days since the launch; 0 before it or when it is unknown" }, ["launched_at_ms"], (launched_at_ms, _b, _c, now_ms) =>
    launched_at_ms > 0 && now_ms > launched_at_ms ? (now_ms - launched_at_ms) / DAY_MS : 0,
  ),
  stored({ name: "difficulty_level", unit: "level", description: "0 beginner, 1 intermediate, 2 advanced, 3 expert" }, courseDifficulty, lastValue),
  stored({ name: "quality_tier", unit: "level", description: "0 basic, 1 standard, 2 premium, 3 elite" }, courseQuality, lastValue),
  counted("exposures", "1h", exposuresByHour, hourTiles),
  counted("exposures", "24h", exposuresByHour, hourTiles),
  counted("exposures", "7d", courseExposuresByDay, dayTiles),
  counted("exposures", "30d", courseExposuresByDay, dayTiles),
  counted("exposures", "90d", courseExposuresByDay, dayTiles),
  counted("enrollments", "1h", enrollmentsByHour, hourTiles),
  counted("enrollments", "24h", enrollmentsByHour, hourTiles),
  counted("enrollments", "7d", courseEnrollmentsByDay, dayTiles),
  counted("enrollments", "30d", courseEnrollmentsByDay, dayTiles),
  counted("enrollments", "90d", courseEnrollmentsByDay, dayTiles),
  stored({ name: "refunds_90d", unit: "count", description: "refunded enrollments of the last 90 days" }, courseRefundsByDay, dayTiles.within, windows["90d"]),
  stored({ name: "completions_90d", unit: "count", description: "completed enrollments of the last 90 days" }, completionsByDay, dayTiles.within, windows["90d"]),
  stored({ name: "rating_mean", unit: "stars", description: "mean of all ratings, 1 to 5; 0 = none" }, ratings, welfordMean),
  stored({ name: "ratings", unit: "count", description: "number of ratings" }, ratings, total),
  derived({ name: "conversion_30d", unit: "ratio", description: "enrollments per exposure of the last 30 days, at most 1" }, ["enrollments_30d", "exposures_30d"], conversion),
  derived({ name: "conversion_90d", unit: "ratio", description: "enrollments per exposure of the last 90 days, at most 1" }, ["enrollments_90d", "exposures_90d"], conversion),
  stored({ name: "enrollments_per_day", unit: "per_day", description: "decayed enrollment rate, half-life 30 days" }, enrollmentsDecayed, enrollmentRate.per_day),
  derived({ name: "category_exposures_30d", unit: "count", description: "exposures of the category, last 30 days" }, ["category.exposures_30d"], same),
  derived({ name: "category_enrollments_30d", unit: "count", description: "enrollments of the category, last 30 days" }, ["category.enrollments_30d"], same),
  derived({ name: "category_conversion_30d", unit: "ratio", description: "conversion of the category, last 30 days" }, ["category.conversion_30d"], same),
  derived({ name: "category_conversion_90d", unit: "ratio", description: "conversion of the category, last 90 days" }, ["category.conversion_90d"], same),
  derived({ name: "category_courses", unit: "count", description: "courses in the category" }, ["category.courses"], same),
  stored({ name: "completion_rate", unit: "ratio", description: "completed enrollments per enrollment, at most 1" }, completions, ratioShare),
  stored({ name: "refund_rate", unit: "ratio", description: "refunded enrollments per enrollment, at most 1" }, refunds, ratioShare),
  stored({ name: "drop_rate", unit: "ratio", description: "dropped enrollments per enrollment, at most 1" }, drops, ratioShare),
  earned("7d"),
  earned("30d"),
  earned("90d"),
  quality.score,
  derived({ name: "price_over_category", unit: "ratio", description: "list price over the mean of the category's other courses; 0 = no other" }, ["price_tokens", "category_price_loo_tokens"], over),
  derived({ name: "price_over_competitor", unit: "ratio", description: "list price over the competitor's; 0 = unknown" }, ["price_tokens", "competitor_price_tokens"], over),
  derived({ name: "days_since_repriced", unit: "days", description: "days since a list price was last set; 3650 = never", default: NEVER_DAYS }, ["repriced_at_ms"], daysSince),
  derived({ name: "category_hour_lift", unit: "score", description: "log-odds of enrolling in the category at this hour of the UTC day, less those of all hours" }, ["category.hour_lift"], same),
  derived({ name: "category_weekday_lift", unit: "score", description: "the same of this UTC weekday" }, ["category.weekday_lift"], same),
  ...quality.parts,
  { ...stored({ name: "repriced_at_ms", unit: "ms", description: "when a list price was set last; 0 = never" }, courseRepriced, lastTime), internal: true },
  { ...stored({ name: "repriced_tokens", unit: "tokens", description: "last list price set; 0 = never" }, courseRepriced, lastValue), internal: true },
  { ...stored({ name: "own_competitor_price_tokens", unit: "tokens", description: "last competitor price for this very course; 0 = unknown" }, competitorPrice, lastValue), internal: true },
  { ...stored({ name: "launched_at_ms", unit: "ms", description: "time of the launch" }, launchedAt, lastValue), internal: true },
  { ...stored({ name: "category_ordinal", unit: "ordinal", description: "1 + ordinal of the category; 0 = unknown" }, courseCategory, lastValue), internal: true },
  { ...stored({ name: "teacher_ordinal", unit: "ordinal", description: "1 + ordinal of the teacher; 0 = unknown" }, courseTeacher, lastValue), internal: true },
];

/** Features that people read and prices do not: not in the vector, and computed only when a course's features are asked for. */
export const courseDetails: readonly FeatureDefinition[] = [
  stored({ name: "total_enrollments", unit: "count", description: "all enrollments" }, completions, ratioWhole),
  derived({ name: "teacher_quality_score", unit: "score", description: "quality score that the platform gave the teacher, 0 to 1; 0.5 while it gave none", default: 0.5 }, ["teacher.quality_given"], same),
  derived({ name: "teacher_quality_from_outcomes", unit: "score", description: "quality of all the teacher's courses from outcomes, 0 to 1", default: quality.score.default }, ["teacher.quality_from_outcomes"], same),
  derived({ name: "catalogue_price_tokens", unit: "tokens", description: "list price by the catalogue alone; 0 = unknown", internal: true }, ["repriced_tokens", "base_price_tokens"], (repriced, base) => listPrice(repriced, base, 0)),
];
