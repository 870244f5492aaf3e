import type { StreamEvent } from "../../contracts/events.ts";
import { DAY_MS, MINUTE_MS } from "../../lib/time.ts";
import { knownAt } from "./naive-outcomes.ts";
import { latest, ofType } from "./naive-features.ts";

export interface NaiveTrial {
  readonly period: number;
  readonly learner_id: string;
  readonly jitter: number;
  readonly enrolled: number;
  readonly affordable: number;
  readonly expected: number;
}

const credits = ["token.purchased", "token.earned", "token.refunded"] as const;
const debits = ["token.spent", "token.expired"] as const;

/** Whether a learner has a row at a cut-off that the stream reached. */
function hasRow(events: readonly StreamEvent[], at_ms: number, learner_id: string): boolean {
  const own = knownAt(events, at_ms).filter(({ event }) => "learner_id" in event && event.learner_id === learner_id);
  return own.length > 0 && own.at(-1)!.event.type !== "learner.erased";
}

/** Every view of a price with a random part by a learner who has a row, from the raw events; conversion by the definition of a half-life of 60 days. */
export function naiveTrials(events: readonly StreamEvent[], at_ms: readonly number[], to_ms: number): NaiveTrial[] {
  const views = ofType(events, "exposure.viewed");
  return views.flatMap((view) => {
    const { event, sequence, event_time_ms: time_ms, known_at_ms } = view;
    const before = events.filter((other) => other.sequence < sequence);
    // Only cut-offs that were passed when the view became known.
    const period = at_ms.findLastIndex((at) => at <= time_ms && [...before, view].some((other) => other.known_at_ms >= at));
    if (period < 0 || !hasRow(events, at_ms[period]!, event.learner_id)) return [];
    const reprices = ofType(before, "course.repriced").filter((other) => other.event.course_id === event.course_id && other.event_time_ms <= time_ms);
    const inForce = latest(reprices)?.event;
    if (inForce === undefined || inForce.price !== event.price || inForce.jitter === undefined) return [];
    if (known_at_ms - time_ms > 5 * MINUTE_MS || time_ms + DAY_MS > to_ms) return [];

    const erased = before.findLastIndex((other) => other.event.type === "learner.erased" && other.event.learner_id === event.learner_id);
    const since = before.slice(erased + 1);
    const sum = (types: readonly ((typeof credits)[number] | (typeof debits)[number])[]): number =>
      types.flatMap((type) => ofType(since, type)).filter((other) => other.event.learner_id === event.learner_id).reduce((total, other) => total + other.event.amount, 0);
    const same = ofType(events, "enrollment.created").filter((other) => other.event.learner_id === event.learner_id && other.event.course_id === event.course_id && other.event.price === event.price);
    const candidates = (enrolled_ms: number): StreamEvent[] =>
      views.filter((other) => other.event.learner_id === event.learner_id && other.event.course_id === event.course_id && other.event.price === event.price && other.event_time_ms <= enrolled_ms && enrolled_ms - other.event_time_ms <= DAY_MS);
    const enrolled = same.some(({ event_time_ms: enrolled_ms }) => candidates(enrolled_ms).toSorted((a, b) => a.event_time_ms - b.event_time_ms).at(-1) === view);

    const decayed = (some: readonly StreamEvent[]): number => some.reduce((total, other) => total + 2 ** ((other.event_time_ms - time_ms) / (60 * DAY_MS)), 0);
    const [seen, bought] = [ofType(before, "exposure.viewed"), ofType(before, "enrollment.created")];
    const rate = (n: number, q: number, prior: number): number => (q + 20 * prior) / (Math.max(n, q) + 20);
    const platform = rate(decayed(seen), decayed(bought), 0.1);
    const ofCourse = (some: typeof seen | typeof bought): StreamEvent[] => [...some].filter((other) => other.event.course_id === event.course_id);
    return [{
      period,
      learner_id: event.learner_id,
      jitter: Math.log(event.price / inForce.jitter.base),
      enrolled: enrolled ? 1 : 0,
      affordable: sum(credits) - sum(debits) >= event.price ? 1 : 0,
      expected: rate(decayed(ofCourse(seen)), decayed(ofCourse(bought)), platform),
    }];
  });
}
