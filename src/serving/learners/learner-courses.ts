import { EntityReader, entityFeatureNames } from "../../features/entity-reader.ts";
import type { FeatureStoreReader } from "../../features/store.ts";

/** Courses of one learner that are looked at; whoever has more is known well enough from these. */
const COURSES_MAX = 2_000;
const COURSES_PER_STEP = 16;

const COMPLETED_AT = entityFeatureNames.learner_course.indexOf("completed_at_ms");
const ENROLLMENTS = entityFeatureNames.learner_course.indexOf("enrollments");

/** What a learner has had to do with courses. */
export interface LearnerCourses {
  /** Enrolled in at any time. */
  readonly enrolled: ReadonlySet<string>;
  readonly completed: ReadonlySet<string>;
}

/** Reads a learner's courses, in steps. */
export function* readLearnerCourses(store: FeatureStoreReader, learner_id: string, now_ms: number): Generator<void, LearnerCourses> {
  const reader = new EntityReader(store);
  const prefix = `${learner_id}/`;
  const keys: string[] = [];
  for (const key of store.ids("learner_course", prefix)) if (keys.push(key) >= COURSES_MAX) break;
  const enrolled = new Set<string>();
  const completed = new Set<string>();
  for (const [i, key] of keys.entries()) {
    if (i % COURSES_PER_STEP === COURSES_PER_STEP - 1) yield;
    const values = reader.read("learner_course", key, now_ms)?.values;
    if (values === undefined) continue;
    const course_id = key.slice(prefix.length);
    if (values[ENROLLMENTS]! > 0) enrolled.add(course_id);
    if (values[COMPLETED_AT]! > 0) completed.add(course_id);
  }
  return { enrolled, completed };
}
