import { sigmoid } from "../lib/linear-algebra.ts";
import { Prng } from "../lib/prng.ts";

export interface PricingScenario {
  readonly seed: number;
  readonly courses: number;
  readonly categories: number;
  readonly days: number;
  readonly visits_a_day: number;
}

export const pricingScenario: Omit<PricingScenario, "seed"> = { courses: 300, categories: 8, days: 120, visits_a_day: 25 };

/** Every course's list price at first; prices stay within ×/÷ 2 of it. */
export const SCENARIO_START = 100;
export const SCENARIO_FLOOR = SCENARIO_START / 2;
export const SCENARIO_CEILING = SCENARIO_START * 2;

const CATEGORY_SLOPE = { low: 1.2, high: 3 };
const COURSE_SLOPE_SD = 0.35;
const SLOPE_MIN = 0.4;
const LEVEL = { mean: -1.5, sd: 0.6 };

/** A course whose viewers enroll with probability σ(level − slope·log(price / start)). */
export interface ScenarioCourse {
  readonly course_id: string;
  readonly category: string;
  readonly level: number;
  readonly slope: number;
  /** Expected revenue per view of the best whole price in bounds. */
  readonly best: number;
}

export function scenarioConversion({ level, slope }: Pick<ScenarioCourse, "level" | "slope">, price: number): number {
  return sigmoid(level - slope * Math.log(price / SCENARIO_START));
}

/** Courses of logit demand in categories of different slopes: the true curves, which never change. */
export function drawPricingScenario({ seed, courses, categories }: Pick<PricingScenario, "seed" | "courses" | "categories">): ScenarioCourse[] {
  const random = new Prng(`pricing:${seed}`);
  const slopes = Array.from({ length: categories }, () => CATEGORY_SLOPE.low + (CATEGORY_SLOPE.high - CATEGORY_SLOPE.low) * random.uniform());
  return Array.from({ length: courses }, (_, c) => {
    const k = c % categories;
    const slope = Math.max(SLOPE_MIN, slopes[k]! + COURSE_SLOPE_SD * random.normal());
    const level = LEVEL.mean + LEVEL.sd * random.normal();
    let best = 0;
    for (let price = SCENARIO_FLOOR; price <= SCENARIO_CEILING; price++) best = Math.max(best, price * scenarioConversion({ level, slope }, price));
    return { course_id: `c${c}`, category: `k${k}`, level, slope, best };
  });
}
