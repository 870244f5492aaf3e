import type { StreamEvent } from "../contracts/events.ts";
import { must } from "../lib/assert.ts";
import { log } from "../lib/exp-log.ts";
import { CourseEvaluator } from "./course-evaluator.ts";
import { CourseDetailEvaluator, courseDetailNames } from "./course-details.ts";
import { courseCategory, courseTeacher } from "./course-features.ts";
import { CourseLabels } from "./course-labels.ts";
import { courseFeatureIndex, courseFeatureNames } from "./course-view.ts";
import { offsetOf } from "./feature-set.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { ownerOf, type Partition } from "./partition.ts";
import { MemoryStore } from "./memory-store.ts";
import { jitterBase } from "./price-jitter.ts";
import type { PriceTrial } from "./price-trial.ts";

export interface CourseRow {
  readonly course_id: string;
  readonly category: string;
  /** Index into at_ms. */
  readonly period: number;
  /** Course features at at_ms[period], in the order of courseFeatureNames. */
  readonly view: Float64Array;
  readonly exposures: number;
  readonly enrollments: number;
  /** Mean of log price over the label window: over exposures; over enrollments without one; else of the list price. */
  readonly mean_log_price: number;
  readonly jitter_exposures: number;
  readonly jitter_enrollments: number;
  /** Mean of log(price / jitter.base) over label exposures at a jittered list price; 0 without one. */
  readonly mean_jitter: number;
}

export interface ReplayOptions {
  /** Ascending. */
  readonly at_ms: readonly number[];
  readonly gap_ms: number;
  readonly horizon_ms: number;
}

/** All courses that had been upserted at a cut-off. */
export interface CourseBlock {
  /** Index into at_ms. */
  readonly period: number;
  /** Ascending; and the category of each. */
  readonly ids: readonly string[];
  readonly categories: readonly string[];
  /** ids.length × courseBlockNames.length, row by row. */
  readonly features: Float64Array;
}

/** The numbers of a block's rows: the vector that prices are made of, then the details. */
export const courseBlockNames: readonly string[] = [...courseFeatureNames, ...courseDetailNames];

export interface CourseReplayOptions extends ReplayOptions {
  /** Only these courses; all unless given. */
  readonly partition?: Omit<Partition, "whole_groups"> | undefined;
  /** Called as each cut-off is passed. Without it the rows are kept, without details, for `finish`. */
  onBlock?(block: CourseBlock): void;
}

type Outcomes = Pick<CourseRow, "exposures" | "enrollments" | "mean_log_price" | "jitter_exposures" | "jitter_enrollments" | "mean_jitter">;

const VECTOR = courseFeatureNames.length;
const WIDTH = courseBlockNames.length;
const CATEGORY_SLOT = offsetOf(courseCategory) + 1;
const TEACHER_SLOT = offsetOf(courseTeacher) + 1;
const PRICE = courseFeatureIndex("price_tokens");

/**
 * Builds a point-in-time dataset of courses from one pass over the events in sequence order, by the writer that folds
 * the live stream.
 *
 * The features at a cut-off are those of the fold just before the first event with known_at ≥ the cut-off: of events
 * known before it only. An event that comes after that one in the stream counts from the next cut-off on, even if its
 * known_at is earlier: serving had not folded it either when the cut-off passed. Labels count every event of the stream
 * by event time, in (at + gap, at + gap + horizon].
 *
 * There is a row for every course that had been upserted and every cut-off that the stream reached. A label window that
 * ends after the stream does is cut short: choose cut-offs that leave room for it.
 *
 * Memory grows with courses × cut-offs and with price changes, not with learners: 80 bytes a row for labels, which are final only when the stream ends,
 * and some 400 more for features that are not handed over. Partitions divide it.
 */
export class DatasetReplay {
  readonly #at_ms: readonly number[];
  readonly #writer: FeatureWriter;
  readonly #evaluator = new CourseEvaluator();
  readonly #labels: CourseLabels;
  readonly #details = new CourseDetailEvaluator();
  readonly #onBlock: ((block: CourseBlock) => void) | undefined;
  readonly #kept: CourseBlock[] = [];
  /** Of each cut-off that was passed: its courses, and their list prices then. */
  readonly #passed: { readonly ids: readonly string[]; readonly prices: Float64Array }[] = [];
  readonly #owns: (course_id: string) => boolean;
  #period = 0;
  #duplicates = 0;

  constructor({ at_ms, gap_ms, horizon_ms, partition, onBlock }: CourseReplayOptions) {
    this.#at_ms = at_ms;
    this.#owns = partition === undefined ? () => true : (course_id) => ownerOf(course_id, partition.count) === partition.index;
    this.#writer = new FeatureWriter(new MemoryStore(), { entities: onBlock === undefined ? ["course", "category"] : ["course", "category", "teacher"], partition: partition && { ...partition, whole_groups: true } });
    this.#labels = new CourseLabels(at_ms, gap_ms, horizon_ms);
    this.#onBlock = onBlock;
  }

  /** Events that came a second time. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** A duplicate counts in neither features nor labels, nor does it reach a cut-off. */
  apply(stream: StreamEvent): void {
    if (!this.#writer.accept(stream)) {
      this.#duplicates++;
      return;
    }
    while (this.#period < this.#at_ms.length && stream.known_at_ms >= this.#at_ms[this.#period]!) this.#emit(this.#period++);
    this.#writer.fold(stream);
    const { event, event_time_ms } = stream;
    if (!("course_id" in event) || event.course_id === undefined || !this.#owns(event.course_id)) return;
    if (event.type === "exposure.viewed") this.#labels.exposure(event.course_id, event_time_ms, event.price);
    else if (event.type === "enrollment.created") this.#labels.enrollment(event.course_id, event_time_ms, event.price);
    else if (event.type === "course.repriced") this.#labels.reprice(event.course_id, event_time_ms, event.price, jitterBase(event));
  }

  /** What happened to a cut-off's courses, in their order. Final once the stream has ended. */
  outcomes(period: number): Outcomes[] {
    const { ids = [], prices = new Float64Array(0) } = this.#passed[period] ?? {};
    return ids.map((id, row) => {
      const { exposures, enrollments, mean_log_price, jitter_exposures, jitter_enrollments, mean_jitter } = this.#labels.labels(id, period);
      return { exposures, enrollments, mean_log_price: Number.isNaN(mean_log_price) ? log(prices[row]!) : mean_log_price, jitter_exposures, jitter_enrollments, mean_jitter };
    });
  }

  /** Rows by cut-off, then course; none where they were handed over. */
  finish(): CourseRow[] {
    return this.#kept.flatMap(({ period, ids, categories, features }) =>
      this.outcomes(period).map((outcomes, row) => Object.assign(outcomes, { course_id: ids[row]!, category: categories[row]!, period, view: features.subarray(row * VECTOR, (row + 1) * VECTOR) })),
    );
  }

  /** The randomised prices of every course that had any, over the whole stream; `now_ms`: as of when its demand cells hold a part of the counts. */
  trials(now_ms: number): PriceTrial[] {
    const trials: PriceTrial[] = [];
    for (const [course_id, { slots }] of this.#writer.live("course")) {
      const ordinal = slots[CATEGORY_SLOT]! - 1;
      const draws = ordinal < 0 ? undefined : this.#labels.draws(course_id, now_ms);
      if (draws !== undefined) trials.push({ course_id, category: must(this.#writer.categoryName(ordinal), "course of a category without a name"), ...draws });
    }
    return trials;
  }

  #emit(period: number): void {
    const now_ms = this.#at_ms[period]!;
    const views = new Map<string, Float64Array>();
    for (const [category, { slots }] of this.#writer.live("category")) views.set(category, this.#evaluator.category(slots, now_ms));
    const known = [...this.#writer.live("course")].filter(([course_id, { slots }]) => slots[CATEGORY_SLOT]! > 0 && this.#owns(course_id)).sort(([a], [b]) => (a < b ? -1 : 1));
    const width = this.#onBlock === undefined ? VECTOR : WIDTH;
    const features = new Float64Array(known.length * width);
    const categories = known.map(([, { slots }], row) => {
      const category = must(this.#writer.categoryName(slots[CATEGORY_SLOT]! - 1), "course of a category without a name");
      features.set(this.#evaluator.features(slots, now_ms, must(views.get(category), `category ${category} has no record`)), row * width);
      if (this.#onBlock !== undefined) this.#details.fill(slots, this.#teacherOf(slots), now_ms, features, row * width + VECTOR);
      return category;
    });
    const ids = known.map(([course_id]) => course_id);
    this.#passed.push({ ids, prices: Float64Array.from(ids, (_, row) => features[row * width + PRICE]!) });
    if (this.#onBlock === undefined) this.#kept.push({ period, ids, categories, features });
    else this.#onBlock({ period, ids, categories, features });
  }

  #teacherOf(course: Float64Array): Float64Array | undefined {
    const ordinal = course[TEACHER_SLOT]! - 1;
    const teacher = ordinal < 0 ? undefined : this.#writer.teacherName(ordinal);
    return teacher === undefined ? undefined : this.#writer.live("teacher").get(teacher)?.slots;
  }
}
