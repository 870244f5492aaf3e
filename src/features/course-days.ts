import { must } from "../lib/assert.ts";
import { courseCategory, courseEnrollmentsByDay, courseExposuresByDay, courseRefundsByDay, courseRevenueByDay } from "./course-features.ts";
import type { StateDefinition } from "./definition.ts";
import { offsetOf, recordWidths } from "./feature-set.ts";
import { type RecordHeader, decodeRecord } from "./record.ts";
import type { FeatureStoreReader } from "./store.ts";
import { dayTiles } from "./tiled-window.ts";

const CATEGORY_SLOT = offsetOf(courseCategory) + 1;

/** What a course did in whole UTC days. */
export interface CourseDayTotals {
  readonly revenue_tokens: number;
  readonly enrollments: number;
  readonly views: number;
  readonly refunds: number;
}

/** Reads courses day by day, as far back as their records hold days (91). One course at a time: `read` first, then `between`. */
export class CourseDays {
  readonly #store: FeatureStoreReader;
  readonly #slots = new Float64Array(recordWidths.course);
  readonly #header: RecordHeader = { sequence: 0, updated_at_ms: 0 };

  constructor(store: FeatureStoreReader) {
    this.#store = store;
  }

  /** Takes up a course; its category, "" while nobody has said; undefined without a record. */
  read(course_id: string): string | undefined {
    const stored = this.#store.get("course", course_id);
    if (stored === undefined) return undefined;
    decodeRecord(stored, this.#header, this.#slots);
    const ordinal = this.#slots[CATEGORY_SLOT]! - 1;
    return ordinal < 0 ? "" : must(this.#store.name("category", ordinal), "course of a category without a name");
  }

  /** Of the course that was read last, from the day of `from_ms` up to the one before that of `end_ms`. */
  between(from_ms: number, end_ms: number): CourseDayTotals {
    const sum = (state: StateDefinition): number => dayTiles.between(this.#slots, offsetOf(state), from_ms, end_ms);
    return { revenue_tokens: sum(courseRevenueByDay), enrollments: sum(courseEnrollmentsByDay), views: sum(courseExposuresByDay), refunds: sum(courseRefundsByDay) };
  }
}
