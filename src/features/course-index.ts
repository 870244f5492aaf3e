import type { CourseOrder } from "../contracts/catalogue.ts";
import { must } from "../lib/assert.ts";
import { BLOCK_ROWS, CourseBlock, type CourseSort, courseSorts } from "./course-block.ts";
import { courseCategory, courseFeatures, courseTeacher } from "./course-features.ts";
import type { FeatureDefinition } from "./definition.ts";
import { Evaluator } from "./evaluator.ts";
import { offsetOf, recordWidths } from "./feature-set.ts";
import { firstIds } from "./first-ids.ts";
import { type RecordHeader, decodeRecord } from "./record.ts";
import type { FeatureStoreReader } from "./store.ts";

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
  /** Of what the list is sorted by; of no account where that is the id itself. */
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

/** Records that are read between two pauses: some tenths of a millisecond, as searching a block takes. */
const COURSES_PER_STEP = 128;

/** Of all courses, last 30 days. */
interface CategorySales {
  readonly enrollments: number;
  readonly exposures: number;
  /** By 1 + ordinal; 0 = unknown. */
  readonly by_category: ReadonlyMap<number, number>;
}

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
 * All courses that have a price, as of one moment, with what they can be found and put in order by. LMDB knows them by id alone, so that other orders
 * would read every record for every page.
 */
export class CourseIndex {
  readonly at_ms: number;
  readonly #store: FeatureStoreReader;
  /** All but the last are full. Ids ascend: a row's number is its place by id. */
  readonly #blocks: readonly CourseBlock[];
  readonly #sales: CategorySales;

  private constructor(store: FeatureStoreReader, at_ms: number, blocks: readonly CourseBlock[], sales: CategorySales) {
    this.#store = store;
    this.at_ms = at_ms;
    this.#blocks = blocks;
    this.#sales = sales;
  }

  /** Enrollments per exposure of all courses, last 30 days; 0 without any. */
  get conversion(): number {
    const { enrollments, exposures } = this.#sales;
    return exposures > 0 ? Math.min(1, enrollments / exposures) : 0;
  }

  /** A category's share of all enrollments of the last 30 days. */
  share(category: string): number {
    const { enrollments, by_category } = this.#sales;
    return enrollments > 0 ? (by_category.get(this.categoryNumber(category)) ?? 0) / enrollments : 0;
  }

  /** What stands for a category in a block's `categories`; 0 for one that nobody knows. */
  categoryNumber(category: string): number {
    return this.#store.names("category").indexOf(category) + 1;
  }

  get courses(): number {
    return this.#blocks.reduce((sum, block) => sum + block.rows, 0);
  }

  /**
   * Reads every course, in steps: the caller takes turns with other work, and keeps the store open. Undefined when there are more than `courses_max`.
   * 3 µs a course.
   */
  static *build(store: FeatureStoreReader, now_ms: number, courses_max: number): Generator<void, CourseIndex | undefined> {
    const evaluator = new Evaluator(definitions);
    const header: RecordHeader = { sequence: 0, updated_at_ms: 0 };
    const slots = new Float64Array(recordWidths.course);
    const positions = courseSorts.map((sort) => evaluator.position(sortFeatures[sort]));
    const price = evaluator.position(sortFeatures.price);
    const blocks: CourseBlock[] = [];
    const sales = { enrollments: 0, exposures: 0, by_category: new Map<number, number>() };
    let courses = 0;
    for (let ids = firstIds(store, "course", "", COURSES_PER_STEP); ids.length > 0; ids = firstIds(store, "course", ids.at(-1)!, COURSES_PER_STEP)) {
      for (const id of ids) {
        decodeRecord(must(store.get("course", id), "a course went while it was read"), header, slots);
        const values = evaluator.evaluate(slots, now_ms);
        if (values[price] === 0) continue;
        if (courses % BLOCK_ROWS === 0) blocks.push(new CourseBlock());
        if (++courses > courses_max) return undefined;
        const block = blocks.at(-1)!;
        const row = block.add(id);
        for (let i = 0; i < courseSorts.length; i++) block.columns[courseSorts[i]!][row] = values[positions[i]!]!;
        block.categories[row] = slots[CATEGORY_SLOT]!;
        block.teachers[row] = slots[TEACHER_SLOT]!;
        const enrollments = block.columns.enrollments[row]!;
        sales.enrollments += enrollments;
        sales.exposures += block.columns.exposures[row]!;
        sales.by_category.set(slots[CATEGORY_SLOT]!, (sales.by_category.get(slots[CATEGORY_SLOT]!) ?? 0) + enrollments);
      }
      yield;
    }
    return new CourseIndex(store, now_ms, blocks, sales);
  }

  /** The first `limit` places of a selection, in steps. One pass over the rows, which keeps no more than twice as many. */
  *select({ sort, descending, category, teacher_id, after, limit }: CourseSelection): Generator<void, CoursePlace[]> {
    const in_category = category === undefined ? -1 : this.categoryNumber(category);
    const of_teacher = teacher_id === undefined ? -1 : this.#store.names("teacher").indexOf(teacher_id) + 1;
    if (in_category === 0 || of_teacher === 0) return [];
    const sign = descending ? -1 : 1;
    const valueOf = (row: number): number => (sort === "id" ? row : this.#blocks[Math.floor(row / BLOCK_ROWS)]!.columns[sort][row % BLOCK_ROWS]!);
    const order = (a: number, b: number): number => sign * (valueOf(a) - valueOf(b) || a - b);
    const first_row = after === undefined ? -1 : this.#placeOf(after.course_id);
    const first = after === undefined ? Number.NEGATIVE_INFINITY : sign * (sort === "id" ? first_row : after.value);
    let last_row = 0;
    let last = Number.POSITIVE_INFINITY;
    let best: number[] = [];
    for (let passed = 0; passed < this.#blocks.length; passed++) {
      if (passed > 0) yield;
      // From the end that ties begin at: otherwise each of them would displace one before it.
      const number = descending ? this.#blocks.length - 1 - passed : passed;
      const { rows, columns, categories, teachers } = this.#blocks[number]!;
      const column = sort === "id" ? undefined : columns[sort];
      for (let k = 0; k < rows; k++) {
        const i = descending ? rows - 1 - k : k;
        const row = number * BLOCK_ROWS + i;
        const value = sign * (column === undefined ? row : column[i]!);
        if (value < first || value > last) continue;
        if ((value === first && sign * (row - first_row) <= 0) || (value === last && sign * (row - last_row) > 0)) continue;
        if (in_category > 0 && categories[i] !== in_category) continue;
        if (of_teacher > 0 && teachers[i] !== of_teacher) continue;
        if (best.push(row) < 2 * limit) continue;
        best = best.sort(order).slice(0, limit);
        last_row = best.at(-1)!;
        last = sign * valueOf(last_row);
      }
    }
    return best
      .sort(order)
      .slice(0, limit)
      .map((row) => ({ value: valueOf(row), course_id: this.#id(row) }));
  }

  /** The courses of the greatest values, descending, in steps: `valueOf` is given a block and a row of it. */
  *top(count: number, valueOf: (block: CourseBlock, row: number) => number): Generator<void, string[]> {
    let best: { readonly value: number; readonly row: number }[] = [];
    let least = Number.NEGATIVE_INFINITY;
    const cut = (): void => {
      best = best.sort((a, b) => b.value - a.value || a.row - b.row).slice(0, count);
      if (best.length === count) least = best.at(-1)!.value;
    };
    for (const [number, block] of this.#blocks.entries()) {
      if (number > 0) yield;
      for (let row = 0; row < block.rows; row++) {
        const value = valueOf(block, row);
        if (value > least && best.push({ value, row: number * BLOCK_ROWS + row }) >= 2 * count) cut();
      }
    }
    cut();
    return best.map(({ row }) => this.#id(row));
  }

  #id(row: number): string {
    return this.#blocks[Math.floor(row / BLOCK_ROWS)]!.id(row % BLOCK_ROWS);
  }

  /** The row of a course, or between two rows when nobody has the id. */
  #placeOf(course_id: string): number {
    const { courses } = this;
    let low = 0;
    let high = courses;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#id(middle) < course_id) low = middle + 1;
      else high = middle;
    }
    return low < courses && this.#id(low) === course_id ? low : low - 0.5;
  }
}
