import type { Event } from "../src/contracts/events.ts";
import { EntityReader, entityFeatureNames } from "../src/features/entity-reader.ts";
import type { FeatureStoreReader } from "../src/features/store.ts";

/** What an event adds to features of its learner, which are counts of events or sums of what they say. */
function adds(event: Event): Readonly<Partial<Record<keyof typeof features, number>>> {
  switch (event.type) {
    case "exposure.viewed":
      return { exposures: 1 };
    case "enrollment.created":
      return { enrolled: 1 };
    case "enrollment.completed":
      return { completed: 1 };
    case "enrollment.dropped":
      return { dropped: 1 };
    case "enrollment.refunded":
      return { refunded: 1 };
    case "token.purchased":
      return { purchased_tokens: event.amount, balance_tokens: event.amount };
    case "token.earned":
      return { earned_tokens: event.amount, balance_tokens: event.amount };
    case "token.refunded":
      return { balance_tokens: event.amount };
    case "token.spent":
      return { spent_tokens: event.amount, balance_tokens: -event.amount };
    case "token.expired":
      return { balance_tokens: -event.amount };
    case "activity.session":
      return { session_minutes_90d: event.minutes ?? 0 };
    case "activity.assignment":
      return event.submitted === undefined ? {} : { assignments: 1 };
    case "activity.forum":
      return { forum_posts_30d: 1 };
    case "activity.rating":
      return { ratings_given: 1 };
    default:
      return {};
  }
}

/** Of counts a difference is that many events, of sums at least one. */
const features = {
  exposures: "count",
  enrolled: "count",
  completed: "count",
  dropped: "count",
  refunded: "count",
  assignments: "count",
  forum_posts_30d: "count",
  ratings_given: "count",
  session_minutes_90d: "sum",
  purchased_tokens: "sum",
  earned_tokens: "sum",
  spent_tokens: "sum",
  balance_tokens: "sum",
} as const;

/** At least so many events are missing from the records of learners, or in them too often. */
export interface Difference {
  readonly lost: number;
  readonly duplicated: number;
}

/**
 * Counts events by learner and kind, in plain sums that know nothing of the fold: one that is lost does not make up for another that
 * is folded twice, unless they are the same learner's and of the same kind. What says nothing of a learner (repriced) is not counted.
 */
export class AcknowledgedEvents {
  total = 0;
  readonly #learners = new Map<string, Record<string, number>>();

  add(event: Event): void {
    this.total++;
    if (!("learner_id" in event)) return;
    const sums = this.#learners.get(event.learner_id) ?? {};
    this.#learners.set(event.learner_id, sums);
    for (const [feature, by] of Object.entries(adds(event))) sums[feature] = (sums[feature] ?? 0) + by;
  }

  /** Against a store that began empty; all events within 30 days before `now_ms`, or later. */
  difference(store: FeatureStoreReader, now_ms: number): Difference {
    const reader = new EntityReader(store);
    let lost = 0;
    let duplicated = 0;
    for (const id of new Set([...this.#learners.keys(), ...store.ids("learner")])) {
      const values = reader.read("learner", id, now_ms)?.values;
      const sums = this.#learners.get(id) ?? {};
      for (const [feature, kind] of Object.entries(features)) {
        const more = (values?.[entityFeatureNames.learner.indexOf(feature)] ?? 0) - (sums[feature] ?? 0);
        const events = kind === "count" ? Math.abs(more) : 1;
        if (more < 0) lost += events;
        if (more > 0) duplicated += events;
      }
    }
    return { lost, duplicated };
  }
}
