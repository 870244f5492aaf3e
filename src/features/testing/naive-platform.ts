import type { EventType, StreamEvent } from "../../contracts/events.ts";
import { hash32 } from "../../lib/prng.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { naiveDistinct } from "./naive-distinct.ts";
import { latest, naiveQuality, ofType, ratio, windowSum } from "./naive-features.ts";

/** The teacher of a course by what was known before an event. */
function teacherAt(events: readonly StreamEvent[], at: StreamEvent, course_id: string): string | undefined {
  return naiveTeacherOf(events.filter(({ sequence }) => sequence < at.sequence), course_id);
}

export function naiveTeacherOf(events: readonly StreamEvent[], course_id: string): string | undefined {
  return latest(ofType(events, "course.upserted").filter(({ event }) => event.course_id === course_id))?.event.teacher_id;
}

const outcomes: ReadonlySet<EventType> = new Set<EventType>(["enrollment.created", "enrollment.completed", "enrollment.dropped", "enrollment.refunded", "activity.rating"]);

/** undefined when nothing is known of the teacher. */
export function naiveTeacher(events: readonly StreamEvent[], teacher_id: string, now_ms: number): Record<string, number> | undefined {
  const own = events.filter((stream) => {
    const { event } = stream;
    if (event.type === "teacher.upserted") return event.teacher_id === teacher_id;
    return outcomes.has(event.type) && "course_id" in event && event.course_id !== undefined && teacherAt(events, stream, event.course_id) === teacher_id;
  });
  const upserts = ofType(events, "course.upserted");
  const teacherAfter = ({ event }: (typeof upserts)[number], sequence: number): string | undefined => teacherAt(events, { ...events[0]!, sequence: sequence + 1 }, event.course_id);
  const has_had = upserts.some((stream) => teacherAfter(stream, stream.sequence) === teacher_id);
  const courses = new Set(upserts.filter((stream) => teacherAfter(stream, Number.POSITIVE_INFINITY) === teacher_id).map(({ event }) => event.course_id));
  // An exposure is no outcome: it leaves no record.
  if (own.length === 0 && !has_had) return undefined;
  const paid = ofType(own, "enrollment.created").map(({ event, event_time_ms }) => [event_time_ms, event.price] as const);
  const made = paid.map(([time_ms]) => [time_ms, 1] as const);
  const ratings = ofType(own, "activity.rating").map(({ event }) => event.rating);
  const completions = ofType(own, "enrollment.completed").length;
  const refunds = ofType(own, "enrollment.refunded").length;
  const given = latest(ofType(own, "teacher.upserted").filter(({ event }) => event.quality_score !== undefined));
  const said = (field: "min_price" | "max_price"): number => latest(ofType(own, "teacher.upserted").filter(({ event }) => event[field] !== undefined))?.event[field] ?? 0;
  return {
    courses: courses.size,
    min_price_tokens: said("min_price"),
    max_price_tokens: said("max_price"),
    enrollments: paid.length,
    enrollments_30d: windowSum(made, 91, 30, now_ms),
    enrollments_90d: windowSum(made, 91, 90, now_ms),
    completions,
    completion_rate: ratio(completions, paid.length),
    drop_rate: ratio(ofType(own, "enrollment.dropped").length, paid.length),
    refunds,
    refund_rate: ratio(refunds, paid.length),
    rating_mean: ratings.length === 0 ? 0 : ratings.reduce((a, b) => a + b, 0) / ratings.length,
    ratings: ratings.length,
    revenue_tokens: paid.reduce((sum, [, price]) => sum + price, 0),
    revenue_30d_tokens: windowSum(paid, 91, 30, now_ms),
    revenue_90d_tokens: windowSum(paid, 91, 90, now_ms),
    quality_given: given?.event.quality_score ?? 0.5,
    quality_from_outcomes: naiveQuality(paid.length, completions, refunds, ratings),
  };
}

const silent: ReadonlySet<EventType> = new Set<EventType>(["course.upserted", "course.repriced", "learner.upserted", "learner.erased", "teacher.upserted", "market.competitor_price", "enrollment.dropped"]);
const dayOf = (stream: StreamEvent): string => formatTime(Math.floor(stream.event_time_ms / DAY_MS) * DAY_MS).slice(0, 10);

/** The UTC days that have a record, ascending. */
export function naiveDays(events: readonly StreamEvent[]): string[] {
  return [...new Set(events.filter(({ event }) => !silent.has(event.type)).map(dayOf))].sort();
}

function activeLearner({ event }: StreamEvent): readonly string[] {
  const counts = event.type === "exposure.viewed" || event.type === "enrollment.created" || event.type === "token.purchased" || event.type.startsWith("activity.");
  return counts && "learner_id" in event ? [event.learner_id] : [];
}

/** What learners hold by the end of a day. */
function outstanding(events: readonly StreamEvent[], day: string): number {
  const gains: Partial<Record<EventType, number>> = { "token.purchased": 1, "token.earned": 1, "token.refunded": 1, "token.spent": -1, "token.expired": -1 };
  return events.filter((stream) => dayOf(stream) <= day).reduce((sum, { event }) => sum + ("amount" in event ? event.amount * gains[event.type]! : 0), 0);
}

export function naivePlatform(events: readonly StreamEvent[], day: string): Record<string, number> {
  const own = events.filter((stream) => dayOf(stream) === day);
  const back = (stream: StreamEvent): number => (Date.parse(`${day}T00:00:00Z`) - Date.parse(`${dayOf(stream)}T00:00:00Z`)) / DAY_MS;
  const between = (from: number, to: number): Set<string> => new Set(events.filter((stream) => back(stream) <= from && back(stream) >= to).flatMap(activeLearner));
  const cohort = between(89, 60);
  const churned = [...cohort].filter((id) => !between(59, 0).has(id));
  const amounts = (type: "token.purchased" | "token.earned" | "token.spent" | "token.refunded" | "token.expired"): number => ofType(own, type).reduce((sum, { event }) => sum + event.amount, 0);
  const enrollments = ofType(own, "enrollment.created");
  const exposures = ofType(own, "exposure.viewed").length;
  return {
    actives: naiveDistinct(own.flatMap(activeLearner).map(hash32), 11),
    // Exact for the few learners there are.
    actives_7d: between(6, 0).size,
    actives_30d: between(29, 0).size,
    actives_60d: between(59, 0).size,
    actives_90d: between(89, 0).size,
    churned: churned.length,
    churn_rate: ratio(churned.length, cohort.size),
    tokens_outstanding: outstanding(events, day),
    exposures,
    enrollments: enrollments.length,
    completions: ofType(own, "enrollment.completed").length,
    refunds: ofType(own, "enrollment.refunded").length,
    conversion: ratio(enrollments.length, exposures),
    revenue_tokens: enrollments.reduce((sum, { event }) => sum + event.price, 0),
    tokens_sold: amounts("token.purchased"),
    tokens_earned: amounts("token.earned"),
    tokens_spent: amounts("token.spent"),
    tokens_refunded: amounts("token.refunded"),
    tokens_expired: amounts("token.expired"),
    tokens_outstanding_change: amounts("token.purchased") + amounts("token.earned") + amounts("token.refunded") - amounts("token.spent") - amounts("token.expired"),
  };
}
