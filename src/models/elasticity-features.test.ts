import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { courseFeatureIndex, courseFeatureNames } from "../features/course-view.ts";
import { elasticityFeatureNames, fillElasticityRow, PRICE_COLUMNS } from "./elasticity-features.ts";

const columns = elasticityFeatureNames.length;

function view(features: Readonly<Record<string, number>>): Float64Array {
  const values = new Float64Array(courseFeatureNames.length);
  for (const [name, value] of Object.entries(features)) values[courseFeatureIndex(name)] = value;
  return values;
}

function row(features: Readonly<Record<string, number>>, log_price = Math.log(100)): Record<string, number> {
  const out = new Float64Array(columns);
  fillElasticityRow(view(features), log_price, out, 0);
  return Object.fromEntries(elasticityFeatureNames.map((name, i) => [name, out[i]!]));
}

describe("elasticity features", () => {
  test("price moves the price columns one for one, and nothing else", () => {
    const known = view({ price_tokens: 120, reference_price_tokens: 100, base_price_tokens: 90, category_price_loo_tokens: 80, competitor_price_tokens: 70, exposures_90d: 40, enrollments_90d: 3 });
    fc.assert(
      fc.property(fc.double({ min: 0, max: 12, noNaN: true }), fc.double({ min: -2, max: 2, noNaN: true }), (log_price, step) => {
        const before = new Float64Array(columns);
        const after = new Float64Array(columns);
        fillElasticityRow(known, log_price, before, 0);
        fillElasticityRow(known, log_price + step, after, 0);
        for (let i = 0; i < columns; i++) expect(after[i]! - before[i]!).toBeCloseTo(i < PRICE_COLUMNS ? step : 0, 10);
      }),
    );
  });

  test("the list price that the view holds does not leak in: the price asked about does", () => {
    expect(row({ price_tokens: 50, reference_price_tokens: 100 })).toEqual(row({ price_tokens: 500, reference_price_tokens: 100 }));
  });

  test("an unknown price says nothing, at any price asked about", () => {
    expect(row({}, 9)).toMatchObject({ log_price_vs_reference: 0, log_price_vs_category: 0, log_price_vs_competitor: 0 });
    expect(row({ competitor_price_tokens: 100 })["log_price_vs_competitor"]).toBeCloseTo(0, 12);
  });

  test("own conversion is shrunk to the category's, which is shrunk to the platform's", () => {
    const category = { category_exposures_30d: 9_980, category_enrollments_30d: 999 };
    expect(Math.exp(row({})["log_category_conversion"]!)).toBeCloseTo(0.05, 12);
    expect(Math.exp(row(category)["log_category_conversion"]!)).toBeCloseTo(0.1, 12);
    expect(Math.exp(row(category)["log_conversion_90d"]!)).toBeCloseTo(0.1, 12);
    expect(Math.exp(row({ ...category, exposures_90d: 20, enrollments_90d: 6 })["log_conversion_90d"]!)).toBeCloseTo(0.2, 12);
    expect(Math.exp(row({ ...category, exposures_30d: 20_000_000, enrollments_30d: 6_000_000 })["log_conversion_30d"]!)).toBeCloseTo(0.3, 4);
  });

  test("stays finite for every legal view, and writes its own columns only", () => {
    const count = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1e9 }), fc.double({ min: 0, max: 1e12, noNaN: true }));
    fc.assert(
      fc.property(fc.array(count, { minLength: courseFeatureNames.length, maxLength: courseFeatureNames.length }), (values) => {
        const out = new Float64Array(columns + 2).fill(7);
        fillElasticityRow(values, 3, out, 1);
        expect(out[0]).toBe(7);
        expect(out[columns + 1]).toBe(7);
        for (let i = 1; i <= columns; i++) expect(Number.isFinite(out[i])).toBe(true);
      }),
    );
    expect(Math.exp(row({ enrollments_90d: 200 })["log_conversion_90d"]!)).toBeLessThan(1);
  });
});
