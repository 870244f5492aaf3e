import { type Policy, policySchema } from "../src/contracts/policy.ts";
import { groupBy } from "../src/lib/group-by.ts";
import { Prng } from "../src/lib/prng.ts";
import { DAY_MS, formatTime } from "../src/lib/time.ts";
import { drawPricingScenario, type PricingScenario, SCENARIO_CEILING, SCENARIO_FLOOR, SCENARIO_START, type ScenarioCourse, scenarioConversion } from "../src/simulator/pricing-scenario.ts";
import { FoldedEngine } from "./pricing-engine.ts";

const START_MS = Date.UTC(2026, 0, 1);

/** Guardrails on: a step a day, a cool-down of a day, floor and ceiling; Thompson's draw every day. No model: nothing is known of the scenario but its events. */
export const scenarioPolicy: Policy = {
  version: "scenario-1",
  ...policySchema.parse({
    floor_tokens: SCENARIO_FLOOR,
    ceiling_tokens: SCENARIO_CEILING,
    weights: { elasticity: 1, competitive: 0 },
    cool_down_hours: 24,
    exploration: { kind: "thompson", period_hours: 24 },
  }),
};

/** Expected revenue under the true curves, over the best price's, in all and over the last quarter of the days. */
export interface Shares {
  readonly share: number;
  readonly last_quarter: number;
}

/** The price of a course for the day that begins, by its current price and its category's average of those; the first day's is the start price. */
export type PriceSetter = (day: number, current: number, category_average: number) => number;

class Earnings {
  readonly #days: number;
  #earned = 0;
  #best = 0;
  #late = 0;
  #late_best = 0;

  constructor(days: number) {
    this.#days = days;
  }

  add(course: ScenarioCourse, day: number, price: number): void {
    const revenue = price * scenarioConversion(course, price);
    this.#earned += revenue;
    this.#best += course.best;
    if (day < this.#days - this.#days / 4) return;
    this.#late += revenue;
    this.#late_best += course.best;
  }

  get shares(): Shares {
    return { share: this.#earned / this.#best, last_quarter: this.#late / this.#late_best };
  }
}

/** What a rule earns that looks at no sales. */
export function runRule(scenario: PricingScenario, set: PriceSetter): Shares {
  const courses = drawPricingScenario(scenario);
  const earnings = new Earnings(scenario.days);
  const categories = groupBy(courses.map((course) => ({ course, price: SCENARIO_START })), ({ course }) => course.category);
  for (let day = 0; day < scenario.days; day++) {
    for (const group of categories.values()) {
      const average = group.reduce((sum, { price }) => sum + price, 0) / group.length;
      for (const one of group) {
        if (day > 0) one.price = Math.min(SCENARIO_CEILING, Math.max(SCENARIO_FLOOR, set(day, one.price, average)));
        earnings.add(one.course, day, one.price);
      }
    }
  }
  return earnings.shares;
}

export interface EngineRun extends Shares {
  /** Every price of every course and day, in order. */
  readonly prices: Float64Array;
  readonly changes: number;
}

/** Every view and enrollment through the fold; at each midnight every course is priced from its record and repriced if that is another price. */
export function runEngine(scenario: PricingScenario, policy: Policy = scenarioPolicy): EngineRun {
  const courses = drawPricingScenario(scenario);
  const engine = new FoldedEngine();
  const random = new Prng(`visits:${scenario.seed}`);
  const earnings = new Earnings(scenario.days);
  const prices = new Float64Array(scenario.days * courses.length);
  let changes = 0;
  for (const { course_id, category } of courses) {
    engine.fold(START_MS, { type: "course.upserted", course_id, teacher_id: "T1", category, difficulty_level: "beginner", quality_tier: "basic", base_price: SCENARIO_START, launched_at: formatTime(START_MS) });
  }
  const current = new Float64Array(courses.length).fill(SCENARIO_START);
  for (let day = 0; day < scenario.days; day++) {
    const from_ms = START_MS + day * DAY_MS;
    if (day > 0) {
      engine.commit();
      for (const [c, { course_id }] of courses.entries()) {
        const { optimal_price } = engine.price(course_id, from_ms, policy, null);
        if (optimal_price === current[c]) continue;
        current[c] = optimal_price;
        changes++;
        engine.fold(from_ms, { type: "course.repriced", course_id, price: optimal_price });
      }
    }
    for (const [c, course] of courses.entries()) {
      const price = current[c]!;
      const conversion = scenarioConversion(course, price);
      prices[day * courses.length + c] = price;
      earnings.add(course, day, price);
      for (let visit = 0; visit < scenario.visits_a_day; visit++) {
        const time_ms = from_ms + Math.round(((visit + 0.5) / scenario.visits_a_day) * DAY_MS);
        engine.fold(time_ms, { type: "exposure.viewed", course_id: course.course_id, learner_id: "L1", price });
        if (random.uniform() < conversion) engine.fold(time_ms, { type: "enrollment.created", enrollment_id: `n${random.uint32()}${random.uint32()}`, course_id: course.course_id, learner_id: "L1", price });
      }
    }
  }
  return { ...earnings.shares, prices, changes };
}
