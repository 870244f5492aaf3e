import type { ScenarioCourse } from "../src/simulator/pricing-scenario.ts";
import { SCENARIO_START, scenarioConversion } from "../src/simulator/pricing-scenario.ts";
import type { PriceSetter } from "./pricing-run.ts";

/** The rules of the product description that this engine grew from, as it has them: factors on the current price, which compound. */
const WEIGHTS = { elasticity: 0.4, competitive: 0.3, lifecycle: 0.3 };
const WEEK_DAYS = 7;

function elasticityRule(price: number, elasticity: number): number {
  return price * (Math.abs(elasticity) > 1.5 ? 0.85 : Math.abs(elasticity) > 1 ? 0.95 : 1.1);
}

function competitiveRule(price: number, average: number): number {
  const index = price / average;
  return price * (index > 1.2 ? 0.95 : index < 0.8 ? 1.05 : 1);
}

/** Mean elasticity −b·(1 − s) of all courses at a price each. */
export function trueMeanElasticity(courses: readonly ScenarioCourse[], price = SCENARIO_START): number {
  return courses.reduce((sum, course) => sum - course.slope * (1 - scenarioConversion(course, price)), 0) / courses.length;
}

/** All three rules, weekly, told the true mean elasticity, on courses that are neither new nor old: the lifecycle rule leaves those alone. */
export function seedRules(elasticity: number): PriceSetter {
  return (day, price, average) =>
    day % WEEK_DAYS === 0 ? Math.round(WEIGHTS.elasticity * elasticityRule(price, elasticity) + WEIGHTS.competitive * competitiveRule(price, average) + WEIGHTS.lifecycle * price) : price;
}

/** Its elasticity rule alone, which on this scenario is the stronger one. */
export function seedElasticityRule(elasticity: number): PriceSetter {
  return (day, price) => (day % WEEK_DAYS === 0 ? Math.round(elasticityRule(price, elasticity)) : price);
}
