import { assert } from "../lib/assert.ts";
import { log } from "../lib/exp-log.ts";

/** When a course's list price changed, and the price before its random part; base NaN = no jitter. */
interface Reprice {
  readonly time_ms: number;
  readonly price: number;
  readonly base: number;
}

/** Slots of a course's sums, one set a period. */
const EXPOSURES = 0;
const ENROLLMENTS = 1;
const EXPOSED_LOG_PRICE = 2;
const ENROLLED_LOG_PRICE = 3;
const JITTER_EXPOSURES = 4;
const JITTER_ENROLLMENTS = 5;
const JITTER = 6;
const SLOTS = 7;

interface CourseSums {
  /** Ascending by time; of equal times, in order of arrival. */
  readonly reprices: Reprice[];
  readonly sums: Float64Array;
}

export interface Labels {
  readonly exposures: number;
  readonly enrollments: number;
  /** NaN without any exposure or enrollment. */
  readonly mean_log_price: number;
  readonly jitter_exposures: number;
  readonly jitter_enrollments: number;
  readonly mean_jitter: number;
}

const nothing: Labels = { exposures: 0, enrollments: 0, mean_log_price: Number.NaN, jitter_exposures: 0, jitter_enrollments: 0, mean_jitter: 0 };

/** What happened to each course in (at + gap, at + gap + horizon], by event time, whenever it became known. */
export class CourseLabels {
  readonly #starts_ms: readonly number[];
  readonly #horizon_ms: number;
  readonly #courses = new Map<string, CourseSums>();

  constructor(at_ms: readonly number[], gap_ms: number, horizon_ms: number) {
    assert(at_ms.every((at, i) => i === 0 || at > at_ms[i - 1]!), "cut-offs must ascend");
    assert(gap_ms >= 0 && horizon_ms > 0, "the gap must not be negative, the horizon must be positive");
    this.#starts_ms = at_ms.map((at) => at + gap_ms);
    this.#horizon_ms = horizon_ms;
  }

  /** A list price; `base` NaN when it has no random part. */
  reprice(course_id: string, time_ms: number, price: number, base: number): void {
    const { reprices } = this.#course(course_id);
    let i = reprices.length;
    while (i > 0 && reprices[i - 1]!.time_ms > time_ms) i--;
    reprices.splice(i, 0, { time_ms, price, base });
  }

  exposure(course_id: string, time_ms: number, price: number): void {
    this.#observe(course_id, time_ms, price, EXPOSURES);
  }

  enrollment(course_id: string, time_ms: number, price: number): void {
    this.#observe(course_id, time_ms, price, ENROLLMENTS);
  }

  labels(course_id: string, period: number): Labels {
    const sums = this.#courses.get(course_id)?.sums;
    if (sums === undefined) return nothing;
    const at = (slot: number): number => sums[period * SLOTS + slot]!;
    const exposures = at(EXPOSURES);
    const enrollments = at(ENROLLMENTS);
    return {
      exposures,
      enrollments,
      mean_log_price: exposures > 0 ? at(EXPOSED_LOG_PRICE) / exposures : at(ENROLLED_LOG_PRICE) / enrollments,
      jitter_exposures: at(JITTER_EXPOSURES),
      jitter_enrollments: at(JITTER_ENROLLMENTS),
      mean_jitter: at(JITTER_EXPOSURES) > 0 ? at(JITTER) / at(JITTER_EXPOSURES) : 0,
    };
  }

  /** `kind` is EXPOSURES or ENROLLMENTS. As in the demand cells, a price of 0 says nothing of demand. */
  #observe(course_id: string, time_ms: number, price: number, kind: typeof EXPOSURES | typeof ENROLLMENTS): void {
    const starts_ms = this.#starts_ms;
    const horizon_ms = this.#horizon_ms;
    if (!(price > 0)) return;
    // Last period that starts before the event; windows of earlier ones may still reach it.
    let period = this.#periodBefore(time_ms);
    if (period < 0 || time_ms > starts_ms[period]! + horizon_ms) return;
    const course = this.#course(course_id);
    const log_price = log(price);
    const base = this.#jitterBase(course.reprices, time_ms, price);
    for (; period >= 0 && time_ms <= starts_ms[period]! + horizon_ms; period--) {
      const { sums } = course;
      const slot = period * SLOTS;
      sums[slot + kind]! += 1;
      sums[slot + kind + EXPOSED_LOG_PRICE]! += log_price;
      if (Number.isNaN(base)) continue;
      sums[slot + kind + JITTER_EXPOSURES]! += 1;
      if (kind === EXPOSURES) sums[slot + JITTER]! += log_price - log(base);
    }
  }

  /** Index of the last period with start < time, or −1. */
  #periodBefore(time_ms: number): number {
    const starts_ms = this.#starts_ms;
    let low = 0;
    let high = starts_ms.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts_ms[middle]! < time_ms) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Base of the list price in force at a time, when it is the price that was seen and it has a random part; else NaN. */
  #jitterBase(reprices: readonly Reprice[], time_ms: number, price: number): number {
    for (let i = reprices.length - 1; i >= 0; i--) {
      const reprice = reprices[i]!;
      if (reprice.time_ms <= time_ms) return reprice.price === price ? reprice.base : Number.NaN;
    }
    return Number.NaN;
  }

  #course(course_id: string): CourseSums {
    let course = this.#courses.get(course_id);
    if (course === undefined) {
      course = { reprices: [], sums: new Float64Array(this.#starts_ms.length * SLOTS) };
      this.#courses.set(course_id, course);
    }
    return course;
  }
}
