import { TidemarkError } from "../lib/errors.ts";
import { logit } from "../lib/linear-algebra.ts";
import type { PlatformConfig } from "./config.ts";
import { drawCategories, drawCourses, type Categories, type Courses } from "./courses.ts";
import { HistoryRun } from "./history-run.ts";
import { drawLearners, type Learners } from "./learners.ts";
import type { PlatformState } from "./platform-state.ts";
import { drawShocks, WEEK_MS, type Shocks } from "./shocks.ts";

/** The true parameters, before calibration. */
export interface WorldParameters {
  readonly config: PlatformConfig;
  readonly start_ms: number;
  /** When taste and price response break. */
  readonly break_ms: number;
  readonly categories: Categories;
  readonly courses: Courses;
  readonly learners: Learners;
  readonly shocks: Shocks;
}

export interface Calibration {
  /** Added to every utility, so that conversion comes out as configured. */
  readonly level: number;
  /** Sessions a day per unit of learner rate. */
  readonly sessions_per_rate_day: number;
}

/** A platform with known ground truth. Nothing of it but the events may reach the engine. */
export interface World extends WorldParameters {
  readonly calibration: Calibration;
  /** The state that the history ends in. Shared: copy it before running on from it. */
  readonly end: PlatformState;
  /** What the history holds; repeated deliveries are not counted. */
  readonly totals: { readonly events: number; readonly exposures: number; readonly enrollments: number };
}

const CALIBRATION_ROUNDS_MAX = 10;
/** Variety among learners and purses flattens conversion: the level must move further than the logit says. */
const LEVEL_STEP = 1.2;
const SESSIONS_GROWTH_MAX = 8;
/** Relative misses of enrollments and conversion: good enough to stop at, and the most that is accepted in the end. */
const MISS_STOP = 0.015;
const MISS_MAX = 0.03;

/**
 * Draws a platform and runs its history until conversion and enrollments come out as configured. The calibration of
 * an earlier call with the same config, when given, saves all rounds but one.
 */
export function createWorld(config: PlatformConfig, known?: Calibration): World {
  const world = drawWorld(config);
  return known === undefined ? calibrate(world) : run(world, known);
}

/** The parameters alone, without calibration and history. */
export function drawWorld(config: PlatformConfig): WorldParameters {
  const start_ms = config.end_ms - config.weeks * WEEK_MS;
  const categories = drawCategories(config);
  return {
    config,
    start_ms,
    break_ms: start_ms + 0.6 * config.weeks * WEEK_MS,
    categories,
    courses: drawCourses(config, start_ms, categories),
    learners: drawLearners(config, start_ms, categories),
    shocks: drawShocks(config, categories.count),
  };
}

function firstGuess({ config, learners }: WorldParameters): Calibration {
  // Four views a session; about seven in ten learner-days are active.
  const rate_days = 0.7 * config.weeks * 7 * learners.rate.reduce((sum, rate) => sum + rate, 0);
  return { level: logit(config.conversion) - 0.5, sessions_per_rate_day: config.enrollments / config.conversion / (4 * rate_days) };
}

function run(world: WorldParameters, calibration: Calibration): World {
  let events = 0;
  const history = new HistoryRun(world, calibration, () => events++);
  for (let day = 0; day < history.days; day++) history.runDay();
  const { exposures, state } = history;
  return { ...world, calibration, end: state, totals: { events, exposures, enrollments: state.enrollments } };
}

/**
 * Fixed-point iteration on the level (conversion) and the session rate (exposures). A small platform's counts jump
 * about as √enrollments from round to round, so the best round is kept and judged by that.
 */
function calibrate(world: WorldParameters): World {
  const { config } = world;
  const exposures = config.enrollments / config.conversion;
  const first = firstGuess(world);
  let { level, sessions_per_rate_day } = first;
  let best: World | undefined;
  let best_miss = Math.max(MISS_MAX, 3 / Math.sqrt(config.enrollments));
  // Views that find nothing left to look at would multiply without end.
  const sessions_max = SESSIONS_GROWTH_MAX * first.sessions_per_rate_day;
  for (let round = 0; round < CALIBRATION_ROUNDS_MAX && sessions_per_rate_day <= sessions_max; round++) {
    const made = run(world, { level, sessions_per_rate_day });
    const conversion = Math.max(made.totals.enrollments, 0.5) / Math.max(made.totals.exposures, 1);
    const miss = Math.max(Math.abs(made.totals.enrollments / config.enrollments - 1), Math.abs(conversion / config.conversion - 1) / 2);
    if (miss <= best_miss) {
      best = made;
      best_miss = miss;
    }
    if (miss <= MISS_STOP) break;
    level += LEVEL_STEP * (logit(config.conversion) - logit(Math.min(0.999, conversion)));
    sessions_per_rate_day *= exposures / Math.max(made.totals.exposures, 1);
  }
  if (best !== undefined) return best;
  throw new TidemarkError("invalid_platform", `${config.learners} learners and ${config.courses} courses cannot make ${config.enrollments} enrollments in ${config.weeks} weeks`);
}
