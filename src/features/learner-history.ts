import type { StreamEvent } from "../contracts/events.ts";

/** Of a course that is not in the catalogue. */
export const UNKNOWN_TIER = -1;

/** What is known of a learner's enrollments beside their features: what upsell and completion are asked relative to. */
export interface KnownEnrollments {
  /** −1 without an enrollment. */
  readonly highest_price_tokens: number;
  /** Of the courses enrolled in, as the catalogue had them then; UNKNOWN_TIER without one. */
  readonly highest_tier: number;
  /** The latest enrollment, by event time, of which no end is known. */
  readonly in_progress: OpenEnrollment | undefined;
}

export interface OpenEnrollment {
  readonly enrollment_id: string;
  readonly enrolled_at_ms: number;
}

export const noEnrollments: KnownEnrollments = { highest_price_tokens: -1, highest_tier: UNKNOWN_TIER, in_progress: undefined };

interface History {
  highest_price_tokens: number;
  highest_tier: number;
  /** When it was enrolled in, of what has not ended. */
  readonly open: Map<string, number>;
  /** What ended before it was known to have begun. */
  readonly ended: Set<string>;
}

/** The enrollments of each learner as they become known; what has ended is let go of, so that it takes some 100 bytes an open enrollment. */
export class LearnerHistories {
  readonly #learners = new Map<string, History>();

  /** `tier` is that of an enrollment's course as the catalogue has it; UNKNOWN_TIER while it is not in there. */
  apply({ event, event_time_ms }: StreamEvent, tier: number): void {
    switch (event.type) {
      case "enrollment.created": {
        const history = this.#of(event.learner_id);
        history.highest_price_tokens = Math.max(history.highest_price_tokens, event.price);
        history.highest_tier = Math.max(history.highest_tier, tier);
        if (!history.ended.delete(event.enrollment_id)) history.open.set(event.enrollment_id, event_time_ms);
        return;
      }
      case "enrollment.completed":
      case "enrollment.dropped":
      case "enrollment.refunded": {
        const { open, ended } = this.#of(event.learner_id);
        if (!open.delete(event.enrollment_id)) ended.add(event.enrollment_id);
        return;
      }
      case "learner.erased":
        this.#learners.delete(event.learner_id);
        return;
      default:
    }
  }

  known(learner_id: string): KnownEnrollments {
    const history = this.#learners.get(learner_id);
    if (history === undefined) return noEnrollments;
    let in_progress: OpenEnrollment | undefined;
    for (const [enrollment_id, enrolled_at_ms] of history.open) {
      // Of equal times, the one that became known last.
      if (in_progress === undefined || enrolled_at_ms >= in_progress.enrolled_at_ms) in_progress = { enrollment_id, enrolled_at_ms };
    }
    return { highest_price_tokens: history.highest_price_tokens, highest_tier: history.highest_tier, in_progress };
  }

  #of(learner_id: string): History {
    const found = this.#learners.get(learner_id) ?? { highest_price_tokens: -1, highest_tier: UNKNOWN_TIER, open: new Map<string, number>(), ended: new Set<string>() };
    this.#learners.set(learner_id, found);
    return found;
  }
}
