import { categoryFeatures } from "./category-features.ts";
import { courseDemand, courseFeatures } from "./course-features.ts";
import { courseFeatureNames } from "./course-view.ts";
import { DEMAND_READING_LENGTH_MAX, readDemandCells } from "./demand-cells.ts";
import { Evaluator } from "./evaluator.ts";
import { offsetOf } from "./feature-set.ts";

const DEMAND = offsetOf(courseDemand);

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
  readonly #cells = new Float64Array(DEMAND_READING_LENGTH_MAX);

  /** The category's part, for the courses evaluated from now on; undefined: unknown, all 0. */
  setCategory(record: Float64Array | undefined, now_ms: number): void {
    const { values, outside } = this.#course;
    if (record === undefined) {
      values.fill(0, outside);
      return;
    }
    const category = this.#category.evaluate(record, now_ms);
    for (let i = 0; i < categoryFeatures.length; i++) values[outside + i] = category[i]!;
  }

  /** A new vector in the order of courseFeatureNames. */
  features(record: Float64Array, now_ms: number): Float64Array {
    return this.#course.evaluate(record, now_ms).slice(0, courseFeatureNames.length);
  }

  /** A new array of occupied demand cells, decayed to now. */
  cells(record: Float64Array, now_ms: number): Float64Array {
    return this.#cells.slice(0, readDemandCells(record, DEMAND, now_ms, this.#cells));
  }
}
