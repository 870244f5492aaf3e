import { type CourseOrder, courseOrders } from "../contracts/catalogue.ts";
import { must } from "../lib/assert.ts";
import { courseCategory, courseFeatures, courseTeacher } from "./course-features.ts";
import type { FeatureDefinition } from "./definition.ts";
import { Evaluator } from "./evaluator.ts";
import { offsetOf, recordWidths } from "./feature-set.ts";
import { type RecordHeader, decodeRecord } from "./record.ts";
import type { FeatureStoreReader } from "./store.ts";

export type CourseSort = Exclude<CourseOrder, "id">;
const courseSorts = courseOrders.filter((order) => order !== "id");

/** The feature behind an order. */
const sortFeatures: Readonly<Record<CourseSort, string>> = {
  price: "price_tokens",
  enrollments: "enrollments_30d",
  exposures: "exposures_30d",
  revenue: "revenue_30d_tokens",
  conversion: "conversion_30d",
  rating: "rating_mean",
};

/** A course's place in an order: what comes after it is the rest of the list, whatever was added meanwhile. */
export interface CoursePlace {
  /** Of what the list is sorted by; of no account where that is the id. */
  readonly value: number;
  readonly course_id: string;
}

export interface CourseSelection {
  /** Among equal values ids ascend, or descend where the values do. */
  readonly sort: CourseOrder;
  readonly descending: boolean;
  readonly category: string | undefined;
  readonly teacher_id: string | undefined;
  readonly after: CoursePlace | undefined;
  readonly limit: number;
}

/** Work between two pauses: some tenths of a millisecond. */
const COURSES_PER_STEP = 128;
const ROWS_PER_STEP = 8_192;

const CATEGORY_SLOT = offsetOf(courseCategory) + 1;
const TEACHER_SLOT = offsetOf(courseTeacher) + 1;

/** Definitions of what is sorted by, and of what those are derived from. */
const definitions: readonly FeatureDefinition[] = ((): FeatureDefinition[] => {
  const found = new Map<string, FeatureDefinition>();
  const add = (name: string): void => {
    const definition = must(courseFeatures.find((feature) => feature.name === name), `no course feature ${name}`);
    found.set(name, definition);
    if (definition.source.kind === "derived") for (const input of definition.source.from) add(input);
  };
  for (const name of Object.values(sortFeatures)) add(name);
  return [...found.values()];
})();

/**
 * All courses that have a price, as of one moment, with what they can be found and put in order by: about 100 bytes a course. LMDB knows them by id
 * alone, so that other orders would read every record for every page.
 */
export class CourseIndex {
  readonly at_ms: number;
  /** Ascending: a row's position is its place by id. */
  readonly #ids: readonly string[];
  readonly #columns: Readonly<Record<CourseSort, Float64Array>>;
  /** 1 + ordinal; 0 = unknown. */
  readonly #categories: Int32Array;
  readonly #teachers: Int32Array;
  readonly #store: FeatureStoreReader;

  private constructor(store: FeatureStoreReader, at_ms: number, ids: readonly string[], columns: Readonly<Record<CourseSort, Float64Array>>, categories: Int32Array, teachers: Int32Array) {
    this.#store = store;
    this.at_ms = at_ms;
    this.#ids = ids;
    this.#columns = columns;
    this.#categories = categories;
    this.#teachers = teachers;
  }

  get courses(): number {
    return this.#ids.length;
  }

  /**
   * Reads every course, in steps: the caller takes turns with other work, and keeps the store open. Undefined when there are more than `courses_max`.
   * 4 µs a course.
   */
  static *build(store: FeatureStoreReader, now_ms: number, courses_max: number): Generator<void, CourseIndex | undefined> {
    const evaluator = new Evaluator(definitions);
    const header: RecordHeader = { sequence: 0, updated_at_ms: 0 };
    const slots = new Float64Array(recordWidths.course);
    const ids: string[] = [];
    const values = courseSorts.map((): number[] => []);
    const positions = courseSorts.map((sort) => evaluator.position(sortFeatures[sort]));
    const price = evaluator.position(sortFeatures.price);
    const categories: number[] = [];
    const teachers: number[] = [];
    for (let read = firstIds(store, "", COURSES_PER_STEP); read.length > 0; read = firstIds(store, read.at(-1)!, COURSES_PER_STEP)) {
      for (const id of read) {
        decodeRecord(must(store.get("course", id), "a course went while it was read"), header, slots);
        const features = evaluator.evaluate(slots, now_ms);
        if (features[price] === 0) continue;
        if (ids.push(id) > courses_max) return undefined;
        values.forEach((column, i) => column.push(features[positions[i]!]!));
        categories.push(slots[CATEGORY_SLOT]!);
        teachers.push(slots[TEACHER_SLOT]!);
      }
      yield;
    }
    const columns = Object.fromEntries(courseSorts.map((sort, i) => [sort, Float64Array.from(values[i]!)])) as Record<CourseSort, Float64Array>;
    return new CourseIndex(store, now_ms, ids, columns, Int32Array.from(categories), Int32Array.from(teachers));
  }

  /** The first `limit` places of a selection, in steps. One pass over the rows, which keeps no more than twice as many. */
  *select({ sort, descending, category, teacher_id, after, limit }: CourseSelection): Generator<void, CoursePlace[]> {
    const in_category = category === undefined ? -1 : this.#store.names("category").indexOf(category) + 1;
    const of_teacher = teacher_id === undefined ? -1 : this.#store.names("teacher").indexOf(teacher_id) + 1;
    if (in_category === 0 || of_teacher === 0) return [];
    const column = sort === "id" ? undefined : this.#columns[sort];
    const sign = descending ? -1 : 1;
    const order = (a: number, b: number): number => sign * ((column === undefined ? 0 : column[a]! - column[b]!) || a - b);
    const begins = after === undefined ? () => true : this.#beyond(after, column, sign);
    let best: number[] = [];
    let worst = -1;
    for (let row = 0; row < this.#ids.length; row++) {
      if (row % ROWS_PER_STEP === ROWS_PER_STEP - 1) yield;
      if (in_category > 0 && this.#categories[row] !== in_category) continue;
      if (of_teacher > 0 && this.#teachers[row] !== of_teacher) continue;
      if (worst >= 0 && order(row, worst) > 0) continue;
      if (!begins(row) || best.push(row) < 2 * limit) continue;
      best = best.sort(order).slice(0, limit);
      worst = best.at(-1)!;
    }
    return best
      .sort(order)
      .slice(0, limit)
      .map((row) => ({ value: column === undefined ? 0 : column[row]!, course_id: this.#ids[row]! }));
  }

  /** Whether a row comes after a place that need not be taken. */
  #beyond({ value, course_id }: CoursePlace, column: Float64Array | undefined, sign: number): (row: number) => boolean {
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ids[middle]! < course_id) low = middle + 1;
      else high = middle;
    }
    // Between two rows when nobody has the id.
    const place = this.#ids[low] === course_id ? low : low - 0.5;
    return (row) => sign * ((column === undefined ? 0 : column[row]! - value) || row - place) > 0;
  }
}

/** At most `count` ids of courses after one. */
export function firstIds(store: FeatureStoreReader, after: string, count: number): string[] {
  const ids: string[] = [];
  for (const id of store.ids("course", "", after)) if (ids.push(id) >= count) break;
  return ids;
}
