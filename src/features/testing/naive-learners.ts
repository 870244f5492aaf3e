import type { StreamEvent } from "../../contracts/events.ts";
import { hash32 } from "../../lib/prng.ts";
import { DAY_MS, parseTime } from "../../lib/time.ts";
import { mix32 } from "../distinct.ts";
import { naiveDistinct } from "./naive-distinct.ts";
import { latest, ofType, ratio, windowSum } from "./naive-features.ts";

type TokenType = "token.purchased" | "token.earned" | "token.spent" | "token.refunded" | "token.expired";

/** The events since the learner was last erased, with what the stream held before each. */
function since(events: readonly StreamEvent[], learner_id: string): StreamEvent[] {
  const all = events.filter(({ event }) => "learner_id" in event && event.learner_id === learner_id);
  return all.slice(all.findLastIndex(({ event }) => event.type === "learner.erased") + 1);
}

/** What the catalogue said of a course when an event came: 1 + its category's place among the names, and its list price. */
function catalogueAt(events: readonly StreamEvent[], at: StreamEvent, course_id: string): { category: number; list_price: number } {
  const before = events.filter(({ sequence }) => sequence < at.sequence);
  const names = [...new Set(ofType(before, "course.upserted").map(({ event }) => event.category))];
  const upserted = latest(ofType(before, "course.upserted").filter(({ event }) => event.course_id === course_id))?.event;
  const repriced = latest(ofType(before, "course.repriced").filter(({ event }) => event.course_id === course_id))?.event;
  return { category: upserted === undefined ? 0 : names.indexOf(upserted.category) + 1, list_price: repriced?.price ?? upserted?.base_price ?? 0 };
}

function daysSince(times_ms: readonly number[], now_ms: number): number {
  return times_ms.length === 0 ? 3_650 : Math.min(3_650, Math.max(0, (now_ms - Math.max(...times_ms)) / DAY_MS));
}

/** Current and longest run of days among the last 64, ending with the newest. */
function streaks(times_ms: readonly number[], now_ms: number): { current: number; longest: number } {
  const all = new Set(times_ms.map((time_ms) => Math.floor(time_ms / DAY_MS)));
  const newest = Math.max(...all);
  const days = new Set([...all].filter((day) => day > newest - 64));
  const runFrom = (day: number): number => (days.has(day) ? 1 + runFrom(day - 1) : 0);
  return { current: newest >= Math.floor(now_ms / DAY_MS) - 1 ? runFrom(newest) : 0, longest: Math.max(0, ...[...days].map(runFrom)) };
}

const clip = (value: number): number => Math.min(1, Math.max(0, value));
const mean = (values: readonly number[]): number => (values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length);

/** undefined when nothing is known of the learner since the last erasure. */
export function naiveLearner(events: readonly StreamEvent[], learner_id: string, now_ms: number): Record<string, number> | undefined {
  const own = since(events, learner_id);
  if (own.length === 0) return undefined;
  const amounts = (...types: TokenType[]): number => types.flatMap((type) => ofType(own, type)).reduce((sum, { event }) => sum + event.amount, 0);
  const active = own.filter(({ event }) => event.type.startsWith("activity.")).map((stream) => stream.event_time_ms);
  const enrollments = ofType(own, "enrollment.created");
  const completed = ofType(own, "enrollment.completed").length;
  const prices = enrollments.map(({ event }) => event.price);
  const offers = enrollments.map((stream) => ({ price: stream.event.price, ...catalogueAt(events, stream, stream.event.course_id) }));
  const listed = offers.filter(({ list_price }) => list_price > 0);
  const viewed = ofType(own, "exposure.viewed");
  const views = (days: number): number => windowSum(viewed.map(({ event_time_ms }) => [event_time_ms, 1] as const), 31, days, now_ms);
  const byWeek = (values: readonly (readonly [number, number])[], days: number): number => windowSum(values, 14, days, now_ms, 7);
  const enrolledAt = enrollments.map(({ event_time_ms }) => [event_time_ms, 1] as const);
  const spentAt = ofType(own, "token.spent").map(({ event, event_time_ms }) => [event_time_ms, event.amount] as const);
  const balance = amounts("token.purchased", "token.earned", "token.refunded") - amounts("token.spent", "token.expired");
  const price_viewed = mean(viewed.map(({ event }) => event.price));
  const scores = ofType(own, "activity.assignment").flatMap(({ event }) => (event.score === undefined ? [] : [event.score]));
  const studied = ofType(own, "activity.session").flatMap(({ event }) => (event.course_id === undefined ? [] : [event.course_id]));
  const ratings = ofType(own, "activity.rating").map(({ event }) => event.rating);
  const assignments = ofType(own, "activity.assignment").flatMap(({ event }) => (event.submitted === undefined ? [] : [event.submitted]));
  const submitted = assignments.filter((done) => done).length;
  const minutes = ofType(own, "activity.session").flatMap(({ event, event_time_ms }) => (event.minutes === undefined ? [] : [[event_time_ms, event.minutes] as const]));
  const studiedFor = (days: number): number => windowSum(minutes, 91, days, now_ms);
  const recent = studiedFor(14);
  const previous = studiedFor(28) - recent;
  const posts = windowSum(ofType(own, "activity.forum").map(({ event_time_ms }) => [event_time_ms, 1] as const), 31, 30, now_ms);
  const upserted = ofType(own, "learner.upserted");
  const registered = latest(upserted);
  /** The latest upsert that says one of the values decides. */
  const attribute = (name: string, values: readonly unknown[]): number => {
    const said = latest(upserted.filter(({ event }) => values.includes(event.attributes?.[name])));
    return said === undefined ? 0 : 1 + values.indexOf(said.event.attributes?.[name]);
  };
  const streak = streaks(active, now_ms);
  return {
    balance_tokens: balance,
    spent_tokens: amounts("token.spent"),
    earned_tokens: amounts("token.earned"),
    purchased_tokens: amounts("token.purchased"),
    enrolled: enrollments.length,
    completed,
    completion_rate: ratio(completed, enrollments.length),
    dropped: ofType(own, "enrollment.dropped").length,
    refunded: ofType(own, "enrollment.refunded").length,
    days_since_last_enrollment: daysSince(enrollments.map((stream) => stream.event_time_ms), now_ms),
    lowest_price_paid_tokens: prices.length === 0 ? 0 : Math.min(...prices),
    highest_price_paid_tokens: Math.max(0, ...prices),
    discount_uptake: ratio(listed.filter(({ price, list_price }) => price < list_price).length, listed.length),
    courses_tried: naiveDistinct([...enrollments.map(({ event }) => event.course_id), ...studied].map(hash32), 6),
    categories_tried: naiveDistinct(offers.filter(({ category }) => category > 0).map(({ category }) => mix32(category)), 6),
    rating_given_mean: mean(ratings),
    ratings_given: ratings.length,
    assignments: assignments.length,
    assignment_submission_rate: ratio(submitted, assignments.length),
    last_activity_ms: Math.max(0, ...active),
    days_since_last_activity: daysSince(active, now_ms),
    streak_days: streak.current,
    longest_streak_days: streak.longest,
    session_minutes_1d: studiedFor(1),
    session_minutes_7d: studiedFor(7),
    session_minutes_14d: recent,
    session_minutes_30d: studiedFor(30),
    session_minutes_90d: studiedFor(90),
    session_minutes_previous_14d: previous,
    session_minutes_trend: recent + previous > 0 ? (recent - previous) / (recent + previous) : 0,
    forum_posts_30d: posts,
    forum_participation: posts / (posts + 4),
    registered_at_ms: registered === undefined ? 0 : parseTime(registered.event.registered_at),
    exposures_1d: views(1),
    exposures_7d: views(7),
    exposures_30d: views(30),
    exposures: viewed.length,
    price_viewed_mean_tokens: price_viewed,
    affordability: price_viewed > 0 ? clip(balance / price_viewed) : viewed.length > 0 ? 1 : 0,
    conversion: ratio(enrollments.length, viewed.length),
    enrollments_30d: byWeek(enrolledAt, 30),
    enrollments_90d: byWeek(enrolledAt, 90),
    spent_30d_tokens: byWeek(spentAt, 30),
    spent_90d_tokens: byWeek(spentAt, 90),
    price_paid_mean_tokens: mean(prices),
    last_price_paid_tokens: latest(enrollments)?.event.price ?? 0,
    assignment_score_mean: mean(scores),
    device: attribute("device", ["desktop", "mobile", "tablet"]),
    goal: attribute("goal", ["career", "degree", "hobby"]),
    employer_paid: attribute("employer_paid", [false, true]),
    recency_score: clip(1 - daysSince(enrollments.map((stream) => stream.event_time_ms), now_ms) / 90),
    engagement_score: 0.4 * Math.min(streak.current / 30, 1) + (0.3 * posts) / (posts + 4) + 0.3 * ratio(submitted, assignments.length),
    financial_score: clip(balance / 200),
    success_score: ratio(completed, enrollments.length),
    satisfaction_score: ratings.length === 0 ? 0.5 : mean(ratings) / 5,
    inactivity_score: clip(daysSince(active, now_ms) / 60),
    engagement_decline: previous > 0 ? clip(1 - recent / previous) : 0,
  };
}

/** undefined until an event of an enrollment came, since the last erasure of the learner. */
export function naiveLearnerCourse(events: readonly StreamEvent[], learner_id: string, course_id: string, now_ms: number): Record<string, number> | undefined {
  const own = since(events, learner_id).filter(({ event }) => "course_id" in event && event.course_id === course_id);
  const begin = own.findIndex(({ event }) => event.type.startsWith("enrollment."));
  if (begin < 0) return undefined;
  const kept = own.slice(begin);
  const newest = (type: "enrollment.completed" | "enrollment.dropped" | "enrollment.refunded"): number => Math.max(0, ...ofType(kept, type).map((stream) => stream.event_time_ms));
  const enrolled = latest(ofType(kept, "enrollment.created"));
  const active = kept.filter(({ event }) => event.type.startsWith("activity.")).map((stream) => stream.event_time_ms);
  const assignments = ofType(kept, "activity.assignment").flatMap(({ event }) => (event.submitted === undefined ? [] : [event.submitted]));
  const end = { ...events.at(-1)!, sequence: Number.POSITIVE_INFINITY };
  const price = catalogueAt(events, end, course_id).list_price;
  return {
    enrolled_at_ms: enrolled?.event_time_ms ?? 0,
    price_paid_tokens: enrolled?.event.price ?? 0,
    enrollments: ofType(kept, "enrollment.created").length,
    days_since_enrollment: daysSince(enrolled === undefined ? [] : [enrolled.event_time_ms], now_ms),
    completed_at_ms: newest("enrollment.completed"),
    dropped_at_ms: newest("enrollment.dropped"),
    refunded_at_ms: newest("enrollment.refunded"),
    minutes: ofType(kept, "activity.session").reduce((sum, { event }) => sum + (event.minutes ?? 0), 0),
    rating: latest(ofType(kept, "activity.rating"))?.event.rating ?? 0,
    last_activity_ms: Math.max(0, ...active),
    days_since_last_activity: daysSince(active, now_ms),
    assignments: assignments.length,
    assignment_submission_rate: ratio(assignments.filter((done) => done).length, assignments.length),
    affordability: price > 0 ? clip(naiveLearner(events, learner_id, now_ms)!["balance_tokens"]! / price) : 0,
  };
}
