import type { ExposureKind } from "../contracts/decision.ts";
import type { Difficulty, QualityTier } from "../contracts/fields.ts";
import { must } from "../lib/assert.ts";
import { TidemarkError } from "../lib/errors.ts";
import { categoryCourses, categoryFeatures, categoryListPrices } from "./category-features.ts";
import { CourseEvaluator } from "./course-evaluator.ts";
import { courseBasePrice, courseCategory, courseDemand, courseDifficulty, courseQuality, courseRepriced, courseTeacher, difficultyLevels, listPrice, qualityTiers } from "./course-features.ts";
import { fingerprintWithoutViews } from "./course-fingerprint.ts";
import { courseFeatureIndex } from "./course-view.ts";
import { Evaluator } from "./evaluator.ts";
import { layoutIdentity, offsetOf, recordWidths } from "./feature-set.ts";
import { learnerFeatures } from "./learner-features.ts";
import { offerCells } from "./offer-time.ts";
import { readPriceHistory } from "./price-history.ts";
import { coursePrices } from "./price-history-features.ts";
import { type RecordHeader, decodeRecord, recordSequence } from "./record.ts";
import type { FeatureStoreReader } from "./store.ts";
import { noBand, readTeacherBand, type TeacherBand } from "./teacher-band.ts";

/** A category record, decoded and copied: it may be kept and used for many courses and times. */
export interface CategorySnapshot {
  readonly category: string;
  /** EVENTS sequence of the record's last change. */
  readonly sequence: number;
  readonly updated_at_ms: number;
  readonly courses: number;
  /** Mean list price of its courses; 0 without any. */
  readonly average_price_tokens: number;
  /** 0 = unknown. */
  readonly competitor_price_tokens: number;
  /** The decoded record, in layout order: windows are read from it at a given time. */
  readonly values: Float64Array;
}

export interface CourseView {
  /** Empty for the view of a course that nobody has seen. */
  readonly course_id: string;
  /** Empty when the course was never upserted. */
  readonly category: string;
  readonly teacher_id: string;
  /** What the teacher allows. */
  readonly band: TeacherBand;
  /** EVENTS sequence of the record's last change; 0 for a cold start. */
  readonly sequence: number;
  readonly updated_at_ms: number;
  readonly now_ms: number;
  /** In the order of courseFeatureNames. */
  readonly features: Float64Array;
  /** Occupied demand cells, decayed to now: mean of log(price / reference price), exposures, enrollments, and so on. */
  readonly cells: Float64Array;
  /** Occupied cells of the random part of the log price, likewise: mean, exposures, enrollments, and so on. */
  readonly jitter_cells: Float64Array;
  /** What the exposures of the cells are: views, or, where the category sells and nobody sends any, time on offer (offer-time.ts). */
  readonly exposure: ExposureKind;
}

export interface LearnerView {
  readonly learner_id: string;
  readonly sequence: number;
  readonly updated_at_ms: number;
  readonly balance_tokens: number;
  readonly spent_tokens: number;
  readonly enrolled: number;
  readonly completed: number;
  /** 0 = never. */
  readonly last_activity_ms: number;
  /** 0 = unknown. */
  readonly registered_at_ms: number;
}

export interface ColdCourse {
  readonly base_price: number;
  readonly difficulty_level?: Difficulty | undefined;
  readonly quality_tier?: QualityTier | undefined;
}

const CATEGORY_SLOT = offsetOf(courseCategory) + 1;
const TEACHER_SLOT = offsetOf(courseTeacher) + 1;
const BASE_PRICE_SLOT = offsetOf(courseBasePrice) + 1;
const REPRICED_SLOT = offsetOf(courseRepriced) + 1;
const REFERENCE_SLOT = offsetOf(courseDemand);
const PRICE = courseFeatureIndex("price_tokens");
const BASE_PRICE = courseFeatureIndex("base_price_tokens");
const REFERENCE_PRICE = courseFeatureIndex("reference_price_tokens");
const DAYS_SINCE_LAUNCH = courseFeatureIndex("days_since_launch");
const EXPOSURES = courseFeatureIndex("exposures_90d");
const CATEGORY_EXPOSURES = courseFeatureIndex("category_exposures_30d");
const CATEGORY_ENROLLMENTS = courseFeatureIndex("category_enrollments_30d");
const PRICES = offsetOf(coursePrices);
/** Far more than there are; a bound all the same. */
const CATEGORIES_KEPT_MAX = 4_096;
const BANDS_KEPT_MAX = 4_096;
const UNKNOWN_DIFFICULTY: Difficulty = "intermediate";
const UNKNOWN_QUALITY: QualityTier = "standard";

function exposureOf(features: Float64Array): ExposureKind {
  return features[EXPOSURES] === 0 && features[CATEGORY_EXPOSURES] === 0 && features[CATEGORY_ENROLLMENTS]! > 0 ? "days_on_offer" : "views";
}

/**
 * Turns records into features at a time. It keeps nothing that a record's sequence does not vouch for: a view is as new
 * as the store.
 */
export class FeatureReader {
  readonly #store: FeatureStoreReader;
  readonly #course = new Float64Array(recordWidths.course);
  /** Whose record `#course` holds: list price, fingerprint and view of one course are often asked for one after the other. */
  #decoded_id: string | undefined;
  readonly #courseHeader: RecordHeader = { sequence: 0, updated_at_ms: 0 };
  readonly #category = new Float64Array(recordWidths.category);
  readonly #learner = new Float64Array(recordWidths.learner);
  readonly #kept = new Map<string, { readonly sequence: number; readonly now_ms: number; readonly features: Float64Array }>();
  readonly #prices = new Float64Array(recordWidths.price_history);
  readonly #teacher = new Float64Array(recordWidths.teacher);
  readonly #bands = new Map<string, { readonly sequence: number; readonly band: TeacherBand }>();
  readonly #header: RecordHeader = { sequence: 0, updated_at_ms: 0 };
  readonly #courses = new CourseEvaluator();
  readonly #categories = new Evaluator(categoryFeatures);
  readonly #learners = new Evaluator(learnerFeatures);

  constructor(store: FeatureStoreReader) {
    const layout = store.layout();
    if (layout !== undefined && layout !== layoutIdentity) {
      throw new TidemarkError("layout_mismatch", `the feature store has layout ${layout}, this version reads ${layoutIdentity}: start ingest of the same version`);
    }
    this.#store = store;
  }

  /** EVENTS sequence of the course record's last change, from its header alone: validates a cache. */
  courseSequence(course_id: string): number | undefined {
    return this.#store.sequence("course", course_id);
  }

  /** Tokens that the course costs now, as its view says; undefined when nobody has seen the course. */
  listPrice(course_id: string): number | undefined {
    if (!this.#decodeCourse(course_id)) return undefined;
    const slots = this.#course;
    return Math.max(1, Math.round(listPrice(slots[REPRICED_SLOT]!, slots[BASE_PRICE_SLOT]!, slots[REFERENCE_SLOT]!)));
  }

  /** Of all that happened to the course but views; undefined when nobody has seen the course. */
  courseFingerprint(course_id: string): number | undefined {
    return this.#decodeCourse(course_id) ? fingerprintWithoutViews(this.#course) : undefined;
  }

  category(category: string): CategorySnapshot | undefined {
    const stored = this.#store.get("category", category);
    if (stored === undefined) return undefined;
    const values = new Float64Array(recordWidths.category);
    decodeRecord(stored, this.#header, values);
    const { sequence, updated_at_ms } = this.#header;
    // None of these has a window: the time does not matter.
    const features = this.#categories.evaluate(values, 0);
    const courses = features[this.#categories.position("courses")]!;
    const sum = features[this.#categories.position("list_price_sum_tokens")]!;
    const competitor_price_tokens = features[this.#categories.position("competitor_price_tokens")]!;
    return { category, sequence, updated_at_ms, courses, average_price_tokens: courses > 0 ? sum / courses : 0, competitor_price_tokens, values };
  }

  /** undefined when nobody has seen the course, or no price of it is known. The category's side is of its snapshot where there is one, else of its record. */
  course(course_id: string, now_ms: number, snapshots?: (category: string) => CategorySnapshot | undefined): CourseView | undefined {
    if (!this.#decodeCourse(course_id)) return undefined;
    const { sequence, updated_at_ms } = this.#courseHeader;
    const ordinal = this.#course[CATEGORY_SLOT]! - 1;
    const name = ordinal < 0 ? "" : must(this.#store.name("category", ordinal), "course of a category without a name");
    const teacher = this.#course[TEACHER_SLOT]! - 1;
    const teacher_id = teacher < 0 ? "" : must(this.#store.name("teacher", teacher), "course of a teacher without a name");
    const features = this.#courses.features(this.#course, now_ms, ordinal < 0 ? undefined : this.#categoryFeatures(name, now_ms, snapshots?.(name)));
    if (features[PRICE] === 0) return undefined;
    const cells = this.#courses.cells(this.#course, now_ms);
    const jitter_cells = this.#courses.jitterCells(this.#course, now_ms);
    const exposure = exposureOf(features);
    const view = { course_id, category: name, teacher_id, band: this.#band(teacher_id), sequence, updated_at_ms, now_ms, features, cells, jitter_cells, exposure };
    return exposure === "views" ? view : { ...view, cells: this.#offerCells(view) };
  }

  /** The view of a course that nobody has seen, as if it had just joined its category at its base price. */
  coldStart(category: CategorySnapshot, course: ColdCourse, now_ms: number): CourseView {
    this.#category.set(category.values);
    this.#category[offsetOf(categoryCourses)]! += 1;
    this.#category[offsetOf(categoryListPrices)]! += course.base_price;
    this.#decoded_id = undefined;
    this.#course.fill(0);
    this.#course[offsetOf(courseBasePrice) + 1] = course.base_price;
    this.#course[offsetOf(courseDemand)] = course.base_price;
    this.#course[offsetOf(courseDifficulty) + 1] = difficultyLevels[course.difficulty_level ?? UNKNOWN_DIFFICULTY];
    this.#course[offsetOf(courseQuality) + 1] = qualityTiers[course.quality_tier ?? UNKNOWN_QUALITY];
    const features = this.#courses.features(this.#course, now_ms, this.#courses.category(this.#category, now_ms));
    return { course_id: "", category: category.category, teacher_id: "", band: noBand, sequence: 0, updated_at_ms: category.updated_at_ms, now_ms, features, cells: new Float64Array(0), jitter_cells: new Float64Array(0), exposure: exposureOf(features) };
  }

  learner(learner_id: string, now_ms: number): LearnerView | undefined {
    const stored = this.#store.get("learner", learner_id);
    if (stored === undefined) return undefined;
    decodeRecord(stored, this.#header, this.#learner);
    const { sequence, updated_at_ms } = this.#header;
    const features = this.#learners.evaluate(this.#learner, now_ms);
    const read = (name: string): number => features[this.#learners.position(name)]!;
    return {
      learner_id,
      sequence,
      updated_at_ms,
      balance_tokens: read("balance_tokens"),
      spent_tokens: read("spent_tokens"),
      enrolled: read("enrolled"),
      completed: read("completed"),
      last_activity_ms: read("last_activity_ms"),
      registered_at_ms: read("registered_at_ms"),
    };
  }

  /** Fills `#course` and its header; false when nobody has seen the course. A record of the same sequence is the same record. */
  #decodeCourse(course_id: string): boolean {
    const stored = this.#store.get("course", course_id);
    if (stored === undefined) return false;
    if (this.#decoded_id === course_id && recordSequence(stored) === this.#courseHeader.sequence) return true;
    this.#decoded_id = undefined;
    decodeRecord(stored, this.#courseHeader, this.#course);
    this.#decoded_id = course_id;
    return true;
  }

  #offerCells({ course_id, features, cells, now_ms }: Pick<CourseView, "course_id" | "features" | "cells" | "now_ms">): Float64Array {
    const stored = this.#store.get("price_history", course_id);
    if (stored !== undefined) decodeRecord(stored, this.#header, this.#prices);
    const prices = stored === undefined ? [] : readPriceHistory(this.#prices, PRICES);
    return offerCells({ prices, base_price: features[BASE_PRICE]!, days_since_launch: features[DAYS_SINCE_LAUNCH]!, reference_price: features[REFERENCE_PRICE]!, cells, now_ms });
  }

  /** Kept by the teacher record's sequence: many courses share one. */
  #band(teacher_id: string): TeacherBand {
    const sequence = teacher_id === "" ? undefined : this.#store.sequence("teacher", teacher_id);
    if (sequence === undefined) return noBand;
    const kept = this.#bands.get(teacher_id);
    if (kept?.sequence === sequence) return kept.band;
    decodeRecord(must(this.#store.get("teacher", teacher_id), "a teacher with a sequence has a record"), this.#header, this.#teacher);
    const band = readTeacherBand(this.#teacher);
    if (this.#bands.size >= BANDS_KEPT_MAX) this.#bands.clear();
    this.#bands.set(teacher_id, { sequence, band });
    return band;
  }

  /**
   * Features of a course's category: of the given snapshot, else of the current record. They are kept as long as record
   * and time are the same, since many courses share them.
   */
  #categoryFeatures(name: string, now_ms: number, snapshot: CategorySnapshot | undefined): Float64Array {
    const stored = snapshot === undefined ? must(this.#store.get("category", name), `category ${name} has no record`) : undefined;
    const sequence = stored === undefined ? snapshot!.sequence : recordSequence(stored);
    const kept = this.#kept.get(name);
    if (kept?.sequence === sequence && kept.now_ms === now_ms) return kept.features;
    if (stored !== undefined) decodeRecord(stored, this.#header, this.#category);
    const features = this.#courses.category(snapshot?.values ?? this.#category, now_ms);
    if (this.#kept.size >= CATEGORIES_KEPT_MAX) this.#kept.clear();
    this.#kept.set(name, { sequence, now_ms, features });
    return features;
  }
}
