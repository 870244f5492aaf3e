import type { EventOf, StreamEvent } from "../contracts/events.ts";
import { must } from "../lib/assert.ts";
import { log } from "../lib/exp-log.ts";
import { CourseEvaluator } from "./course-evaluator.ts";
import { courseCategory } from "./course-features.ts";
import { CourseLabels } from "./course-labels.ts";
import { courseFeatureIndex } from "./course-view.ts";
import { offsetOf } from "./feature-set.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { ownerOf, type Partition } from "./partition.ts";
import { MemoryStore } from "./memory-store.ts";
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

/** A draw further out, in standard deviations, was not random: 1 in 16,000 is. */
const JITTER_SDS_MAX = 4;

/**
 * The price before its random part; NaN when it has none, or one that its own σ and rounding do not explain. One such
 * price, a base in another unit, say, would outweigh everything else that is known of a category's elasticity.
 */
function jitterBase({ price, jitter }: EventOf<"course.repriced">): number {
  if (jitter === undefined) return Number.NaN;
  return Math.abs(log(price / jitter.base)) <= JITTER_SDS_MAX * jitter.sigma + 1 / price ? jitter.base : Number.NaN;
}

type View = Pick<CourseRow, "course_id" | "category" | "period" | "view">;

export interface CourseReplayOptions extends ReplayOptions {
  /** Only these courses; all unless given. */
  readonly partition?: Omit<Partition, "whole_groups"> | undefined;
}

const CATEGORY_SLOT = offsetOf(courseCategory) + 1;
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
 * Memory grows with courses × cut-offs and with price changes, not with learners: some 500 bytes a row. Partitions divide it.
 */
export class DatasetReplay {
  readonly #at_ms: readonly number[];
  readonly #writer: FeatureWriter;
  readonly #evaluator = new CourseEvaluator();
  readonly #labels: CourseLabels;
  readonly #views: View[] = [];
  readonly #owns: (course_id: string) => boolean;
  #period = 0;

  constructor({ at_ms, gap_ms, horizon_ms, partition }: CourseReplayOptions) {
    this.#at_ms = at_ms;
    this.#owns = partition === undefined ? () => true : (course_id) => ownerOf(course_id, partition.count) === partition.index;
    this.#writer = new FeatureWriter(new MemoryStore(), { entities: ["course", "category"], partition: partition && { ...partition, whole_groups: true } });
    this.#labels = new CourseLabels(at_ms, gap_ms, horizon_ms);
  }

  /** A duplicate counts in neither features nor labels, nor does it reach a cut-off. */
  apply(stream: StreamEvent): void {
    if (!this.#writer.accept(stream)) return;
    while (this.#period < this.#at_ms.length && stream.known_at_ms >= this.#at_ms[this.#period]!) this.#emit(this.#period++);
    this.#writer.fold(stream);
    const { event, event_time_ms } = stream;
    if (!("course_id" in event) || event.course_id === undefined || !this.#owns(event.course_id)) return;
    if (event.type === "exposure.viewed") this.#labels.exposure(event.course_id, event_time_ms, event.price);
    else if (event.type === "enrollment.created") this.#labels.enrollment(event.course_id, event_time_ms, event.price);
    else if (event.type === "course.repriced") this.#labels.reprice(event.course_id, event_time_ms, event.price, jitterBase(event));
  }

  /** Rows by cut-off, then in order of the courses' first appearance in the stream. */
  finish(): CourseRow[] {
    return this.#views.map((view) => {
      const labels = this.#labels.labels(view.course_id, view.period);
      const mean_log_price = Number.isNaN(labels.mean_log_price) ? log(view.view[PRICE]!) : labels.mean_log_price;
      return { ...view, ...labels, mean_log_price };
    });
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
    const categories = new Map<string, Float64Array>();
    for (const [category, { slots }] of this.#writer.live("category")) categories.set(category, this.#evaluator.category(slots, now_ms));
    for (const [course_id, { slots }] of this.#writer.live("course")) {
      const ordinal = slots[CATEGORY_SLOT]! - 1;
      if (ordinal < 0 || !this.#owns(course_id)) continue;
      const category = must(this.#writer.categoryName(ordinal), "course of a category without a name");
      this.#views.push({ course_id, category, period, view: this.#evaluator.features(slots, now_ms, must(categories.get(category), `category ${category} has no record`)) });
    }
  }
}
