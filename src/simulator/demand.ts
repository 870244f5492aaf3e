import { DAY_MS } from "../lib/time.ts";
import { sigmoid } from "../lib/linear-algebra.ts";
import { TASTE_DIMENSIONS } from "./courses.ts";
import { normalCdf } from "./normal.ts";
import { seasonAt, weekAt } from "./shocks.ts";
import type { WorldParameters } from "./world.ts";

/** γ: pull of a dearer competitor. */
const COMPETITOR_PULL = 0.3;
/** A logistic variable over a normal one of the same spread. */
const PROBIT_SCALE = 1.7;

/** Utility of a course at its reference price, apart from the learner's own part and the calibrated level. */
export function courseUtility(world: WorldParameters, course: number, at_ms: number): number {
  const { courses, categories, shocks } = world;
  const k = courses.category[course]!;
  const week = weekAt(shocks, world.start_ms, at_ms);
  const shock = shocks.category[k * shocks.weeks + week]! + shocks.hidden[course * shocks.weeks + week]!;
  const competitor = COMPETITOR_PULL * shocks.competitor[k * shocks.weeks + week]!;
  const novelty = 0.25 * Math.exp(-Math.max(0, at_ms - courses.launched_ms[course]!) / (45 * DAY_MS));
  const broken = at_ms >= world.break_ms ? categories.break_level[k]! : 0;
  return categories.level[k]! + courses.level[course]! + seasonAt(at_ms) + shock + competitor + novelty + broken;
}

/** Category and course part of log b. */
export function courseLogSensitivity(world: WorldParameters, course: number, at_ms: number): number {
  const { courses, categories } = world;
  const k = courses.category[course]!;
  return categories.log_sensitivity[k]! + courses.log_sensitivity[course]! + (at_ms >= world.break_ms ? categories.break_log_sensitivity[k]! : 0);
}

/** Learner part of utility: inclination and taste, η'ᵢz_c. */
export function learnerUtility(world: WorldParameters, learner: number, course: number): number {
  const { learners, courses } = world;
  let utility = learners.level[learner]!;
  const i = learner * TASTE_DIMENSIONS;
  const c = course * TASTE_DIMENSIONS;
  for (let d = 0; d < TASTE_DIMENSIONS; d++) utility += learners.taste[i + d]! * courses.taste[c + d]!;
  return utility;
}

/**
 * Probability of wanting the course over the outside option. `utility` is at the reference price and `b` the price
 * response; logit is the model of SCIENCE section 3, the others are what the engine's model does not contain.
 */
export function wantProbability(curve: "logit" | "probit" | "linear", utility: number, b: number, price_ratio: number): number {
  if (curve === "logit") return sigmoid(utility - b * Math.log(price_ratio));
  if (curve === "probit") return normalCdf((utility - b * Math.log(price_ratio)) / PROBIT_SCALE);
  const reference = sigmoid(utility);
  return Math.max(0, Math.min(1, reference * (1 - b * (1 - reference) * (price_ratio - 1))));
}

/** Probability of buying the missing tokens; 1 when none are missing. Balances below the price censor demand. */
export function topUpProbability(world: WorldParameters, learner: number, price_tokens: number, balance_tokens: number): number {
  const missing = price_tokens - balance_tokens;
  if (missing <= 0) return 1;
  return Math.exp((-world.config.elasticity_scale * missing) / world.learners.purse_tokens[learner]!);
}
