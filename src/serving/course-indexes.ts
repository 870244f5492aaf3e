import { CourseIndex } from "../features/course-index.ts";
import type { Clock } from "../lib/clock.ts";
import { formatTime } from "../lib/time.ts";
import type { FeatureSource, OpenFeatures } from "./feature-source.ts";
import { ProblemError } from "./problem.ts";
import { Rebuilt } from "./rebuilt.ts";
import type { Turns } from "./turns.ts";

/** About 100 MB, and 4 s of work while it is built. */
const COURSES_MAX = 1_000_000;

/** The index of all courses, built when somebody asks for an order or a filter and the last one is too old. */
export class CourseIndexes {
  readonly #courses_max: number;
  /** undefined in it: there are too many courses. */
  readonly #indexes: Rebuilt<CourseIndex | undefined>;

  constructor(features: FeatureSource, turns: Turns, clock: Clock, courses_max = COURSES_MAX) {
    this.#courses_max = courses_max;
    this.#indexes = new Rebuilt({ features, turns, clock }, ({ store }, now_ms) => CourseIndex.build(store, now_ms, courses_max));
  }

  /** Courses in the index that is in memory. */
  get courses(): number {
    return this.#indexes.last?.courses ?? 0;
  }

  /** Of an open store; undefined when another one takes its place meanwhile. Throws ProblemError when there are too many courses. */
  async of(open: OpenFeatures): Promise<CourseIndex | undefined> {
    const built = await this.#indexes.of(open);
    if (built === undefined) return undefined;
    if (built.value !== undefined) return built.value;
    throw new ProblemError("invalid_field", `There are more than ${this.#courses_max} courses: they can be listed in order of ids only, without a filter.`, { field: "sort" });
  }
}

export const indexedAt = (index: CourseIndex): { indexed_at: string } => ({ indexed_at: formatTime(index.at_ms) });
