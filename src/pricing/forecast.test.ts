import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { predictAnswerSchema } from "../contracts/api.ts";
import { defaultPolicy } from "../contracts/policy.ts";
import { sigmoid } from "../lib/linear-algebra.ts";
import { Prng } from "../lib/prng.ts";
import { optimizeAnswer } from "./answer.ts";
import { countInterval, predictEnrollments } from "./forecast.ts";
import { priceCourse } from "./price-course.ts";
import { anyInputs, anyModel, anyPolicy, testInputs, testModel } from "./testing.ts";

const model = testModel();

describe("countInterval", () => {
  test("covers Poisson counts at every size, without being wide for large ones", () => {
    const random = new Prng("counts");
    for (const mean of [0.3, 2, 8, 40, 400]) {
      const { low, high } = countInterval(mean, mean, 1.96);
      let inside = 0;
      for (let i = 0; i < 3000; i++) {
        const n = random.poisson(mean);
        if (n >= low && n <= high) inside++;
      }
      expect(inside / 3000, `mean ${mean}`).toBeGreaterThan(0.94);
      expect(inside / 3000, `mean ${mean}`).toBeLessThan(mean > 30 ? 0.98 : 1.01);
    }
  });

  test("holds nothing but 0 when nothing is expected", () => {
    expect(countInterval(0, 0, 1.96)).toEqual({ low: 0, high: 0 });
  });
});

describe("predictEnrollments", () => {
  test("falls with price, nests its intervals, and agrees with the optimiser's answer", () => {
    const inputs = testInputs();
    const answer = predictEnrollments(inputs, model, defaultPolicy, [60, 91, 100, 150], 30);
    const prices = answer.predictions;
    expect(prices.map((p) => p.enrollments)).toEqual(prices.map((p) => p.enrollments).sort((a, b) => b - a));
    for (const p of prices) {
      expect(p.interval95.low <= p.interval80.low && p.interval80.high <= p.interval95.high).toBe(true);
      expect(p.interval80.low <= p.enrollments && p.enrollments <= p.interval80.high).toBe(true);
    }
    const optimized = optimizeAnswer(priceCourse(inputs, model, defaultPolicy), "q");
    expect(optimized.optimal_price).toBe(91);
    expect(prices[1]).toMatchObject({ enrollments: optimized.expected.optimized_enrollments, revenue: optimized.expected.optimized_revenue, revenue_interval: optimized.expected.interval });
    expect(prices[2]!.enrollments).toBe(optimized.expected.current_enrollments);
  });

  test("the best price, its scenarios and the supported range", () => {
    const answer = predictEnrollments(testInputs({ cells: [-0.2, 50, 5, 0, 300, 24, 0.3, 0.2, 0] }), model, defaultPolicy, [150, 80, 100], 30);
    expect(answer.best_price).toBe(80);
    const best = answer.predictions[1]!;
    expect(answer.revenue_scenarios).toEqual({ pessimistic: best.interval80.low * 80, expected: best.revenue, optimistic: best.interval80.high * 80 });
    // 0.2 exposures at 1.35× are no evidence.
    expect(answer.supported_range).toEqual({ min: Math.ceil(100 * Math.exp(-0.3)), max: 110 });
  });

  test("volume scales with the horizon, follows the course's age, and falls back to 90 days", () => {
    const enrollments = (features: Record<string, number>, days = 30): number => predictEnrollments(testInputs({ cells: [], features }), model, defaultPolicy, [100], days).predictions[0]!.enrollments;
    expect(enrollments({}, 90) / enrollments({}, 30)).toBeCloseTo(3, 2);
    expect(enrollments({ days_since_launch: 10 }) / enrollments({})).toBeCloseTo(3, 2);
    expect(enrollments({ exposures_30d: 0, enrollments_30d: 0 })).toBeCloseTo(enrollments({}), 1);
    expect(enrollments({ exposures_30d: 0, enrollments_30d: 300 })).toBeCloseTo(enrollments({}), 1);
    expect(enrollments({ exposures_30d: 0, enrollments_30d: 0, exposures_90d: 0, enrollments_90d: 0 })).toBe(0);
  });

  test("a course without events is expected to be looked at like its category's average course", () => {
    const course_features = { category: "programming", base_price: 100 };
    const unseen = { exposures_30d: 0, enrollments_30d: 0, exposures_90d: 0, enrollments_90d: 0, days_since_launch: 0, reference_price_tokens: 100 };
    // Itself among the courses, ten others share 6,000 views in 30 days: 600 views at 8 %.
    const cold = testInputs({ course_id: null, course_features, cells: [], features: { ...unseen, category_exposures_30d: 6_000, category_courses: 11 } });
    const answer = predictEnrollments(cold, model, defaultPolicy, [100], 30);
    expect(answer.volume).toBe("category");
    expect(answer.predictions[0]!.enrollments).toBeGreaterThan(600 * 0.07);
    expect(answer.predictions[0]!.enrollments).toBeLessThan(600 * 0.11);
    expect(optimizeAnswer(priceCourse(cold, model, defaultPolicy), "q").expected).toMatchObject({ volume: "category", current_enrollments: answer.predictions[0]!.enrollments });
    // The first of its category has nobody to be compared with; a known course that nobody looks at is expected to stay so.
    const first = testInputs({ course_features, cells: [], features: { ...unseen, category_exposures_30d: 6_000, category_courses: 1 } });
    expect(predictEnrollments(first, model, defaultPolicy, [100], 30).predictions[0]!.enrollments).toBe(0);
    const known = testInputs({ cells: [], features: { ...unseen, days_since_launch: 400, category_exposures_30d: 6_000, category_courses: 11 } });
    expect(predictEnrollments(known, model, defaultPolicy, [100], 30)).toMatchObject({ volume: "course", predictions: [{ enrollments: 0 }] });
    expect(optimizeAnswer(priceCourse({ ...cold, current_enrollments: 7 }, model, defaultPolicy), "q").expected).toMatchObject({ volume: "caller", current_enrollments: 7 });
  });

  test("95 % intervals cover future enrollments: parameters and counting noise together", () => {
    const random = new Prng("forecast coverage");
    let covered = 0;
    const runs = 400;
    for (let run = 0; run < runs; run++) {
      const level = Math.log(0.08 / 0.92) + 0.5 * random.normal();
      const slope = Math.max(0.06, (1.5 + 0.4 * random.normal()) / 0.92);
      const cells: number[] = [];
      for (const x of [-0.1, 0, 0.1]) cells.push(x, 60, random.binomial(60, sigmoid(level - slope * x)));
      const answer = predictEnrollments(testInputs({ cells, features: { exposures_30d: 180, enrollments_30d: 10 } }), model, defaultPolicy, [120], 30);
      const future = random.poisson(180 * sigmoid(level - slope * Math.log(1.2)));
      const { low, high } = answer.predictions[0]!.interval95;
      if (future >= low && future <= high) covered++;
    }
    expect(covered / runs).toBeGreaterThan(0.92);
    expect(covered / runs).toBeLessThan(0.995);
  });

  test("is valid for any legal input", () => {
    fc.assert(
      fc.property(anyInputs, anyModel, anyPolicy, fc.array(fc.integer({ min: 1, max: 1_000_000_000 }), { minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 365 }), (inputs, model, policy, points, days) => {
        const answer = predictEnrollments(inputs, model, policy, points, days);
        predictAnswerSchema.omit({ freshness_ms: true }).parse(JSON.parse(JSON.stringify(answer)));
        expect(points).toContain(answer.best_price);
        expect(answer.supported_range.min).toBeLessThanOrEqual(answer.supported_range.max);
        for (const p of answer.predictions) expect(0 <= p.interval95.low && p.interval95.low <= p.interval80.low && p.interval80.high <= p.interval95.high).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
