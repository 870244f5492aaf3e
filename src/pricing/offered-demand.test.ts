import { describe, expect, test } from "vitest";
import { defaultPolicy } from "../contracts/policy.ts";
import { VIEWS_A_DAY_ON_OFFER } from "../features/offer-time.ts";
import { Prng } from "../lib/prng.ts";
import { optimizeAnswer } from "./answer.ts";
import { courseDemand } from "./course-demand.ts";
import type { PricingInputs } from "./inputs.ts";
import { priceCourse } from "./price-course.ts";
import { conversionAt } from "./quadrature.ts";
import { testInputs, testModel } from "./testing.ts";

const model = testModel({ elasticity: -1.5, se: 0.4 });
/** A category of ten courses that sell one a day each. */
const features = { exposures_30d: 0, exposures_90d: 0, category_exposures_30d: 0, category_enrollments_30d: 300, category_courses: 10, category_conversion_90d: 0 };
const offered = (cells: readonly number[]): PricingInputs => testInputs({ exposure: "days_on_offer", features, cells: cells.flatMap((value, i) => (i % 3 === 1 ? [value * VIEWS_A_DAY_ON_OFFER] : [value])) });
const salesADay = (cells: readonly number[], z = 0): number => conversionAt(courseDemand(offered(cells), model).posterior.nodes, z).mean * VIEWS_A_DAY_ON_OFFER;

describe("a platform without views", () => {
  test("sales a day are learnt from the time that prices were on offer", () => {
    expect(salesADay([])).toBeGreaterThan(0.8);
    expect(salesADay([0, 60, 0])).toBeLessThan(0.1);
    expect(salesADay([0, 60, 180])).toBeCloseTo(3, 1);
    const answer = optimizeAnswer(priceCourse(offered([0, 60, 180]), model, defaultPolicy), "q");
    expect(answer.expected.current_enrollments / 30).toBeCloseTo(3, 1);
    expect(answer.expected.enrollments_interval.low).toBeLessThan(90);
    expect(answer.optimal_price).toBe(91);
  });

  test("and the slope from how they sold at different prices", () => {
    const steep = courseDemand(offered([-0.3, 200, 800, 0.3, 200, 200]), model).posterior;
    expect(steep.slope).toBeGreaterThan(2);
    const flat = courseDemand(offered([-0.3, 200, 400, 0.3, 200, 400]), model).posterior;
    expect(flat.slope).toBeLessThan(0.3);
    expect(optimizeAnswer(priceCourse(offered([-0.3, 200, 400, 0, 1, 2, 0.3, 200, 400]), model, defaultPolicy), "q").optimal_price).toBe(110);
  });

  test("is Poisson with time as offset: 95 % intervals of sales a day hold the truth", () => {
    const random = new Prng("poisson");
    const runs = 400;
    let held = 0;
    for (let run = 0; run < runs; run++) {
      const rate = Math.exp(1.2 * random.normal());
      const slope = Math.max(0.05, 1.5 + 0.4 * random.normal());
      const cells = [-0.2, 0, 0.2].flatMap((x) => [x, 30, random.poisson(30 * rate * Math.exp(-slope * x))]);
      const { mean, sd } = conversionAt(courseDemand(offered(cells), model).posterior.nodes, 0);
      if (Math.abs(mean * VIEWS_A_DAY_ON_OFFER - rate) <= 1.96 * sd * VIEWS_A_DAY_ON_OFFER) held++;
    }
    expect(held / runs).toBeGreaterThan(0.91);
    expect(held / runs).toBeLessThan(0.985);
  });
});
