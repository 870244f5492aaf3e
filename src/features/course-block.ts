import { type CourseOrder, courseOrders } from "../contracts/catalogue.ts";

/** Courses of a block; a power of two, so that finding a row takes no division. */
export const BLOCK_ROWS = 4_096;

export type CourseSort = Exclude<CourseOrder, "id">;
export const courseSorts: readonly CourseSort[] = courseOrders.filter((order) => order !== "id");

/**
 * Some thousand courses of an index, in typed arrays and one text: 64 bytes a course and its id. In one piece, hundred thousands of rows would have to be
 * moved whenever they grow, and as objects they would keep the garbage collector busy; either shows in the price calls beside.
 */
export class CourseBlock {
  readonly columns: Readonly<Record<CourseSort, Float64Array>>;
  /** 1 + ordinal; 0 = unknown. */
  readonly categories = new Int32Array(BLOCK_ROWS);
  readonly teachers = new Int32Array(BLOCK_ROWS);
  readonly #ends = new Uint32Array(BLOCK_ROWS);
  #waiting: string[] = [];
  #text = "";
  #rows = 0;

  constructor() {
    this.columns = Object.fromEntries(courseSorts.map((sort) => [sort, new Float64Array(BLOCK_ROWS)])) as Record<CourseSort, Float64Array>;
  }

  get rows(): number {
    return this.#rows;
  }

  /** The row that a new course gets; its values are to be put into the arrays. */
  add(id: string): number {
    this.#waiting.push(id);
    const row = this.#rows++;
    this.#ends[row] = (row === 0 ? 0 : this.#ends[row - 1]!) + id.length;
    return row;
  }

  id(row: number): string {
    if (this.#waiting.length > 0) {
      this.#text += this.#waiting.join("");
      this.#waiting = [];
    }
    return this.#text.slice(row === 0 ? 0 : this.#ends[row - 1]!, this.#ends[row]);
  }
}
