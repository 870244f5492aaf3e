import * as fc from "fast-check";
import { expect, test } from "vitest";
import { courseDetailSchema } from "../contracts/catalogue.ts";
import { defaultPolicy } from "../contracts/policy.ts";
import { optimizeAnswer } from "./answer.ts";
import { demandCurve } from "./demand-curve.ts";
import { predictEnrollments } from "./forecast.ts";
import { priceCourse } from "./price-course.ts";
import { anyInputs, anyModel, anyPolicy, testInputs, testModel } from "./testing.ts";

test("the curve says what a forecast of its prices says, revenue and its intervals included", () => {
  const inputs = testInputs();
  const { points, ...rest } = demandCurve(inputs, testModel(), defaultPolicy, 103);
  const prices = points.map(({ price }) => price);
  expect(prices).toEqual(prices.toSorted((a, b) => a - b));
  expect([prices[0], prices.at(-1)]).toEqual([50, 200]);
  for (const price of [91, 100, 103, 110]) expect(prices).toContain(price);
  const forecast = predictEnrollments(inputs, testModel(), defaultPolicy, prices, 30);
  expect(rest).toEqual({ horizon_days: 30, volume: "course", supported_range: forecast.supported_range });
  for (const [i, { revenue_interval80, revenue_interval95, ...point }] of points.entries()) {
    expect({ ...point, revenue_interval: revenue_interval95 }).toEqual(forecast.predictions[i]);
    expect(revenue_interval80).toEqual({ low: point.interval80.low * point.price, high: point.interval80.high * point.price });
  }
});

test("for any legal input it holds the current price, the optimum and the answer, once each, as the answer expects them", () => {
  fc.assert(
    fc.property(anyInputs, anyModel, anyPolicy, (inputs, model, policy) => {
      const outcome = priceCourse(inputs, model, policy);
      const answer = optimizeAnswer(outcome, "");
      const curve = demandCurve(inputs, model, policy, answer.optimal_price);
      const { points, supported_range, degraded } = curve;
      courseDetailSchema.shape.demand_curve.shape.points.parse(JSON.parse(JSON.stringify(points)));
      expect(points.length).toBeLessThanOrEqual(policy.grid.points + 1);
      for (let i = 1; i < points.length; i++) {
        expect(points[i]!.price).toBeGreaterThan(points[i - 1]!.price);
        expect(points[i]!.enrollments).toBeLessThanOrEqual(points[i - 1]!.enrollments);
      }
      const at = (price: number): typeof points => points.filter((point) => point.price === price);
      const { optimized_enrollments, optimized_revenue, interval } = answer.expected;
      const [point, ...again] = at(answer.optimal_price);
      expect(again).toEqual([]);
      expect(point).toMatchObject({ enrollments: optimized_enrollments, revenue_interval95: interval });
      // The last digit of a large sum depends on the order of two products.
      expect(Math.abs(point!.revenue - optimized_revenue)).toBeLessThanOrEqual(0.011 + 1e-12 * optimized_revenue);
      expect(at(inputs.current_price)).toHaveLength(1);
      expect(at(outcome.optimum.price)).toHaveLength(1);
      expect(supported_range).toEqual({ min: Math.ceil(outcome.supported.low), max: Math.floor(outcome.supported.high) });
      expect(degraded).toEqual(answer.degraded);
    }),
    { numRuns: 300 },
  );
});
