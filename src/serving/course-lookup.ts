import type { CourseFeatures } from "../contracts/api.ts";
import type { CourseView, FeatureReader } from "../features/feature-reader.ts";
import { CategoryCache } from "./category-cache.ts";
import { ProblemError } from "./problem.ts";

/** The part of a body that says which course is meant. */
export interface CourseReference {
  readonly course_id?: string | undefined;
  readonly course_features?: CourseFeatures | undefined;
}

export interface FoundCourse {
  readonly course_id: string | null;
  /** Only for a cold start: a known course's own record is what counts. */
  readonly course_features: CourseFeatures | null;
  readonly view: CourseView;
}

/** Finds courses in one open feature store. */
export class CourseLookup {
  readonly reader: FeatureReader;
  readonly #categories: CategoryCache;

  constructor(reader: FeatureReader) {
    this.reader = reader;
    this.#categories = new CategoryCache(reader);
  }

  /** The course's view as of `read_at_ms`, or a cold start's. Throws the ProblemError for a course or category that nobody knows. */
  find(reference: CourseReference, now_ms: number, read_at_ms: number): FoundCourse {
    const { course_id, course_features } = reference;
    if (course_id !== undefined) {
      const known = this.known(course_id, now_ms, read_at_ms);
      if (known !== undefined) return known;
      if (course_features === undefined) {
        throw new ProblemError("unknown_course", `No event of course ${course_id} has arrived. Send course_features to price it from its category.`, { field: "course_id" });
      }
    }
    if (course_features === undefined) throw new ProblemError("invalid_field", "course_id or course_features is required", { field: "course_id" });
    const snapshot = this.#categories.get(course_features.category, now_ms);
    if (snapshot === undefined) {
      throw new ProblemError("invalid_field", `No event of category ${course_features.category} has arrived.`, { field: "course_features.category" });
    }
    const view = this.reader.coldStart(snapshot, course_features, read_at_ms);
    return { course_id: course_id ?? null, course_features, view };
  }

  /** undefined when nobody knows the course. */
  known(course_id: string, now_ms: number, read_at_ms: number): FoundCourse | undefined {
    const view = this.reader.course(course_id, read_at_ms, (category) => this.#categories.get(category, now_ms));
    return view === undefined ? undefined : { course_id, course_features: null, view };
  }
}
