import type { EventType, StreamEvent } from "../../contracts/events.ts";
import { hash32 } from "../../lib/prng.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { naiveDistinct } from "./naive-distinct.ts";
import { latest, naiveQuality, ofType, ratio, windowSum } from "./naive-features.ts";

/** The teacher of a course by what was known before an event. */
function teacherAt(events: readonly StreamEvent[], at: StreamEvent, course_id: string): string | undefined {
  const before = events.filter(({ sequence }) => sequence < at.sequence);
  return latest(ofType(before, "course.upserted").filter(({ event }) => event.course_id === course_id))?.event.teacher_id;
}

const outcomes: ReadonlySet<EventType> = new Set<EventType>(["enrollment.created", "enrollment.completed", "enrollment.dropped", "enrollment.refunded", "activity.rating"]);

/** undefined when nothing is known of the teacher but which courses are theirs. */
export function naiveTeacher(events: readonly StreamEvent[], teacher_id: string, now_ms: number): Record<string, number> | undefined {
  const own = events.filter((stream) => {
    const { event } = stream;
    if (event.type === "teacher.upserted") return event.teacher_id === teacher_id;
    return outcomes.has(event.type) && "course_id" in event && event.course_id !== undefined && teacherAt(events, stream, event.course_id) === teacher_id;
  });
  // An exposure is no outcome: it leaves no record.
  if (own.length === 0) return undefined;
  const paid = ofType(own, "enrollment.created").map(({ event, event_time_ms }) => [event_time_ms, event.price] as const);
  const made = paid.map(([time_ms]) => [time_ms, 1] as const);
  const ratings = ofType(own, "activity.rating").map(({ event }) => event.rating);
  const completions = ofType(own, "enrollment.completed").length;
  const refunds = ofType(own, "enrollment.refunded").length;
  const given = latest(ofType(own, "teacher.upserted").filter(({ event }) => event.quality_score !== undefined));
  return {
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

export function naivePlatform(events: readonly StreamEvent[], day: string): Record<string, number> {
  const own = events.filter((stream) => dayOf(stream) === day);
  const amounts = (type: "token.purchased" | "token.earned" | "token.spent" | "token.refunded" | "token.expired"): number => ofType(own, type).reduce((sum, { event }) => sum + event.amount, 0);
  const enrollments = ofType(own, "enrollment.created");
  const exposures = ofType(own, "exposure.viewed").length;
  const learners = own.flatMap(({ event }) => {
    const counts = event.type === "exposure.viewed" || event.type === "enrollment.created" || event.type === "token.purchased" || event.type.startsWith("activity.");
    return counts && "learner_id" in event ? [event.learner_id] : [];
  });
  return {
    actives: naiveDistinct(learners.map(hash32), 11),
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
