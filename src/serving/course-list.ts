import type { Context } from "hono";
import { type CoursesQuery, coursesQuerySchema } from "../contracts/catalogue.ts";
import type { CourseIndex, CoursePlace } from "../features/course-index.ts";
import { firstIds } from "../features/first-ids.ts";
import type { Clock } from "../lib/clock.ts";
import { readQuery } from "./body.ts";
import { type CourseIndexes, indexedAt } from "./course-indexes.ts";
import { courseItem } from "./course-items.ts";
import { CourseLookup } from "./course-lookup.ts";
import { type FeatureSource, mustFeatures, type OpenFeatures, PerStore } from "./feature-source.ts";
import { type Page, pageDegraded, pageOf, pageResponse } from "./page.ts";
import { minuteOf, type PricingContext } from "./pricing-inputs.ts";
import type { Turns } from "./turns.ts";

/** Courses that one turn reads; fewer where each is priced, so that it takes some tenths of a millisecond either way. */
const COURSES_PER_TURN = 32;
const PRICED_PER_TURN = 8;
/** Records without a price that a page passes over before it ends early. */
const PASSED_OVER_MAX = 2_000;

export interface CourseListDeps extends PricingContext {
  readonly features: FeatureSource;
  readonly clock: Clock;
  readonly turns: Turns;
  readonly indexes: CourseIndexes;
}

/** What a page is made with, the same for all its items. */
interface Making {
  readonly open: OpenFeatures;
  readonly query: CoursesQuery;
  readonly context: PricingContext;
  readonly now_ms: number;
}

/**
 * GET /courses. In order of ids without a filter, pages are read from the store as it is: whatever was there before the first page is on exactly one,
 * however many are added meanwhile. Any other order, and every filter, goes by an index that is some seconds old; what it shows of a course is of now.
 */
export class CourseList {
  readonly #deps: CourseListDeps;
  readonly #lookups = new PerStore(({ reader }) => new CourseLookup(reader));

  constructor(deps: CourseListDeps) {
    this.#deps = deps;
  }

  answer(context: Context): Promise<Response> {
    const query = readQuery(context, coursesQuerySchema);
    return this.#deps.turns.admit(() => this.#answer(context, query));
  }

  async #answer(context: Context, query: CoursesQuery): Promise<Response> {
    const { features, turns, policies, degradation, clock, indexes } = this.#deps;
    const { limit, category, teacher_id, sort, with: extra } = context.req.query();
    for (;;) {
      const open = mustFeatures(features);
      const index = query.sort.by === "id" && !query.sort.descending && query.category === undefined && query.teacher_id === undefined ? null : await indexes.of(open);
      if (index === undefined) continue;
      const served = this.#deps.models.current;
      const pricing: PricingContext = { policies, degradation, models: { current: served } };
      const making: Making = { open, query, context: pricing, now_ms: clock.now_ms() };
      const page = await turns.run(index === null ? this.#byId(making) : this.#byIndex(making, index), () => features.current === open);
      if (page === undefined) continue;
      const rest = { model: served?.model.version ?? "none", ...pageDegraded(pricing) };
      return pageResponse(context, "courses", page, { limit, category, teacher_id, sort, with: extra }, rest, index === null ? {} : indexedAt(index));
    }
  }

  *#byId(making: Making): Generator<void, Page> {
    const { open, query } = making;
    const items: string[] = [];
    let after = query.after?.course_id ?? "";
    for (let passed = 0; items.length < query.limit && passed < PASSED_OVER_MAX; ) {
      const ids = firstIds(open.store, "course", after, Math.min(perTurn(query), query.limit - items.length));
      if (ids.length === 0) return yield* pageOf(items, undefined);
      for (const id of ids) {
        const item = this.#item(making, id);
        if (item === undefined) passed++;
        else items.push(item);
      }
      after = ids.at(-1)!;
      yield;
    }
    return yield* pageOf(items, firstIds(open.store, "course", after, 1).length > 0 ? after : undefined);
  }

  *#byIndex(making: Making, index: CourseIndex): Generator<void, Page> {
    const { limit, sort, after, category, teacher_id } = making.query;
    const places = yield* index.select({ sort: sort.by, descending: sort.descending, category, teacher_id, after, limit: limit + 1 });
    const items: string[] = [];
    for (const [i, { course_id }] of places.slice(0, limit).entries()) {
      if (i % perTurn(making.query) === 0) yield;
      const item = this.#item(making, course_id);
      if (item !== undefined) items.push(item);
    }
    return yield* pageOf(items, places.length > limit ? placeText(places[limit - 1]!, sort) : undefined);
  }

  /** undefined when no price of the course is known, or it does not pass the filter any more. */
  #item({ open, query, context, now_ms }: Making, course_id: string): string | undefined {
    const found = this.#lookups.of(open).known(course_id, now_ms, minuteOf(course_id, now_ms));
    if (found === undefined) return undefined;
    if (query.category !== undefined && found.view.category !== query.category) return undefined;
    if (query.teacher_id !== undefined && found.view.teacher_id !== query.teacher_id) return undefined;
    return JSON.stringify(courseItem(context, course_id, found, open.store.profile(course_id)?.title, query.with !== undefined));
  }
}

function perTurn(query: CoursesQuery): number {
  return query.with === undefined ? COURSES_PER_TURN : PRICED_PER_TURN;
}

function placeText({ value, course_id }: CoursePlace, { by }: CoursesQuery["sort"]): string {
  return by === "id" ? course_id : `${value}~${course_id}`;
}
