import { assert } from "../lib/assert.ts";
import { log } from "../lib/exp-log.ts";
import { demandCellScale, demandCellWeight } from "./demand-cells.ts";
import { insertListPrice, type ListPrice, listPriceInForce } from "./price-jitter.ts";
import type { PriceTrial } from "./price-trial.ts";

/** When a course's list price changed, the price before its random part (NaN: it has none), and what happened at it while it was in force. */
interface Reprice extends ListPrice {
  readonly base: number;
  exposures: number;
  enrollments: number;
  /** The same decayed as in the demand cells, relative to their landmark. */
  decayed_exposures: number;
  decayed_enrollments: number;
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
    insertListPrice(this.#course(course_id).reprices, { time_ms, price, base, exposures: 0, enrollments: 0, decayed_exposures: 0, decayed_enrollments: 0 });
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

  /** What sold in the draws of a course's price, whatever the windows; undefined without a draw. `now_ms`: as of when the demand cells hold a part. */
  draws(course_id: string, now_ms: number): Pick<PriceTrial, "jitter" | "exposures" | "enrollments"> & Required<Pick<PriceTrial, "held">> | undefined {
    const drawn = this.#courses.get(course_id)?.reprices.filter(({ base, exposures, enrollments }) => !Number.isNaN(base) && exposures + enrollments > 0) ?? [];
    if (drawn.length === 0) return undefined;
    const scale = demandCellScale(now_ms);
    return {
      jitter: Float64Array.from(drawn, ({ price, base }) => log(price) - log(base)),
      exposures: Float64Array.from(drawn, ({ exposures }) => exposures),
      enrollments: Float64Array.from(drawn, ({ enrollments }) => enrollments),
      held: {
        exposures: Float64Array.from(drawn, ({ exposures, decayed_exposures }) => Math.min(exposures, decayed_exposures * scale)),
        enrollments: Float64Array.from(drawn, ({ enrollments, decayed_enrollments }) => Math.min(enrollments, decayed_enrollments * scale)),
      },
    };
  }

  /** `kind` is EXPOSURES or ENROLLMENTS. As in the demand cells, a price of 0 says nothing of demand. */
  #observe(course_id: string, time_ms: number, price: number, kind: typeof EXPOSURES | typeof ENROLLMENTS): void {
    const starts_ms = this.#starts_ms;
    const horizon_ms = this.#horizon_ms;
    if (!(price > 0)) return;
    const course = this.#course(course_id);
    const reprice = listPriceInForce(course.reprices, time_ms, price);
    if (reprice !== undefined) count(reprice, time_ms, kind);
    // Last period that starts before the event; windows of earlier ones may still reach it.
    let period = this.#periodBefore(time_ms);
    if (period < 0 || time_ms > starts_ms[period]! + horizon_ms) return;
    const log_price = log(price);
    const base = reprice?.base ?? Number.NaN;
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

  #course(course_id: string): CourseSums {
    let course = this.#courses.get(course_id);
    if (course === undefined) {
      course = { reprices: [], sums: new Float64Array(this.#starts_ms.length * SLOTS) };
      this.#courses.set(course_id, course);
    }
    return course;
  }
}

function count(reprice: Reprice, time_ms: number, kind: typeof EXPOSURES | typeof ENROLLMENTS): void {
  const weight = demandCellWeight(time_ms);
  if (kind === EXPOSURES) {
    reprice.exposures++;
    reprice.decayed_exposures += weight;
  } else {
    reprice.enrollments++;
    reprice.decayed_enrollments += weight;
  }
}
