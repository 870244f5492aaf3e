import { must } from "../lib/assert.ts";
import { courseDetails } from "./course-features.ts";
import { Evaluator } from "./evaluator.ts";
import { outsideFeature } from "./feature-catalogue.ts";
import { featureDefinitions } from "./feature-set.ts";

const details = courseDetails.filter(({ internal }) => !internal);
/** Features of the teacher that details are derived from, as `teacher.<name>`. */
const inputs = [...new Set(details.flatMap(({ source }) => (source.kind === "derived" ? source.from : [])))];

/** What people read of a course beside the vector that prices are made of. */
export const courseDetailNames: readonly string[] = details.map(({ name }) => name);

/** Details of courses from their own and their teachers' records: for datasets, which read many at one moment. */
export class CourseDetailEvaluator {
  readonly #teacher = new Evaluator(featureDefinitions.teacher);
  readonly #course = new Evaluator(details, inputs);
  readonly #inputs = inputs.map((name) => {
    const definition = must(outsideFeature(name), `${name} is no feature of a teacher`);
    return { from: this.#teacher.position(definition.name), into: this.#course.position(name), unknown: definition.default };
  });

  /** Writes them in the order of courseDetailNames; without a teacher's record what is read of it is at its default. */
  fill(course: Float64Array, teacher: Float64Array | undefined, now_ms: number, into: Float64Array, offset: number): void {
    const values = teacher === undefined ? undefined : this.#teacher.evaluate(teacher, now_ms);
    for (const input of this.#inputs) this.#course.values[input.into] = values?.[input.from] ?? input.unknown;
    const all = this.#course.evaluate(course, now_ms);
    for (let i = 0; i < details.length; i++) into[offset + i] = all[i]!;
  }
}
