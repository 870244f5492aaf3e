import type { Event, EventType } from "../contracts/events.ts";
import { must } from "../lib/assert.ts";
import { formatTime } from "../lib/time.ts";
import { difficulties, tiers } from "./courses.ts";
import { courseId, enrollmentId, learnerId, teacherId } from "./ids.ts";
import { countries, devices, goals } from "./learners.ts";
import { jitterOf } from "./list-price.ts";
import type { WorldParameters } from "./world.ts";

/** The types that the simulator produces. */
export type FactType = Exclude<EventType, "learner.erased">;

/**
 * Something that happened, in ordinals: what the simulation core reports, a million times, without building objects.
 * `value` is the price, amount, minutes, score or rating; `extra` the enrollment, the repricing week or a flag.
 */
export type FactSink = (type: FactType, at_ms: number, learner: number, course: number, value: number, extra: number) => void;

/** Turns facts into events; keeps the id texts. */
export class EventBuilder {
  readonly #world: WorldParameters;
  readonly #courses: string[];
  readonly #learners: string[];

  constructor(world: WorldParameters) {
    this.#world = world;
    this.#courses = Array.from({ length: world.courses.count }, (_, c) => courseId(c));
    this.#learners = Array.from({ length: world.learners.count }, (_, i) => learnerId(i));
  }

  courseId(course: number): string {
    return must(this.#courses[course], "no such course");
  }

  learnerId(learner: number): string {
    return must(this.#learners[learner], "no such learner");
  }

  build(id: string, type: FactType, at_ms: number, learner: number, course: number, value: number, extra: number): Event {
    const time = formatTime(at_ms);
    const course_id = this.#courses[course] ?? "";
    const learner_id = this.#learners[learner] ?? "";
    switch (type) {
      case "exposure.viewed":
        return { id, type, time, course_id, learner_id, price: value };
      case "enrollment.created":
        return { id, type, time, enrollment_id: enrollmentId(extra), course_id, learner_id, price: value };
      case "enrollment.completed":
      case "enrollment.dropped":
      case "enrollment.refunded":
        return { id, type, time, enrollment_id: enrollmentId(extra), course_id, learner_id };
      case "token.spent":
      case "token.refunded":
        return { id, type, time, learner_id, amount: value, course_id };
      case "token.purchased":
      case "token.earned":
      case "token.expired":
        return { id, type, time, learner_id, amount: value };
      case "activity.session":
        return { id, type, time, learner_id, course_id, minutes: value };
      case "activity.assignment":
        return { id, type, time, learner_id, course_id, submitted: extra === 1, score: value };
      case "activity.forum":
        return { id, type, time, learner_id, course_id };
      case "activity.rating":
        return { id, type, time, learner_id, course_id, rating: value };
      case "course.repriced": {
        const jitter = extra < 0 ? undefined : jitterOf(this.#world, course, extra, value);
        return jitter === undefined ? { id, type, time, course_id, price: value } : { id, type, time, course_id, price: value, jitter };
      }
      case "market.competitor_price":
        return { id, type, time, category: must(this.#world.categories.names[course], "no such category"), price: value };
      case "course.upserted":
        return this.#course(id, time, course);
      case "learner.upserted":
        return this.#learner(id, time, learner);
      case "teacher.upserted":
        return { id, type, time, teacher_id: teacherId(extra), quality_score: value };
    }
  }

  #course(id: string, time: string, course: number): Event {
    const { courses, categories } = this.#world;
    const category = must(categories.names[courses.category[course]!], "no such category");
    return {
      id,
      type: "course.upserted",
      time,
      course_id: this.courseId(course),
      teacher_id: teacherId(courses.teacher[course]!),
      category,
      difficulty_level: must(difficulties[courses.difficulty[course]!], "no such difficulty"),
      quality_tier: must(tiers[courses.tier[course]!], "no such tier"),
      base_price: courses.base_price_tokens[course]!,
      launched_at: formatTime(courses.launched_ms[course]!),
      title: `${category} ${course}`,
    };
  }

  #learner(id: string, time: string, learner: number): Event {
    const { learners } = this.#world;
    return {
      id,
      type: "learner.upserted",
      time,
      learner_id: this.learnerId(learner),
      registered_at: formatTime(learners.registered_ms[learner]!),
      country: must(countries[learners.country[learner]!], "no such country"),
      attributes: {
        device: must(devices[learners.device[learner]!], "no such device"),
        goal: must(goals[learners.goal[learner]!], "no such goal"),
        employer_paid: learners.employer_paid[learner] === 1,
      },
    };
  }
}
