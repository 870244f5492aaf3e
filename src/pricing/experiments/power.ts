import { assert } from "../../lib/assert.ts";
import { tQuantileTwoSided } from "../../models/econometrics/distributions.ts";
import { alwaysValidReach } from "./always-valid.ts";

/** A comparison of two arms as it is planned. */
export interface Plan {
  /** Standard deviation of a unit's outcome, before CUPED. */
  readonly outcome_sd: number;
  /** Correlation of the outcome with the covariate: CUPED leaves 1 − ρ² of the variance. */
  readonly covariate_correlation: number;
  /** Shares of all units that the arm and the control arm get. */
  readonly arm_share: number;
  readonly control_share: number;
  /** Variance of an outcome's mean over what it would be if units were independent: 1 + (m − 1)·ICC for m units a cluster. */
  readonly design_effect: number;
  readonly alpha: number;
  readonly power: number;
  /** Variance of the mixture; undefined: the square of the effect that is planned for. */
  readonly tau2: number | undefined;
}

const UNITS_MAX = 1e15;

/** Variance of the difference of means when `units` take part in the whole experiment. */
function varianceOf(plan: Plan, units: number): number {
  const unit_variance = plan.outcome_sd ** 2 * (1 - plan.covariate_correlation ** 2) * plan.design_effect;
  return (unit_variance / units) * (1 / plan.arm_share + 1 / plan.control_share);
}

/** z with Φ(z) = p. */
function normalQuantile(p: number): number {
  if (p === 0.5) return 0;
  const z = tQuantileTwoSided(2 * Math.min(p, 1 - p), Number.POSITIVE_INFINITY);
  return p > 0.5 ? z : -z;
}

/**
 * The smallest effect that the sequential test finds with the planned power by the time that `units` have been counted. It finds it at the last look at least with that power,
 * P(θ̂ > reach) = Φ((δ − reach)/√V), and at earlier looks besides: what is promised is a lower bound.
 */
export function minimumDetectableEffect(plan: Plan, units: number): number {
  const variance = varianceOf(plan, units);
  const beyond = normalQuantile(plan.power) * Math.sqrt(variance);
  if (plan.tau2 !== undefined) return alwaysValidReach(variance, plan.tau2, plan.alpha) + beyond;
  // δ = reach(V, δ²) + z·√V: the reach falls with δ once δ² exceeds some multiple of V, so that there is one solution above the start.
  let [low, high] = [Math.sqrt(variance), Math.sqrt(variance)];
  const short = (effect: number): boolean => effect < alwaysValidReach(variance, effect * effect, plan.alpha) + beyond;
  while (short(high)) high *= 2;
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (short(middle)) low = middle;
    else high = middle;
  }
  return high;
}

/** Units in all, both arms and any others, after which the test finds `effect` with the planned power; Infinity where no number does. */
export function requiredUnits(plan: Plan, effect: number): number {
  assert(effect > 0, "an effect of 0 is never found");
  let low = 1;
  let high = 2;
  const fixed: Plan = { ...plan, tau2: plan.tau2 ?? effect * effect };
  const finds = (units: number): boolean => minimumDetectableEffect(fixed, units) <= effect;
  while (!finds(high)) {
    low = high;
    high *= 2;
    if (high > UNITS_MAX) return Number.POSITIVE_INFINITY;
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (finds(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** Units that a test with one look at the end would need: what looking every day costs stands beside it. */
export function requiredUnitsOfOneLook(plan: Plan, effect: number): number {
  const z = normalQuantile(1 - plan.alpha / 2) + normalQuantile(plan.power);
  return Math.ceil((varianceOf(plan, 1) * z * z) / (effect * effect));
}
