import type { Policy } from "../contracts/policy.ts";
import { feature, featureAt, type PricingInputs } from "./inputs.ts";

/** Views per day over a window that is no longer than the course is old; an enrollment without its view counts as one. */
function dailyExposures(inputs: PricingInputs, window_days: number, exposures: number, enrollments: number): number {
  const age_days = feature(inputs, featureAt.days_since_launch);
  const days = age_days > 0 ? Math.max(1, Math.min(window_days, age_days)) : window_days;
  return Math.max(0, feature(inputs, exposures), feature(inputs, enrollments)) / days;
}

/**
 * Expected exposures over a horizon: the last 30 days' daily rate, or the last 90 days' where those 30 saw nobody. When
 * the caller states its current enrollments, they count as one policy horizon at the current price and set the volume.
 */
export function expectedExposures(inputs: PricingInputs, policy: Policy, horizon_days: number, conversion_now: number): number {
  if (inputs.current_enrollments !== null) return (inputs.current_enrollments / conversion_now) * (horizon_days / policy.horizon_days);
  const recent = dailyExposures(inputs, 30, featureAt.exposures_30d, featureAt.enrollments_30d);
  return horizon_days * (recent > 0 ? recent : dailyExposures(inputs, 90, featureAt.exposures_90d, featureAt.enrollments_90d));
}
