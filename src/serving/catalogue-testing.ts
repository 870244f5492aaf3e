import type { Artifact } from "../contracts/artifact.ts";
import { type CategoriesAnswer, type CourseDetail, type CoursesAnswer, categoriesAnswerSchema, courseDetailSchema, coursesAnswerSchema } from "../contracts/catalogue.ts";
import type { Event } from "../contracts/events.ts";
import { type Problem, problemSchema } from "../contracts/problem.ts";
import { assert } from "../lib/assert.ts";
import { DAY_MS, formatTime } from "../lib/time.ts";
import { START_MS, testArtifact, TestEngine } from "./testing.ts";

const base = testArtifact();
/** With an estimate of c1's own. */
export const catalogueArtifact: Artifact = {
  ...base,
  elasticity: { ...base.elasticity, courses: { c1: { value: -2.1, se: 0.3, sales: 40, identified: true, source: "course", prior: { value: -1.9, se: 0.35 } } } },
};

/** An engine with a model of the two courses and their sales. */
export async function catalogueEngine(): Promise<TestEngine> {
  const engine = new TestEngine();
  engine.foldCatalogue();
  engine.promote(catalogueArtifact);
  await engine.models.check();
  await engine.degradation.check();
  return engine;
}

/** Asks an engine for its catalogue, and holds every answer to its schema. */
export class CatalogueClient {
  readonly #engine: TestEngine;

  constructor(engine: TestEngine) {
    this.#engine = engine;
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return Promise.resolve(this.#engine.app.request(path, { headers }));
  }

  async categories(path = "/categories"): Promise<CategoriesAnswer> {
    return categoriesAnswerSchema.strict().parse(await this.#ok(path));
  }

  async courses(path = "/courses"): Promise<CoursesAnswer> {
    return coursesAnswerSchema.strict().parse(await this.#ok(path));
  }

  async course(id: string): Promise<CourseDetail> {
    return courseDetailSchema.strict().parse(await this.#ok(`/courses/${id}`));
  }

  /** Every page from a path on. */
  async pages(path: string, onPage: () => void = () => undefined): Promise<CoursesAnswer[]> {
    const all: CoursesAnswer[] = [];
    for (let next: string | null = path; next !== null; next = all.at(-1)!.next) {
      all.push(await this.courses(next));
      onPage();
    }
    return all;
  }

  async problem(path: string): Promise<Problem> {
    const response = await this.get(path);
    const body = problemSchema.strict().parse(await response.json());
    assert(body.status === response.status, `${path}: status ${response.status}, but ${body.status} in the body`);
    return body;
  }

  async #ok(path: string): Promise<unknown> {
    const response = await this.get(path);
    assert(response.status === 200, `${path}: ${response.status}`);
    return response.json();
  }
}

export const ids = ({ courses }: CoursesAnswer): string[] => courses.map(({ course_id }) => course_id);

export function upserted(course_id: string, category = "programming", teacher_id = "t1", base_price = 50): Event {
  const time = formatTime(START_MS - DAY_MS);
  return { id: `up-${course_id}-${category}`, type: "course.upserted", time, course_id, teacher_id, category, difficulty_level: "beginner", quality_tier: "basic", base_price, launched_at: time, title: `About ${course_id}`, prerequisites: ["c1"] };
}

export const viewed = (course_id: string, price: number, time_ms: number): Event => ({ id: `v-${course_id}-${time_ms}`, type: "exposure.viewed", time: formatTime(time_ms), course_id, learner_id: "l1", price });
export const rated = (course_id: string, rating: number): Event => ({ id: `r-${course_id}`, type: "activity.rating", time: formatTime(START_MS), learner_id: "l1", course_id, rating });
export const repriced = (course_id: string, price: number, time_ms: number): Event => ({ id: `p-${course_id}-${time_ms}-${price}`, type: "course.repriced", time: formatTime(time_ms), course_id, price });
