import fc from "fast-check";
import { expect, test } from "vitest";
import { expectedPrice, lifetimeOf, lifetimeTokens } from "./lifetime-value.ts";
import { learnerPosition, learnerVector } from "./learner-vector.ts";

const windows = { enrollment_days: 30, churn_days: 60 };
const probability = fc.double({ min: 0, max: 1, noNaN: true });

test("by hand: two periods, a tenth leaves in each", () => {
  // Enrollments −ln(1 − 0.5) = 0.6931 in the first, √0.81 of them in the second.
  expect(lifetimeTokens({ ...windows, enrollment: 0.5, churn: 0.19, price_tokens: 100 }, 60)).toBeCloseTo(100 * Math.LN2 * 1.9, 8);
  expect(lifetimeTokens({ ...windows, enrollment: 0.5, churn: 0, price_tokens: 100 }, 60)).toBeCloseTo(100 * Math.LN2 * 2, 6);
  expect(lifetimeTokens({ ...windows, enrollment: 0, churn: 0.5, price_tokens: 100 })).toBe(0);
});

test("is what learners spend who enroll at a constant rate until they leave at a constant hazard, period by period", () => {
  const rate = 0.8;
  const hazard = 0.3;
  const period = { enrollment: 1 - Math.exp(-rate), churn: 1 - (1 - hazard) ** 2, price_tokens: 50 };
  let expected = 0;
  for (let k = 0; k < 10; k++) expected += 50 * rate * (1 - hazard) ** k;
  expect(lifetimeTokens({ ...windows, ...period }, 300)).toBeCloseTo(expected, 8);
});

test("is finite, not negative, and grows with enrollment, staying, price and horizon", () => {
  fc.assert(
    fc.property(probability, probability, probability, probability, fc.double({ min: 0, max: 1_000, noNaN: true }), fc.integer({ min: 1, max: 1_000 }), (a, b, c, d, price_tokens, days) => {
      const [less, more] = [Math.min(a, b), Math.max(a, b)];
      const [stays, leaves] = [Math.min(c, d), Math.max(c, d)];
      const low = lifetimeTokens({ ...windows, enrollment: less, churn: leaves, price_tokens }, days);
      const high = lifetimeTokens({ ...windows, enrollment: more, churn: stays, price_tokens }, days);
      expect(low).toBeGreaterThanOrEqual(0);
      expect(Number.isFinite(high)).toBe(true);
      expect(high).toBeGreaterThanOrEqual(low * (1 - 1e-9) - 1e-9);
      expect(lifetimeTokens({ ...windows, enrollment: less, churn: leaves, price_tokens }, 2 * days)).toBeGreaterThanOrEqual(low * (1 - 1e-9));
    }),
  );
});

test("the price is that of what the learner paid, else of what was viewed", () => {
  const features = new Float64Array(learnerVector.length);
  expect(expectedPrice(features)).toBe(0);
  features[learnerPosition("price_viewed_mean_tokens")] = 90;
  expect(expectedPrice(features)).toBe(90);
  features[learnerPosition("price_paid_mean_tokens")] = 70;
  expect(expectedPrice(features)).toBe(70);
});

test("of a scorer's scores by the windows that they are of; of scores that are no probabilities, none", () => {
  const features = new Float64Array(learnerVector.length);
  features[learnerPosition("price_viewed_mean_tokens")] = 100;
  const scores = [0.5, 0.19, 0.9, 0.9, 0.9];
  const windows = { enrollment: 30, churn: 60, completion: 60, upsell: 60 };
  expect(lifetimeOf(features, scores, { windows })).toBeCloseTo(lifetimeTokens({ enrollment: 0.5, enrollment_days: 30, churn: 0.19, churn_days: 60, price_tokens: 100 }), 10);
  expect(lifetimeOf(features, scores, {})).toBeNull();
});
