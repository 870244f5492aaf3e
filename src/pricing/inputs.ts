import type { DecisionInputs } from "../contracts/decision.ts";
import { courseFeatureIndex } from "../features/course-view.ts";

/** What a price is a function of, besides the model and the policy. Vectors are borrowed and never written to. */
export type PricingInputs = Omit<DecisionInputs, "features" | "cells" | "jitter_cells"> & {
  readonly features: ArrayLike<number>;
  /** Occupied demand cells, three numbers each: x = log(price / reference price), exposures, enrollments. */
  readonly cells: ArrayLike<number>;
  /** Cells of the random part of the list price, likewise: mean v, exposures, enrollments. Part of what the demand cells hold. */
  readonly jitter_cells: ArrayLike<number>;
};

/** Numbers per demand cell. */
export const CELL_WIDTH = 3;

/** Positions in the feature vector of what pricing reads itself, resolved once. */
export const featureAt = {
  reference_price_tokens: courseFeatureIndex("reference_price_tokens"),
  base_price_tokens: courseFeatureIndex("base_price_tokens"),
  category_price_loo_tokens: courseFeatureIndex("category_price_loo_tokens"),
  competitor_price_tokens: courseFeatureIndex("competitor_price_tokens"),
  days_since_launch: courseFeatureIndex("days_since_launch"),
  days_since_repriced: courseFeatureIndex("days_since_repriced"),
  category_hour_lift: courseFeatureIndex("category_hour_lift"),
  category_weekday_lift: courseFeatureIndex("category_weekday_lift"),
  exposures_24h: courseFeatureIndex("exposures_24h"),
  exposures_7d: courseFeatureIndex("exposures_7d"),
  enrollments_24h: courseFeatureIndex("enrollments_24h"),
  enrollments_7d: courseFeatureIndex("enrollments_7d"),
  revenue_7d_tokens: courseFeatureIndex("revenue_7d_tokens"),
  exposures_30d: courseFeatureIndex("exposures_30d"),
  exposures_90d: courseFeatureIndex("exposures_90d"),
  enrollments_30d: courseFeatureIndex("enrollments_30d"),
  enrollments_90d: courseFeatureIndex("enrollments_90d"),
  category_enrollments_30d: courseFeatureIndex("category_enrollments_30d"),
  category_exposures_30d: courseFeatureIndex("category_exposures_30d"),
  category_conversion_90d: courseFeatureIndex("category_conversion_90d"),
  category_courses: courseFeatureIndex("category_courses"),
} as const;

/** A feature's value, 0 when the vector lacks it or holds something that is not a finite number. */
export function feature(inputs: PricingInputs, index: number): number {
  const value = inputs.features[index] ?? 0;
  return Number.isFinite(value) ? value : 0;
}
