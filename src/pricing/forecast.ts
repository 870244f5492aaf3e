import type { Interval, PredictAnswer } from "../contracts/api.ts";
import type { Policy } from "../contracts/policy.ts";
import type { CompiledModel } from "../models/compiled.ts";
import { courseDemand } from "./course-demand.ts";
import { supportedRange } from "./guardrails.ts";
import type { PricingInputs } from "./inputs.ts";
import { roundTokens } from "./money.ts";
import { degradation } from "./degradation.ts";
import { conversionAt, type Moments } from "./quadrature.ts";
import { expectedVolume } from "./volume.ts";

const Z80 = 1.2815515655446004;
const Z95 = 1.959963984540054;
/** Expected enrollments below this are none. */
const MEAN_MIN = 1e-9;

/**
 * Predictive interval of a count of enrollments: mean m and variance v = φ·m + (parameter uncertainty), as a gamma with
 * those moments (Wilson, Hilferty 1931, for its quantiles), widened to whole enrollments so that it covers small counts.
 */
export function countInterval(mean: number, variance: number, z: number): Interval {
  if (!(mean > MEAN_MIN)) return { low: 0, high: 0 };
  const ninth = variance / (9 * mean * mean);
  const quantile = (at: number): number => mean * Math.max(0, 1 - ninth + at * Math.sqrt(ninth)) ** 3;
  // So wide that the approximation gives out only where the mean already lies beyond the quantile.
  return { low: Math.floor(quantile(-z)), high: Math.ceil(Math.max(mean, quantile(z))) };
}

/** Enrollments among `exposures` views at a conversion known up to its posterior. */
export function enrollmentInterval(exposures: number, conversion: Moments, dispersion: number, z: number): Interval {
  const mean = exposures * conversion.mean;
  const parameter_sd = exposures * conversion.sd;
  return countInterval(mean, dispersion * mean + parameter_sd * parameter_sd, z);
}

export function enrollmentInterval95(exposures: number, conversion: Moments, dispersion: number): Interval {
  return enrollmentInterval(exposures, conversion, dispersion, Z95);
}

/**
 * Enrollments and revenue at given prices over a horizon. Intervals hold parameter uncertainty and over-dispersed counting
 * noise. The scenarios are those of the best price point: its expected revenue and the ends of its 80 % interval.
 */
export function predictEnrollments(inputs: PricingInputs, model: CompiledModel | null, policy: Policy, price_points: readonly number[], horizon_days: number): Omit<PredictAnswer, "freshness_ms"> {
  const { posterior } = courseDemand(inputs, model);
  const { prior } = posterior;
  const { exposures, source } = expectedVolume(inputs, policy, horizon_days, conversionAt(posterior.nodes, 0).mean);
  const predictions: PredictAnswer["predictions"] = [];
  let best = 0;
  let best_per_view = -1;
  for (const [i, price] of price_points.entries()) {
    const conversion = conversionAt(posterior.nodes, Math.log(price / prior.current_price));
    const interval80 = enrollmentInterval(exposures, conversion, prior.dispersion, Z80);
    const interval95 = enrollmentInterval(exposures, conversion, prior.dispersion, Z95);
    const enrollments = exposures * conversion.mean;
    predictions.push({
      price,
      enrollments: roundTokens(enrollments),
      interval80,
      interval95,
      revenue: roundTokens(enrollments * price),
      revenue_interval: { low: interval95.low * price, high: interval95.high * price },
    });
    // Per view, so that a course without any still has a best price.
    const per_view = conversion.mean * price;
    if (per_view <= best_per_view) continue;
    best_per_view = per_view;
    best = i;
  }
  const at_best = predictions[best]!;
  const supported = supportedRange(prior, inputs.cells, policy);
  const degraded = degradation(inputs, posterior);
  return {
    course_id: inputs.course_id,
    horizon_days,
    predictions,
    volume: source,
    revenue_scenarios: { pessimistic: at_best.interval80.low * at_best.price, expected: at_best.revenue, optimistic: at_best.interval80.high * at_best.price },
    best_price: at_best.price,
    supported_range: { min: Math.ceil(supported.low), max: Math.floor(supported.high) },
    model: model === null ? "none" : model.version,
    ...(degraded.length > 0 ? { degraded } : {}),
  };
}
