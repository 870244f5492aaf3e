import type { Difficulty, QualityTier } from "../contracts/fields.ts";
import type { FeatureStoreReader } from "./store.ts";

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
  /** EVENTS sequence of the record's last change; 0 for a cold start. */
  readonly sequence: number;
  readonly updated_at_ms: number;
  readonly now_ms: number;
  /** In the order of courseFeatureNames. */
  readonly features: Float64Array;
  /** Occupied demand cells, decayed to now: mean of log(price / reference price), exposures, enrollments, and so on. */
  readonly cells: Float64Array;
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

/** Turns records into features at a time. */
export class FeatureReader {
  constructor(_store: FeatureStoreReader) { throw new Error("not yet"); }
  /** EVENTS sequence of the course record's last change, from its header alone: validates a cache. */
  courseSequence(_course_id: string): number | undefined { throw new Error("not yet"); }
  category(_category: string): CategorySnapshot | undefined { throw new Error("not yet"); }
  /** undefined when nobody has seen the course, or no price of it is known. */
  course(_course_id: string, _now_ms: number, _category?: CategorySnapshot): CourseView | undefined { throw new Error("not yet"); }
  /** The view of a course that nobody has seen, from its category. */
  coldStart(_category: CategorySnapshot, _course: ColdCourse, _now_ms: number): CourseView { throw new Error("not yet"); }
  learner(_learner_id: string, _now_ms: number): LearnerView | undefined { throw new Error("not yet"); }
}
