import type { VolumeSource } from "../contracts/api.ts";
import type { Policy } from "../contracts/policy.ts";
import { VIEWS_A_DAY_ON_OFFER } from "../features/offer-time.ts";
import { feature, featureAt, type PricingInputs } from "./inputs.ts";

/** Expected exposures over a horizon, and whose figures they come from. */
export interface Volume {
  readonly exposures: number;
  readonly source: VolumeSource;
}

/** Views per day over a window that is no longer than the course is old; an enrollment without its view counts as one. */
function dailyExposures(inputs: PricingInputs, window_days: number, exposures: number, enrollments: number): number {
  const age_days = feature(inputs, featureAt.days_since_launch);
  const days = age_days > 0 ? Math.max(1, Math.min(window_days, age_days)) : window_days;
  return Math.max(0, feature(inputs, exposures), feature(inputs, enrollments)) / days;
}

/** Views per day of the category's average course; a cold start counts itself among the courses, and has no views yet. */
function dailyExposuresOfCategory(inputs: PricingInputs): number {
  const others = feature(inputs, featureAt.category_courses) - 1;
  return others > 0 ? Math.max(0, feature(inputs, featureAt.category_exposures_30d)) / others / 30 : 0;
}

/**
 * Expected exposures over a horizon: the last 30 days' daily rate, or the last 90 days' where those 30 saw nobody. A course
 * that the engine has no events of (a cold start) is taken to be looked at like its category's average course. When the
 * caller states its current enrollments, they count as one policy horizon at the current price and set the volume.
 */
export function expectedVolume(inputs: PricingInputs, policy: Policy, horizon_days: number, conversion_now: number): Volume {
  if (inputs.current_enrollments !== null) {
    return { exposures: (inputs.current_enrollments / conversion_now) * (horizon_days / policy.horizon_days), source: "caller" };
  }
  if (inputs.exposure === "days_on_offer") return { exposures: horizon_days * VIEWS_A_DAY_ON_OFFER, source: inputs.course_features === null ? "course" : "category" };
  if (inputs.course_features !== null) return { exposures: horizon_days * dailyExposuresOfCategory(inputs), source: "category" };
  const recent = dailyExposures(inputs, 30, featureAt.exposures_30d, featureAt.enrollments_30d);
  const daily = recent > 0 ? recent : dailyExposures(inputs, 90, featureAt.exposures_90d, featureAt.enrollments_90d);
  return { exposures: horizon_days * daily, source: "course" };
}
