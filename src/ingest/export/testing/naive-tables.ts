import type { EventOf, EventType, StreamEvent } from "../../../contracts/events.ts";
import type { Row } from "../table.ts";

export type Of<Type extends EventType> = StreamEvent & { readonly event: EventOf<Type> };

export function ofType<Type extends EventType>(events: readonly StreamEvent[], ...types: Type[]): Of<Type>[] {
  return events.filter(({ event }) => (types as string[]).includes(event.type)) as Of<Type>[];
}

/** Those that count: an event id counts once, and so does an enrollment. */
export function naiveAccepted(events: readonly StreamEvent[]): StreamEvent[] {
  const ids = new Set<string>();
  const enrollments = new Set<string>();
  return events.filter(({ event }) => {
    if (ids.has(event.id)) return false;
    if (event.type === "enrollment.created" && enrollments.has(event.enrollment_id)) return false;
    if (event.type === "enrollment.created") enrollments.add(event.enrollment_id);
    ids.add(event.id);
    return true;
  });
}

/** Without what was said of learners before they were erased. */
export function naiveKept(accepted: readonly StreamEvent[]): StreamEvent[] {
  const erasures = ofType(accepted, "learner.erased");
  return accepted.filter(({ event, sequence }) => !("learner_id" in event && erasures.some((erasure) => erasure.event.learner_id === event.learner_id && erasure.sequence >= sequence)));
}

const effects = { purchased: 1n, earned: 1n, refunded: 1n, spent: -1n, expired: -1n };

export function naiveTokens(kept: readonly StreamEvent[]): Row[] {
  return ofType(kept, "token.purchased", "token.earned", "token.refunded", "token.spent", "token.expired").map(({ event, event_time_ms, known_at_ms, sequence }) => {
    const type = event.type.split(".")[1] as keyof typeof effects;
    return [event.id, event.learner_id, type, BigInt(event.amount), effects[type] * BigInt(event.amount), event.course_id ?? null, event_time_ms, known_at_ms, BigInt(sequence)];
  });
}

const numbered = (value: number | undefined): number | null => value ?? null;

/** The tables that have a row for every other event. */
export function naiveEvents(kept: readonly StreamEvent[]): Record<"exposures" | "activities" | "price_changes" | "competitor_prices", Row[]> {
  /** Every row ends with when it was known and its place. */
  const row = ({ known_at_ms, sequence }: StreamEvent, ...cells: Row): Row => [...cells, known_at_ms, BigInt(sequence)];
  return {
    exposures: ofType(kept, "exposure.viewed").map((one) => row(one, one.event.id, one.event.learner_id, one.event.course_id, BigInt(one.event.price), one.event_time_ms, one.event.quote_id ?? null)),
    activities: ofType(kept, "activity.session", "activity.assignment", "activity.forum", "activity.rating").map((one) => {
      const { id, learner_id, type, course_id, minutes, submitted, score, rating } = one.event;
      return row(one, id, learner_id, type.replace("activity.", ""), course_id ?? null, one.event_time_ms, numbered(minutes), submitted ?? null, numbered(score), numbered(rating));
    }),
    price_changes: ofType(kept, "course.repriced").map((one) => {
      const { id, course_id, price, jitter } = one.event;
      return row(one, id, course_id, BigInt(price), one.event_time_ms, numbered(jitter?.base), numbered(jitter?.sigma), numbered(jitter?.probability));
    }),
    competitor_prices: ofType(kept, "market.competitor_price").map((one) => row(one, one.event.id, one.event.category, one.event.course_id ?? null, BigInt(one.event.price), one.event_time_ms)),
  };
}

export function naiveEnrollments(kept: readonly StreamEvent[]): Row[] {
  const rows = ofType(kept, "enrollment.created").map(({ event, event_time_ms, known_at_ms }): Row => {
    const last = (type: "enrollment.completed" | "enrollment.dropped" | "enrollment.refunded"): number | null => {
      const times = ofType(kept, type).filter((other) => other.event.enrollment_id === event.enrollment_id).map((other) => other.event_time_ms);
      return times.length === 0 ? null : Math.max(...times);
    };
    const [completed, dropped, refunded] = [last("enrollment.completed"), last("enrollment.dropped"), last("enrollment.refunded")];
    const status = refunded !== null ? "refunded" : completed !== null ? "completed" : dropped !== null ? "dropped" : "active";
    return [event.enrollment_id, event.learner_id, event.course_id, BigInt(event.price), event_time_ms, status, completed, dropped, refunded, event.quote_id ?? null, known_at_ms];
  });
  return rows.sort((a, b) => (a[0]! < b[0]! ? -1 : 1));
}

/** Ids, with the country that they last said by event time. */
export function naiveLearners(kept: readonly StreamEvent[]): [string, string | null][] {
  const ids = [...new Set(kept.flatMap(({ event }) => ("learner_id" in event && event.learner_id !== undefined ? [event.learner_id] : [])))];
  return ids.sort().map((id) => {
    const upserts = ofType(kept, "learner.upserted").filter(({ event }) => event.learner_id === id);
    const latest = Math.max(...upserts.map(({ event_time_ms }) => event_time_ms));
    return [id, upserts.findLast(({ event_time_ms }) => event_time_ms === latest)?.event.country ?? null];
  });
}
