import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { learnerFeatureNames } from "../../features/learner-replay.ts";
import { DAY_MS } from "../../lib/time.ts";
import { handScore, handScoreParts } from "./hand-scores.ts";
import { fillPropensityRow, inputFeature, propensityInputNames } from "./inputs.ts";
import { learnerPosition, learnerVector } from "./learner-vector.ts";

const columns = propensityInputNames.length;

function vector(features: Readonly<Record<string, number>>): Float64Array {
  const values = new Float64Array(learnerVector.length);
  for (const [name, value] of Object.entries(features)) values[learnerPosition(name)] = value;
  return values;
}

function row(features: Readonly<Record<string, number>>): Record<string, number> {
  const out = new Float64Array(columns);
  fillPropensityRow(vector(features), out, 0);
  return Object.fromEntries(propensityInputNames.map((name, i) => [name, out[i]!]));
}

describe("propensity inputs", () => {
  test("are of the replay's vector, without parts of the hand scores and points in time", () => {
    expect(learnerVector.map(({ name }) => name)).toEqual(learnerFeatureNames);
    expect(new Set(propensityInputNames).size).toBe(columns);
    for (const name of propensityInputNames) {
      expect(handScoreParts.has(inputFeature.get(name)!)).toBe(false);
      expect(name).not.toMatch(/_ms$/);
    }
  });

  test("a listed attribute is one input a value; what is not said, or not listed, is none", () => {
    const found = row({ device: 2, employer_paid: 2 });
    expect(Object.entries(found).filter(([name]) => /^(device|goal|employer)/.test(name))).toEqual([["device_desktop", 0], ["device_mobile", 1], ["device_tablet", 0], ["goal_career", 0], ["goal_degree", 0], ["goal_hobby", 0], ["employer_paid_false", 0], ["employer_paid_true", 1]]);
  });

  test("name no protected attribute of a person", () => {
    for (const name of propensityInputNames) expect(name).not.toMatch(/country|gender|sex|birth|(^|_)age(_|$)|language|ethnic|religio|income|disab|marital|pseudonym/);
  });

  test("amounts in logarithms, shares as they are, and how long a learner has been there", () => {
    const found = row({ balance_tokens: 99, enrolled: 0, completion_rate: 0.4, registered_at_ms: 5 * DAY_MS, last_activity_ms: 14 * DAY_MS });
    expect(found["log_balance_tokens"]).toBeCloseTo(Math.log(100), 12);
    expect(found["log_enrolled"]).toBe(0);
    expect(found["completion_rate"]).toBe(0.4);
    expect(found["log_days_active_since_registration"]).toBeCloseTo(Math.log(10), 12);
    expect(row({ balance_tokens: -99 })["log_balance_tokens"]).toBeCloseTo(-Math.log(100), 12);
    expect(row({ last_activity_ms: 14 * DAY_MS })["log_days_active_since_registration"]).toBe(0);
  });

  test("stay finite, and write their own columns only", () => {
    const value = fc.oneof(fc.constant(0), fc.double({ min: -1e12, max: 1e12, noNaN: true }));
    fc.assert(
      fc.property(fc.array(value, { minLength: learnerVector.length, maxLength: learnerVector.length }), (features) => {
        const out = new Float64Array(columns + 2).fill(7);
        fillPropensityRow(features, out, 1);
        expect([out[0], out[columns + 1]]).toEqual([7, 7]);
        for (let i = 1; i <= columns; i++) expect(Number.isFinite(out[i])).toBe(true);
      }),
    );
  });
});

describe("hand scores", () => {
  test("weigh their parts as the product description does", () => {
    const parts = { recency_score: 0.1, engagement_score: 0.2, financial_score: 0.3, success_score: 0.4, satisfaction_score: 0.5, inactivity_score: 0.6, engagement_decline: 0.7 };
    expect(handScore("enrollment", vector(parts))).toBeCloseTo(0.3 * 0.1 + 0.25 * 0.2 + 0.2 * 0.3 + 0.15 * 0.4 + 0.1 * 0.5, 14);
    expect(handScore("churn", vector(parts))).toBeCloseTo(0.35 * 0.6 + 0.25 * 0.7 + 0.2 * 0.6 + 0.1 * 0.7 + 0.1 * 0.5, 14);
  });

  test("lie between 0 and 1, and reach both", () => {
    const best = { recency_score: 1, engagement_score: 1, financial_score: 1, success_score: 1, satisfaction_score: 1 };
    expect(handScore("enrollment", vector(best))).toBeCloseTo(1, 14);
    expect(handScore("enrollment", vector({}))).toBe(0);
    expect(handScore("churn", vector({ inactivity_score: 1, engagement_decline: 1 }))).toBeCloseTo(1, 14);
    expect(handScore("churn", vector(best))).toBeCloseTo(0, 14);
  });
});
