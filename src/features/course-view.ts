import { assert } from "../lib/assert.ts";

/** The course features that models and prices read, in vector order. */
export const courseFeatureNames: readonly string[] = [
  "price_tokens",
  "reference_price_tokens",
  "base_price_tokens",
  "category_price_loo_tokens",
  "competitor_price_tokens",
  "days_since_launch",
  "difficulty_level",
  "quality_tier",
  "exposures_1h",
  "exposures_24h",
  "exposures_7d",
  "exposures_30d",
  "exposures_90d",
  "enrollments_1h",
  "enrollments_24h",
  "enrollments_7d",
  "enrollments_30d",
  "enrollments_90d",
  "refunds_90d",
  "completions_90d",
  "rating_mean",
  "ratings",
  "conversion_30d",
  "conversion_90d",
  "enrollments_per_day",
  "category_exposures_30d",
  "category_enrollments_30d",
  "category_conversion_30d",
  "category_conversion_90d",
];

/** Position of a course feature in the vector; an unknown name is a bug. */
export function courseFeatureIndex(name: string): number {
  const index = courseFeatureNames.indexOf(name);
  assert(index >= 0, `no course feature ${name}`);
  return index;
}
