import { describe, expect, test } from "vitest";
import { sigmoid } from "../lib/linear-algebra.ts";
import { Prng } from "../lib/prng.ts";
import { optimizeAnswer } from "./answer.ts";
import { courseDemand, type CourseDemand } from "./course-demand.ts";
import { priceCourse } from "./price-course.ts";
import { conversionAt } from "./quadrature.ts";
import { defaultPolicy } from "../contracts/policy.ts";
import { testInputs, testModel } from "./testing.ts";

/** At 100 tokens each. */
const paid = (enrollments_7d: number): Record<string, number> => ({ days_since_repriced: 3_650, enrollments_7d, revenue_7d_tokens: 100 * enrollments_7d });
const model = testModel({ dispersion: 1.2 });
/** 900 views at 8 % in the cells, of which 70 views are the last week's. */
const demand = (enrollments_7d: number, more: Readonly<Record<string, number>> = {}, cells = [0, 900, 72]): CourseDemand =>
  courseDemand(testInputs({ cells, features: { ...paid(enrollments_7d), exposures_7d: 70, ...more } }), model);

describe("a break in demand", () => {
  test("recent sales that the posterior explains leave it alone", () => {
    for (const enrollments of [2, 5, 9, 12]) expect(demand(enrollments).demand_break).toBeUndefined();
    expect(demand(6).posterior).toEqual(courseDemand(testInputs({ cells: [0, 900, 72], features: paid(0) }), model).posterior);
  });

  test("a shock widens the posterior and moves it most of the way at once", () => {
    const before = demand(6).posterior;
    const { posterior, demand_break } = demand(45, {}, [0, 900, 111]);
    expect(demand_break).toMatchObject({ days: 7, enrollments: 45 });
    expect(demand_break!.surprise).toBeGreaterThan(4);
    const now = conversionAt(posterior.nodes, 0);
    expect(now.mean).toBeGreaterThan(0.4);
    expect(now.sd).toBeGreaterThan(2 * conversionAt(before.nodes, 0).sd);
    expect(posterior.converged).toBe(true);
  });

  test("a collapse is one, too, and a day is enough where it says as much", () => {
    const collapse = courseDemand(testInputs({ cells: [0, 3_000, 240], features: { ...paid(2), exposures_7d: 400, exposures_24h: 60, enrollments_24h: 0 } }), model);
    expect(collapse.demand_break).toMatchObject({ days: 7, enrollments: 2 });
    expect(conversionAt(collapse.posterior.nodes, 0).mean).toBeLessThan(0.04);
    expect(demand(60, { exposures_24h: 60, enrollments_24h: 55, exposures_7d: 2_000 }).demand_break).toMatchObject({ days: 1 });
  });

  test("a price that was set within the window explains its sales: only windows in which it stood are looked at", () => {
    expect(demand(45, { days_since_repriced: 3 }).demand_break).toBeUndefined();
    expect(demand(45, { days_since_repriced: 8.5 }).demand_break).toBeDefined();
    expect(demand(45, { days_since_repriced: 3, exposures_24h: 60, enrollments_24h: 40 }).demand_break).toMatchObject({ days: 1 });
  });

  test("what sold at another price breaks nothing: the cells know at which", () => {
    expect(demand(45, { revenue_7d_tokens: 45 * 150 }).demand_break).toBeUndefined();
    expect(demand(45, { revenue_7d_tokens: 45 * 105 }).demand_break).toBeDefined();
  });

  test("the answer's sentence says what happened", () => {
    const inputs = testInputs({ cells: [0, 900, 111], features: { ...paid(45), exposures_7d: 70 } });
    expect(optimizeAnswer(priceCourse(inputs, model, defaultPolicy), "q").reasoning).toMatch(/^Demand has changed \(45 enrollments in 7 days where about \d+ were expected\)/);
  });

  test("steady demand is called broken less than once in a thousand courses", { timeout: 60_000 }, () => {
    const random = new Prng("steady");
    let alarms = 0;
    const runs = 4_000;
    for (let run = 0; run < runs; run++) {
      const conversion = sigmoid(Math.log(0.08 / 0.92) + 0.5 * random.normal());
      const views = 20 + random.integer(400);
      const weeks = 1 + random.integer(12);
      const before = random.binomial(views * weeks, conversion);
      const enrollments_7d = random.binomial(views, conversion);
      const inputs = testInputs({ cells: [0, views * (weeks + 1), before + enrollments_7d], features: { ...paid(enrollments_7d), exposures_7d: views } });
      if (courseDemand(inputs, model).demand_break !== undefined) alarms++;
    }
    expect(alarms / runs).toBeLessThan(0.001);
  });
});
