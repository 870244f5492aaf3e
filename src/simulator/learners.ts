import { Prng } from "../lib/prng.ts";
import { DAY_MS } from "../lib/time.ts";
import { populationSeed, type PlatformConfig } from "./config.ts";
import { TASTE_DIMENSIONS, type Categories } from "./courses.ts";

export const devices = ["desktop", "mobile", "tablet"] as const;
export const goals = ["career", "degree", "hobby"] as const;
export const countries = ["US", "GB", "DE", "IN", "BR", "NG", "FR", "JP"] as const;

/** Columns of the learner population. `log_sensitivity` and everything that demand uses is truth; attributes are seen. */
export interface Learners {
  readonly count: number;
  readonly registered_ms: Float64Array;
  readonly device: Uint8Array;
  readonly goal: Uint8Array;
  readonly employer_paid: Uint8Array;
  readonly country: Uint8Array;
  /** Sessions relative to the average learner. */
  readonly rate: Float64Array;
  /** Learner part of log b: the attributes' share, then the whole. */
  readonly log_sensitivity_seen: Float64Array;
  readonly log_sensitivity: Float64Array;
  /** Inclination to enroll at all. */
  readonly level: Float64Array;
  readonly taste: Float32Array;
  /** Cumulative choice of category, learners × categories. */
  readonly category_cdf: Float32Array;
  /** Shortfall at which the readiness to buy tokens has fallen to 1/e, tokens. */
  readonly purse_tokens: Float64Array;
  /** Hidden part of the churn hazard. */
  readonly restlessness: Float64Array;
}

const LOG_RATE_SD = 1.5;
/** Beyond this many standard deviations one learner would look at more courses than there are. */
const LOG_RATE_Z_MAX = 3;
const DEVICE_EFFECT = [-0.22, 0.2, 0.05];
const GOAL_EFFECT = [-0.32, 0.06, 0.34];
const EMPLOYER_EFFECT = -0.5;
const DEVICE_SHARE = [0.4, 0.5, 0.1];
const GOAL_SHARE = [0.4, 0.3, 0.3];
const EMPLOYER_SHARE = 0.15;
/** Hidden over seen standard deviation of the learner's part of log b: 1/(1 + 0.8²) = 61 % of the variance is seen. */
const HIDDEN_RATIO = 0.8;

function pick(shares: readonly number[], u: number): number {
  let k = 0;
  for (let sum = shares[0]!; u >= sum && k < shares.length - 1; sum += shares[k]!) k++;
  return k;
}

function standardDeviation(values: Float64Array): number {
  let mean = 0;
  for (const value of values) mean += value / values.length;
  let variance = 0;
  for (const value of values) variance += (value - mean) ** 2 / values.length;
  return Math.sqrt(variance);
}

function centre(values: Float64Array): void {
  let mean = 0;
  for (const value of values) mean += value / values.length;
  for (let i = 0; i < values.length; i++) values[i]! -= mean;
}

/** Draws the learners. Country has no effect on anything. */
export function drawLearners(config: PlatformConfig, start_ms: number, categories: Categories): Learners {
  const n = config.learners;
  const k = categories.count;
  const random = new Prng(`${populationSeed(config)}:learners`);
  const learners: Learners = {
    count: n,
    registered_ms: new Float64Array(n),
    device: new Uint8Array(n),
    goal: new Uint8Array(n),
    employer_paid: new Uint8Array(n),
    country: new Uint8Array(n),
    rate: new Float64Array(n),
    log_sensitivity_seen: new Float64Array(n),
    log_sensitivity: new Float64Array(n),
    level: new Float64Array(n),
    taste: new Float32Array(n * TASTE_DIMENSIONS),
    category_cdf: new Float32Array(n * k),
    purse_tokens: new Float64Array(n),
    restlessness: new Float64Array(n),
  };
  const span_ms = config.end_ms - start_ms;
  for (let i = 0; i < n; i++) {
    const before = random.uniform() < 0.6 || i === 0;
    const when = random.uniform();
    learners.registered_ms[i] = Math.floor(before ? start_ms - when * 400 * DAY_MS : start_ms + when * 0.95 * span_ms);
    learners.device[i] = pick(DEVICE_SHARE, random.uniform());
    learners.goal[i] = pick(GOAL_SHARE, random.uniform());
    learners.employer_paid[i] = random.uniform() < EMPLOYER_SHARE ? 1 : 0;
    learners.country[i] = random.integer(countries.length);
    const z = Math.max(-LOG_RATE_Z_MAX, Math.min(LOG_RATE_Z_MAX, random.normal()));
    learners.rate[i] = Math.exp(LOG_RATE_SD * z - (LOG_RATE_SD * LOG_RATE_SD) / 2);
    learners.log_sensitivity_seen[i] = DEVICE_EFFECT[learners.device[i]!]! + GOAL_EFFECT[learners.goal[i]!]! + EMPLOYER_EFFECT * learners.employer_paid[i]!;
    learners.level[i] = 0.5 * random.normal();
    for (let d = 0; d < TASTE_DIMENSIONS; d++) learners.taste[i * TASTE_DIMENSIONS + d] = random.normal();
    learners.purse_tokens[i] = 200 * Math.exp(0.4 * random.normal()) * (learners.employer_paid[i] === 1 ? 2 : 1);
    learners.restlessness[i] = 0.4 * random.normal();
    drawCategoryChoice(learners, categories, i, random);
  }
  centre(learners.log_sensitivity_seen);
  const hidden = HIDDEN_RATIO * standardDeviation(learners.log_sensitivity_seen);
  for (let i = 0; i < n; i++) learners.log_sensitivity[i] = learners.log_sensitivity_seen[i]! + hidden * random.normal();
  return learners;
}

function drawCategoryChoice(learners: Learners, categories: Categories, i: number, random: Prng): void {
  const k = categories.count;
  let sum = 0;
  for (let category = 0; category < k; category++) {
    let match = 0;
    for (let d = 0; d < TASTE_DIMENSIONS; d++) match += learners.taste[i * TASTE_DIMENSIONS + d]! * categories.centroid[category * TASTE_DIMENSIONS + d]!;
    sum += Math.exp(0.8 * match + 0.6 * random.normal());
    learners.category_cdf[i * k + category] = sum;
  }
  for (let category = 0; category < k; category++) learners.category_cdf[i * k + category]! /= sum;
  learners.category_cdf[i * k + k - 1] = 1;
}
