import { sigmoid } from "../lib/linear-algebra.ts";
import type { Prng } from "../lib/prng.ts";
import { DAY_MS } from "../lib/time.ts";
import { learnerUtility } from "./demand.ts";
import type { WorldParameters } from "./world.ts";

export type StudyKind = "session" | "assignment" | "forum" | "completed" | "dropped" | "refunded";

/** An enrollment, whose fate is drawn. */
export interface Study {
  readonly learner: number;
  readonly course: number;
  readonly price: number;
  readonly at_ms: number;
  readonly enrollment: number;
}

/** Something that is to happen to a study; `value` is the price, the minutes or the score. */
export type PlanStudy = (at_ms: number, kind: StudyKind, study: Study, value: number) => void;

/** Days of the enrollment's own on which nothing happens yet. */
export const DAYS_BEFORE = 1;
/** A refund comes within this many days after those. */
export const REFUND_DAYS = 6;
/** Studies last exp(N(log median, sd²)) days. */
export const DURATION_MEDIAN_DAYS = 25;
export const DURATION_LOG_SD = 0.5;
/** Of those who do not complete, the share that say so; the others just stop. */
export const DROPPED_SHARE = 0.5;
/** Activities of one study, on average; they spread evenly over its duration, whether it is dropped or not. */
export const ACTIVITIES = { session: 1, assignment: 0.35, forum: 0.1 } as const;
type Activity = keyof typeof ACTIVITIES;

/** Probability that an enrollment is refunded: the dearer, the likelier. */
export function refundProbability({ courses }: WorldParameters, { course, price }: Pick<Study, "course" | "price">): number {
  return sigmoid(-3.3 + Math.log(price / courses.base_price_tokens[course]!));
}

/** Probability that what was not refunded is completed: quality, taste and an easy course help. */
export function completionProbability(world: WorldParameters, { learner, course }: Pick<Study, "learner" | "course">): number {
  const match = world.courses.level[course]! + learnerUtility(world, learner, course);
  return sigmoid(0.1 + 0.4 * match - 0.25 * (world.courses.difficulty[course]! - 1.5));
}

export function drawActivity(random: Prng, kind: Activity): number {
  if (kind === "session") return Math.min(240, 5 + Math.round(random.exponential(1 / 30)));
  return kind === "assignment" ? Math.round(100 * random.uniform() ** 0.5) / 100 : 0;
}

/** Draws what will become of an enrollment. Nothing of it falls on the day of the enrollment. */
export function planStudy(world: WorldParameters, study: Study, random: Prng, plan: PlanStudy): void {
  const later = (days: number): number => study.at_ms + (DAYS_BEFORE + days) * DAY_MS;
  if (random.uniform() < refundProbability(world, study)) return plan(later(REFUND_DAYS * random.uniform()), "refunded", study, study.price);
  const duration = DURATION_MEDIAN_DAYS * Math.exp(DURATION_LOG_SD * random.normal());
  const end = random.uniform();
  const completes = completionProbability(world, study);
  if (end < completes) plan(later(duration), "completed", study, study.price);
  else if (end < completes + DROPPED_SHARE * (1 - completes)) plan(later(duration * random.uniform()), "dropped", study, study.price);
  for (const kind of ["session", "assignment", "forum"] as const) {
    for (let n = random.poisson(ACTIVITIES[kind]); n > 0; n--) plan(later(duration * random.uniform()), kind, study, drawActivity(random, kind));
  }
}
