import type { StreamEvent } from "../../contracts/events.ts";
import { DAY_MS } from "../../lib/time.ts";
import { latest, ofType } from "./naive-features.ts";

const tiers = ["basic", "standard", "premium", "elite"];
const active = new Set(["exposure.viewed", "enrollment.created", "activity.session", "activity.assignment", "activity.forum", "activity.rating", "token.purchased"]);
const ends = ["enrollment.completed", "enrollment.dropped", "enrollment.refunded"] as const;

export interface Window {
  readonly at_ms: number;
  readonly gap_ms: number;
  readonly horizon_ms: number;
}

/** What of a stream is known at a cut-off: all before the first event that reaches it. */
export function knownAt(events: readonly StreamEvent[], at_ms: number): readonly StreamEvent[] {
  const reached = events.findIndex(({ known_at_ms }) => known_at_ms >= at_ms);
  return events.slice(0, Math.max(0, reached));
}

function ofLearner(events: readonly StreamEvent[], learner_id: string): StreamEvent[] {
  return events.filter(({ event }) => "learner_id" in event && event.learner_id === learner_id);
}

function tierOf(events: readonly StreamEvent[], { event, sequence }: StreamEvent): number {
  const upserts = ofType(events.filter((other) => other.sequence <= sequence), "course.upserted");
  const upsert = latest(upserts.filter((other) => "course_id" in event && other.event.course_id === event.course_id));
  return upsert === undefined ? Number.NaN : tiers.indexOf(upsert.event.quality_tier);
}

const least = (times: readonly number[]): number => (times.length === 0 ? 0 : Math.min(...times));

/** The label of every outcome of a learner who has a row, from the raw events. */
export function naiveOutcomes(events: readonly StreamEvent[], learner_id: string, { at_ms, gap_ms, horizon_ms }: Window): Record<string, number> {
  const start_ms = at_ms + gap_ms;
  const known = knownAt(events, at_ms);
  const erased = known.findLastIndex(({ event }) => event.type === "learner.erased" && event.learner_id === learner_id);
  const own = ofLearner(events.slice(erased + 1), learner_id);
  const ownKnown = ofLearner(known.slice(erased + 1), learner_id);
  const within = own.filter(({ event_time_ms }) => event_time_ms > start_ms && event_time_ms <= start_ms + horizon_ms);
  const after = (some: readonly StreamEvent[]): number => least(some.map(({ event_time_ms }) => event_time_ms - start_ms));

  const before = ofType(ownKnown, "enrollment.created");
  const dearest = Math.max(...before.map(({ event }) => event.price));
  const highest = Math.max(...before.map((stream) => tierOf(events, stream)).filter((tier) => !Number.isNaN(tier)));
  const bought = ofType(within, "enrollment.created");
  // Without any before, both maxima are −∞.
  const upsold = before.length === 0 ? [] : bought.filter((stream) => stream.event.price > dearest || (highest >= 0 && tierOf(events, stream) > highest));

  const endsOf = (all: readonly StreamEvent[], enrollment_id: string): StreamEvent[] => ends.flatMap((type) => ofType(all, type).filter(({ event }) => event.enrollment_id === enrollment_id));
  const open = before.filter(({ event }) => endsOf(ownKnown, event.enrollment_id).length === 0);
  const newest = open.toSorted((a, b) => a.event_time_ms - b.event_time_ms).at(-1);
  const asked = newest !== undefined && newest.event_time_ms >= at_ms - 90 * DAY_MS && endsOf(own, newest.event.enrollment_id).every(({ event_time_ms }) => event_time_ms > start_ms);
  const completed = asked ? ofType(within, "enrollment.completed").filter(({ event }) => event.enrollment_id === newest.event.enrollment_id) : [];

  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const count = (...types: readonly string[]): number => within.filter(({ event }) => types.includes(event.type)).length;
  return {
    exposures: count("exposure.viewed"),
    enrollments: bought.length,
    price_paid_tokens: sum(bought.map(({ event }) => event.price)),
    price_paid_max_tokens: Math.max(0, ...bought.map(({ event }) => event.price)),
    completions: count("enrollment.completed"),
    drops: count("enrollment.dropped"),
    refunds: count("enrollment.refunded"),
    activities: count("activity.session", "activity.assignment", "activity.forum", "activity.rating"),
    minutes: sum(ofType(within, "activity.session").map(({ event }) => event.minutes ?? 0)),
    tokens_purchased: sum(ofType(within, "token.purchased").map(({ event }) => event.amount)),
    first_activity_after_ms: after(within.filter(({ event }) => active.has(event.type))),
    first_enrollment_after_ms: after(bought),
    upsold_after_ms: after(upsold),
    in_progress: asked ? 1 : 0,
    completed_after_ms: after(completed),
  };
}
