import type { PriceTrial } from "../features/price-trial.ts";
import { Prng } from "../lib/prng.ts";

export interface ElasticityScenario {
  readonly seed: number | string;
  /** Sales a course over the whole time, on average. */
  readonly sales: number;
  /** Standard deviation of the random, logged part of log price. 0: the price setter draws nothing. */
  readonly sigma: number;
  /** Weight ρ with which the price setter follows demand that the estimator does not see. */
  readonly chase: number;
  /** Standard deviation of courses' elasticities around their category's. */
  readonly tau_course: number;
  /** Range that the categories' elasticities are drawn from. */
  readonly category_low: number;
  readonly category_high: number;
  readonly courses: number;
  readonly categories: number;
  readonly days: number;
}

export const elasticityScenario: Omit<ElasticityScenario, "seed"> = {
  sales: 255,
  sigma: 0.1,
  chase: 0.5,
  tau_course: 0.3,
  category_low: -2.2,
  category_high: -0.8,
  courses: 400,
  categories: 8,
  days: 180,
};

export interface ElasticityTruth {
  readonly trials: PriceTrial[];
  readonly global: number;
  readonly categories: ReadonlyMap<string, number>;
  /** By course_id. */
  readonly courses: ReadonlyMap<string, number>;
}

/** Sales a course at a base of 2 a day, at the default elasticities: what `sales` are scaled from. */
const BASE = 2;
const SALES_AT_BASE = 255;
const QUALITY_SD = 0.6;
const QUALITY_PRICE = 0.4;
const SEASON = { amplitude: 0.3, days: 30 };
const SHOCK = { persistence: 0.9, innovation_sd: 0.15 };
/** Gamma of mean 1 and variance 0.2. */
const NOISE = { shape: 5, scale: 0.2 };
/** Visits a day: many, the same at any price, and not what sales are counted by. */
const EXPOSURES = 1e6;

/**
 * Daily sales of courses whose prices are confounded: quality raises both price and demand, and the price setter chases a hidden shock and the season.
 * log price = 0.4a + ρ(shock + season) + v with v ~ N(0, σ²) logged; sales ~ Poisson(exp(a + shock + season + e·log price)·Gamma). Fewer sales are
 * fewer visits, not other prices.
 */
export function drawElasticityScenario(scenario: ElasticityScenario): ElasticityTruth {
  const { seed, sales, sigma, chase, tau_course, category_low, category_high, days } = scenario;
  const random = new Prng(`elasticity:${seed}`);
  const categories = new Map(Array.from({ length: scenario.categories }, (_, k) => [`k${k}`, category_low + (category_high - category_low) * random.uniform()]));
  const names = [...categories.keys()];
  const traffic = Math.log(sales / SALES_AT_BASE);
  const courses = new Map<string, number>();
  const trials: PriceTrial[] = [];
  for (let c = 0; c < scenario.courses; c++) {
    const category = names[c % names.length]!;
    const e = categories.get(category)! + tau_course * random.normal();
    const a = Math.log(BASE) + QUALITY_SD * random.normal();
    const trial = { course_id: `c${c}`, category, jitter: new Float64Array(days), exposures: new Float64Array(days).fill(EXPOSURES), enrollments: new Float64Array(days) };
    let shock = (SHOCK.innovation_sd / Math.sqrt(1 - SHOCK.persistence ** 2)) * random.normal();
    for (let day = 0; day < days; day++) {
      const demand = shock + SEASON.amplitude * Math.sin((2 * Math.PI * day) / SEASON.days);
      const v = sigma * random.normal();
      const log_price = QUALITY_PRICE * a + chase * demand + v;
      trial.jitter[day] = v;
      trial.enrollments[day] = random.poisson(Math.exp(traffic + a + demand + e * log_price) * random.gamma(NOISE.shape, NOISE.scale));
      shock = SHOCK.persistence * shock + SHOCK.innovation_sd * random.normal();
    }
    courses.set(trial.course_id, e);
    trials.push(trial);
  }
  return { trials, global: (category_low + category_high) / 2, categories, courses };
}
