import type { Baseline, PowerAnswer, PowerBody } from "../../contracts/experiment-api.ts";
import { minimumDetectableEffect, type Plan, requiredUnits, requiredUnitsOfOneLook } from "./power.ts";

/** Mean and sd of a unit's outcome. A unit buys once with probability q at a price of mean m and sd s: sd² = q·(s² + m²) − (q·m)². */
function momentsOf(baseline: Baseline): { mean: number; sd: number } {
  if ("mean" in baseline) return baseline;
  const { conversion, price_mean = 1, price_sd = 0 } = baseline;
  const mean = conversion * price_mean;
  return { mean, sd: Math.sqrt(conversion * (price_sd ** 2 + price_mean ** 2) - mean * mean) };
}

/** What a comparison takes: units and days for an effect, or the effect that days are enough for. */
export function powerAnswer(body: PowerBody): PowerAnswer {
  const baseline = momentsOf(body.baseline);
  const alpha = body.alpha / (body.arms - 1);
  const design_effect = 1 + (body.cluster_size - 1) * body.cluster_correlation;
  const { arm_share, control_share, power, tau2, covariate_correlation, units_per_day, outcome_days } = body;
  const plan: Plan = { outcome_sd: baseline.sd, covariate_correlation, arm_share, control_share, design_effect, alpha, power, tau2 };
  const counted_days = body.days === undefined ? undefined : Math.max(0, body.days - outcome_days);
  const counted = counted_days === undefined ? undefined : counted_days * units_per_day;
  const effect = body.effect ?? (body.relative_effect === undefined ? minimumDetectableEffect(plan, Math.max(1, counted ?? 0)) : body.relative_effect * baseline.mean);
  const units = counted ?? (effect > 0 ? requiredUnits(plan, effect) : Number.POSITIVE_INFINITY);
  const known = Number.isFinite(units);
  return {
    effect,
    relative_effect: baseline.mean > 0 ? effect / baseline.mean : null,
    baseline,
    units: known ? units : null,
    days: known ? Math.ceil(units / units_per_day) + outcome_days : null,
    units_of_one_look: effect > 0 ? Math.min(requiredUnitsOfOneLook(plan, effect), Number.MAX_SAFE_INTEGER) : Number.MAX_SAFE_INTEGER,
    power,
    alpha,
    design_effect,
  };
}
