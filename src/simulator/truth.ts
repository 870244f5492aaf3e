import { must } from "../lib/assert.ts";
import { DAY_MS } from "../lib/time.ts";
import { courseLogSensitivity, courseUtility, learnerUtility, topUpProbability, wantProbability } from "./demand.ts";
import { listPrice, repricedWeek } from "./list-price.ts";
import { BALANCES_KEPT } from "./platform-state.ts";
import type { World } from "./world.ts";

/** Learners that stand for the viewers of one category on one day. */
const SAMPLE = 2_000;
const LOG_PRICE_STEP = 0.02;
const SEARCH_POINTS = 33;

interface CachedSample {
  readonly key: string;
  readonly learners: Uint32Array;
}

const samples = new WeakMap<World, CachedSample[]>();

/**
 * The learners who look at a category's courses, in proportion to how often they do: systematic sampling from the
 * cumulative viewing weights, so that every price and course meets the same learners (common random numbers).
 */
function viewers(world: World, category: number, at_ms: number): Uint32Array {
  const day = Math.min(world.config.weeks * 7, Math.floor((at_ms - world.start_ms) / DAY_MS));
  const cached = samples.get(world) ?? [];
  samples.set(world, cached);
  const key = `${category}:${day}`;
  const found = cached.find((sample) => sample.key === key);
  if (found !== undefined) return found.learners;
  const learners = sampleViewers(world, category, world.start_ms + day * DAY_MS);
  cached.push({ key, learners });
  // Calls walk through time: a few days of all categories are enough.
  if (cached.length > 4 * world.categories.count) cached.shift();
  return learners;
}

function sampleViewers(world: World, category: number, at_ms: number): Uint32Array {
  const { learners, categories, end } = world;
  const cumulative = new Float64Array(learners.count);
  let sum = 0;
  for (let i = 0; i < learners.count; i++) {
    const to = i * categories.count + category;
    const share = learners.category_cdf[to]! - (category === 0 ? 0 : learners.category_cdf[to - 1]!);
    if (learners.registered_ms[i]! <= at_ms && end.churned_ms[i]! > at_ms) sum += learners.rate[i]! * share;
    cumulative[i] = sum;
  }
  const drawn = new Uint32Array(SAMPLE);
  for (let draw = 0, i = 0; draw < SAMPLE; draw++) {
    const target = ((draw + 0.5) / SAMPLE) * sum;
    while (i < learners.count - 1 && cumulative[i]! <= target) i++;
    drawn[draw] = i;
  }
  return drawn;
}

/**
 * Expected enrollments per exposure of a course at any positive price, over the learners who would look at it then:
 * what a model of exposures estimates. Purses are those that the learners' latest views met. Of the owners, who
 * no longer look at the course, nothing is subtracted.
 */
export function trueConversion(world: World, course: number, price: number, at_ms: number): number {
  const { config, courses, learners, end } = world;
  const population = viewers(world, must(courses.category[course], "no such course"), at_ms);
  const level = world.calibration.level + courseUtility(world, course, at_ms);
  const b = config.elasticity_scale * Math.exp(courseLogSensitivity(world, course, at_ms));
  const ratio = price / courses.base_price_tokens[course]!;
  let sum = 0;
  for (let draw = 0; draw < population.length; draw++) {
    const i = population[draw]!;
    const wants = wantProbability(config.curve, level + learnerUtility(world, i, course), b * Math.exp(learners.log_sensitivity[i]!), ratio);
    sum += wants * topUpProbability(world, i, price, end.balance_at_view[i * BALANCES_KEPT + (draw % BALANCES_KEPT)]!);
  }
  return sum / population.length;
}

/** d log conversion / d log price by central difference with common random numbers. */
export function trueElasticity(world: World, course: number, price: number, at_ms: number): number {
  const up = trueConversion(world, course, price * Math.exp(LOG_PRICE_STEP), at_ms);
  const down = trueConversion(world, course, price * Math.exp(-LOG_PRICE_STEP), at_ms);
  return Math.log(up / down) / (2 * LOG_PRICE_STEP);
}

/** List price that the history's price setter had in force. */
export function listPriceAt(world: World, course: number, at_ms: number): number {
  return listPrice(world, course, repricedWeek(world, course, at_ms));
}

export interface CategoryElasticity {
  readonly category: string;
  readonly courses: number;
  /** Mean over the launched courses at their list prices, plain and weighted by expected sales; and the spread. */
  readonly mean: number;
  readonly sales_weighted: number;
  readonly sd: number;
}

export function trueCategoryElasticities(world: World, at_ms: number): CategoryElasticity[] {
  const { courses, categories } = world;
  return categories.names.map((category, k) => {
    let n = 0;
    let sum = 0;
    let square = 0;
    let sales = 0;
    let weighted = 0;
    for (let c = 0; c < courses.count; c++) {
      if (courses.category[c] !== k || courses.launched_ms[c]! > at_ms) continue;
      const price = listPriceAt(world, c, at_ms);
      const elasticity = trueElasticity(world, c, price, at_ms);
      const weight = courses.popularity[c]! * trueConversion(world, c, price, at_ms);
      n++;
      sum += elasticity;
      square += elasticity * elasticity;
      sales += weight;
      weighted += weight * elasticity;
    }
    const mean = sum / n;
    return { category, courses: n, mean, sales_weighted: weighted / sales, sd: Math.sqrt(Math.max(0, square / n - mean * mean)) };
  });
}

export interface OraclePrice {
  readonly price: number;
  readonly revenue_per_exposure: number;
}

/**
 * The integer price in [low, high] with the highest expected revenue per exposure on the true curve; bounds default to
 * half and twice the reference price. A log-spaced scan, then every integer between the best point's neighbours.
 */
export function oraclePrice(world: World, course: number, at_ms: number, bounds?: { readonly low: number; readonly high: number }): OraclePrice {
  const reference = must(world.courses.base_price_tokens[course], "no such course");
  const low = Math.max(1, Math.ceil(bounds?.low ?? reference / 2));
  const high = Math.max(low, Math.floor(bounds?.high ?? reference * 2));
  const point = (index: number): number => Math.round(low * (high / low) ** (Math.max(0, Math.min(SEARCH_POINTS - 1, index)) / (SEARCH_POINTS - 1)));
  let best: OraclePrice = { price: low, revenue_per_exposure: Number.NEGATIVE_INFINITY };
  const consider = (price: number): boolean => {
    const revenue_per_exposure = price * trueConversion(world, course, price, at_ms);
    if (revenue_per_exposure <= best.revenue_per_exposure) return false;
    best = { price, revenue_per_exposure };
    return true;
  };
  let best_index = 0;
  for (let index = 0; index < SEARCH_POINTS; index++) if (consider(point(index))) best_index = index;
  const to = point(best_index + 1);
  for (let price = point(best_index - 1) + 1; price < to; price++) consider(price);
  return best;
}
