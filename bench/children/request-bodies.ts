import { Prng } from "../../src/lib/prng.ts";
import { courseId, learnerId } from "../../src/simulator/ids.ts";
import { BATCH_COURSES, type LoadOptions } from "./load-options.ts";

const price_points = [40, 50, 60, 70, 80, 90, 100, 120, 140, 160];
const categories = ["programming", "data-science"];
const LEARNERS = 10_000;

/** Bodies of requests, in turn; every course is asked for equally often, in a seeded order. */
export class RequestBodies {
  /** No two of them are the same. */
  readonly made_anew: boolean;
  readonly #options: LoadOptions;
  readonly #random: Prng;
  readonly #order: readonly string[];
  #number = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.made_anew = options.bodies === "unique" || options.bodies === "new";
    // What is locked is the same in every run; everything else is drawn by the seed.
    this.#random = new Prng(options.bodies === "locked" ? "load" : `load/${options.seed}`);
    this.#order = shuffled(options.course_ids ?? Array.from({ length: options.courses }, (_, course) => courseId(course)), this.#random);
  }

  next(): string {
    return JSON.stringify(this.#body(this.#number++));
  }

  #body(number: number): object {
    const order = this.#order;
    const random = this.#random;
    const { bodies, learners = LEARNERS } = this.#options;
    const course_id = order[number % order.length]!;
    switch (bodies) {
      case "course":
        return { course_id };
      case "predict":
        return { course_id, price_points };
      case "unique":
        return { course_features: { category: categories[random.integer(2)], base_price: 20 + random.integer(400_000) }, price_points };
      case "batch":
        return { course_ids: Array.from({ length: BATCH_COURSES }, (_, i) => order[(number * BATCH_COURSES + i) % order.length]) };
      case "locked":
        return { learner_id: learnerId(number % learners), course_id };
      case "new":
        return { learner_id: learnerId(random.integer(learners)), course_id: order[random.integer(order.length)] };
    }
  }
}

function shuffled(items: readonly string[], random: Prng): readonly string[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
