import { categoryFeatures } from "./category-features.ts";
import { courseDemand, courseFeatures, courseJitterDemand } from "./course-features.ts";
import { courseFeatureNames } from "./course-view.ts";
import { DEMAND_READING_LENGTH_MAX, readDemandCells } from "./demand-cells.ts";
import { JITTER_READING_LENGTH_MAX, readJitterCells } from "./jitter-cells.ts";
import { Evaluator } from "./evaluator.ts";
import { offsetOf } from "./feature-set.ts";

const DEMAND = offsetOf(courseDemand);
const JITTER = offsetOf(courseJitterDemand);

/**
 * Course features and demand cells from a course's and its category's records: the one way that serving and the dataset
 * replay read them.
 */
export class CourseEvaluator {
  readonly #category = new Evaluator(categoryFeatures);
  readonly #course = new Evaluator(
    courseFeatures,
    categoryFeatures.map((definition) => `category.${definition.name}`),
  );
  readonly #cells = new Float64Array(Math.max(DEMAND_READING_LENGTH_MAX, JITTER_READING_LENGTH_MAX));

  /** The category's features at a time, copied: what `features` may be given for many courses. */
  category(record: Float64Array, now_ms: number): Float64Array {
    return copy(this.#category.evaluate(record, now_ms), categoryFeatures.length);
  }

  /** A new vector in the order of courseFeatureNames. `category` undefined: unknown, all 0. */
  features(record: Float64Array, now_ms: number, category: Float64Array | undefined): Float64Array {
    const { values, outside } = this.#course;
    if (category === undefined) values.fill(0, outside);
    else for (let i = 0; i < category.length; i++) values[outside + i] = category[i]!;
    return copy(this.#course.evaluate(record, now_ms), courseFeatureNames.length);
  }

  /** A new array of occupied demand cells, decayed to now. */
  cells(record: Float64Array, now_ms: number): Float64Array {
    return copy(this.#cells, readDemandCells(record, DEMAND, now_ms, this.#cells));
  }

  /** A new array of occupied cells of the price's random part, decayed to now; empty where no price has one. */
  jitterCells(record: Float64Array, now_ms: number): Float64Array {
    return copy(this.#cells, readJitterCells(record, JITTER, now_ms, this.#cells));
  }
}

/** The first numbers of an array; for a few dozen, several times faster than `slice`. */
function copy(from: Float64Array, length: number): Float64Array {
  const to = new Float64Array(length);
  for (let i = 0; i < length; i++) to[i] = from[i]!;
  return to;
}
