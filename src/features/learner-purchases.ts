import { offsetOf, recordWidths } from "./feature-set.ts";
import { pairDropped, pairEnrollment, pairRefunded } from "./learner-course-features.ts";
import { type RecordHeader, decodeRecord } from "./record.ts";
import type { FeatureStoreReader } from "./store.ts";

/** The latest enrollment of a learner in a course. Times are event times, ms; 0: not, or not known yet. */
export interface Purchase {
  readonly course_id: string;
  readonly enrolled_ms: number;
  readonly price_tokens: number;
  readonly dropped_ms: number;
  readonly refunded_ms: number;
}

const ENROLLMENT = offsetOf(pairEnrollment);
const DROPPED = offsetOf(pairDropped);
const REFUNDED = offsetOf(pairRefunded);

/** Reads what learners bought. Of enrollments of one learner in one course there is only the latest: earlier ones are not told. */
export class LearnerPurchases {
  readonly #store: FeatureStoreReader;
  readonly #slots = new Float64Array(recordWidths.learner_course);
  readonly #header: RecordHeader = { sequence: 0, updated_at_ms: 0 };

  constructor(store: FeatureStoreReader) {
    this.#store = store;
  }

  /** In order of course ids. */
  of(learner_id: string): Purchase[] {
    const prefix = `${learner_id}/`;
    const purchases: Purchase[] = [];
    // Ids first: a record is borrowed until the next read.
    for (const id of Array.from(this.#store.ids("learner_course", prefix))) {
      const stored = this.#store.get("learner_course", id);
      if (stored === undefined) continue;
      decodeRecord(stored, this.#header, this.#slots);
      purchases.push({ course_id: id.slice(prefix.length), enrolled_ms: this.#slots[ENROLLMENT]!, price_tokens: this.#slots[ENROLLMENT + 1]!, dropped_ms: this.#slots[DROPPED]!, refunded_ms: this.#slots[REFUNDED]! });
    }
    return purchases;
  }
}
