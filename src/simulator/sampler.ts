import { assert } from "../lib/assert.ts";
import { DAY_MS } from "../lib/time.ts";
import type { WorldParameters } from "./world.ts";

/** First index whose cumulative weight exceeds `target`, within [from, to). */
function search(cumulative: Float64Array, from: number, to: number, target: number): number {
  let low = from;
  let high = to - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cumulative[middle]! > target) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** How much attention a course gets for its age: a launch burst, then a slow fade. */
export function attention(age_ms: number): number {
  if (age_ms < 0) return 0;
  return (1 + 2 * Math.exp(-age_ms / (30 * DAY_MS))) * Math.exp(-age_ms / (900 * DAY_MS));
}

/**
 * Who looks at what: learners by their rate, a category by taste, a course in it by popularity and age. No prices
 * enter, so exposures are exogenous to them. `rebuild` refreshes the weights; between calls they stand still.
 */
export class ViewSampler {
  readonly #world: WorldParameters;
  readonly #learners: Float64Array;
  /** Courses of each category side by side, and the cumulative weights in that order. */
  readonly #ordered: Uint32Array;
  readonly #from: Uint32Array;
  readonly #courses: Float64Array;

  constructor(world: WorldParameters) {
    const { courses, categories } = world;
    this.#world = world;
    this.#learners = new Float64Array(world.learners.count);
    this.#courses = new Float64Array(courses.count);
    this.#from = new Uint32Array(categories.count + 1);
    for (let c = 0; c < courses.count; c++) this.#from[courses.category[c]! + 1]!++;
    for (let k = 0; k < categories.count; k++) this.#from[k + 1]! += this.#from[k]!;
    const next = this.#from.slice();
    this.#ordered = new Uint32Array(courses.count);
    for (let c = 0; c < courses.count; c++) this.#ordered[next[courses.category[c]!]!++] = c;
  }

  rebuild(at_ms: number, churned: Uint8Array): void {
    const { learners, courses, categories } = this.#world;
    let sum = 0;
    for (let i = 0; i < learners.count; i++) {
      if (churned[i] === 0 && learners.registered_ms[i]! <= at_ms) sum += learners.rate[i]!;
      this.#learners[i] = sum;
    }
    for (let k = 0; k < categories.count; k++) {
      sum = 0;
      for (let position = this.#from[k]!; position < this.#from[k + 1]!; position++) {
        const c = this.#ordered[position]!;
        sum += courses.popularity[c]! * attention(at_ms - courses.launched_ms[c]!);
        this.#courses[position] = sum;
      }
    }
  }

  /** Sum of the active learners' rates. */
  activity(): number {
    return this.#learners[this.#learners.length - 1]!;
  }

  learner(u: number): number {
    assert(this.activity() > 0, "nobody is left on the platform");
    return search(this.#learners, 0, this.#learners.length, u * this.activity());
  }

  course(learner: number, u_category: number, u_course: number): number {
    const k = this.#world.categories.count;
    const cdf = this.#world.learners.category_cdf;
    let category = 0;
    while (category < k - 1 && cdf[learner * k + category]! <= u_category) category++;
    const from = this.#from[category]!;
    const to = this.#from[category + 1]!;
    return this.#ordered[search(this.#courses, from, to, u_course * this.#courses[to - 1]!)]!;
  }
}
