import { EntityReader, type EntityFeatures, entityFeatureNames } from "./entity-reader.ts";
import { offsetOf, recordWidths } from "./feature-set.ts";
import { coursePrices } from "./price-history-features.ts";
import { type SetPrice, readPriceHistory } from "./price-history.ts";
import { decodeRecord } from "./record.ts";
import type { CourseProfile, FeatureStoreReader } from "./store.ts";

/** Prices that a teacher allows; null = no such bound given. */
export interface TeacherBand {
  readonly min_price: number | null;
  readonly max_price: number | null;
}

/** What people read about one course, beside what its price is made of. */
export interface CourseSheet {
  readonly course: EntityFeatures;
  readonly profile: CourseProfile | undefined;
  /** The latest list prices that were set, oldest first, and how many there ever were. */
  readonly prices: readonly SetPrice[];
  readonly repricings: number;
  /** undefined where nothing is known of the teacher, or no bound was given. */
  readonly band: TeacherBand | undefined;
}

const PRICES = offsetOf(coursePrices);
const MIN_PRICE = entityFeatureNames.teacher.indexOf("min_price_tokens");
const MAX_PRICE = entityFeatureNames.teacher.indexOf("max_price_tokens");

/** Reads course sheets from an open store. */
export class CourseSheetReader {
  readonly #store: FeatureStoreReader;
  readonly #entities: EntityReader;
  readonly #prices = new Float64Array(recordWidths.price_history);

  constructor(store: FeatureStoreReader) {
    this.#store = store;
    this.#entities = new EntityReader(store);
  }

  /** undefined when nobody has named the course. `teacher_id` empty: unknown. */
  read(course_id: string, teacher_id: string, now_ms: number): CourseSheet | undefined {
    const course = this.#entities.read("course", course_id, now_ms);
    if (course === undefined) return undefined;
    const stored = this.#store.get("price_history", course_id);
    if (stored === undefined) this.#prices.fill(0);
    else decodeRecord(stored, { sequence: 0, updated_at_ms: 0 }, this.#prices);
    return { course, profile: this.#store.profile(course_id), prices: readPriceHistory(this.#prices, PRICES), repricings: this.#prices[PRICES]!, band: this.#band(teacher_id, now_ms) };
  }

  #band(teacher_id: string, now_ms: number): TeacherBand | undefined {
    const teacher = teacher_id === "" ? undefined : this.#entities.read("teacher", teacher_id, now_ms);
    const min_price = teacher?.values[MIN_PRICE] ?? 0;
    const max_price = teacher?.values[MAX_PRICE] ?? 0;
    // 0 is "none given": a price is at least one token.
    return min_price === 0 && max_price === 0 ? undefined : { min_price: min_price === 0 ? null : min_price, max_price: max_price === 0 ? null : max_price };
  }
}
