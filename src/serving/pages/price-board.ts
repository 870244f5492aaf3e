import type { CourseItem } from "../../contracts/catalogue.ts";
import { firstIds } from "../../features/first-ids.ts";
import { courseItem } from "../course-items.ts";
import { CourseLookup } from "../course-lookup.ts";
import { type FeatureSource, mustFeatures, type OpenFeatures, PerStore } from "../feature-source.ts";
import { minuteOf, type PricingContext } from "../pricing-inputs.ts";
import { Rebuilt, type RebuiltDeps } from "../rebuilt.ts";

/** Courses that are priced and given to a browser at once; of a larger catalogue the first by id, and the table asks for pages. */
export const BOARD_COURSES_MAX = 20_000;
const COURSES_PER_STEP = 8;

export interface PriceBoard {
  readonly courses: readonly CourseItem[];
  /** Whether there are more. */
  readonly cut: boolean;
  readonly at_ms: number;
}

/** Every course with what it should cost, shared by all who look: made anew once it is some seconds old and somebody asks, a quarter of a process at most. */
export class PriceBoards {
  readonly #features: FeatureSource;
  readonly #pricing: PricingContext;
  readonly #lookups = new PerStore(({ reader }) => new CourseLookup(reader));
  readonly #board: Rebuilt<PriceBoard>;
  readonly #courses_max: number;

  constructor(deps: RebuiltDeps, pricing: PricingContext, courses_max = BOARD_COURSES_MAX) {
    this.#courses_max = courses_max;
    this.#features = deps.features;
    this.#pricing = pricing;
    this.#board = new Rebuilt(deps, (open, now_ms) => this.#read(open, now_ms));
  }

  /** Throws ProblemError without features. */
  async board(): Promise<PriceBoard> {
    for (;;) {
      const built = await this.#board.of(mustFeatures(this.#features));
      if (built !== undefined) return built.value;
    }
  }

  *#read(open: OpenFeatures, now_ms: number): Generator<void, PriceBoard> {
    const lookup = this.#lookups.of(open);
    const courses: CourseItem[] = [];
    for (let ids = firstIds(open.store, "course", "", COURSES_PER_STEP); ids.length > 0; ids = firstIds(open.store, "course", ids.at(-1)!, COURSES_PER_STEP)) {
      for (const course_id of ids) {
        const found = lookup.known(course_id, now_ms, minuteOf(course_id, now_ms));
        if (found === undefined) continue;
        if (courses.length === this.#courses_max) return { courses, cut: true, at_ms: now_ms };
        courses.push(courseItem(this.#pricing, course_id, found, open.store.profile(course_id)?.title, true));
      }
      yield;
    }
    return { courses, cut: false, at_ms: now_ms };
  }
}
