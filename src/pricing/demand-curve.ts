import type { Interval, PredictAnswer } from "../contracts/api.ts";
import type { Policy } from "../contracts/policy.ts";
import type { CompiledModel } from "../models/compiled.ts";
import { predictEnrollments } from "./forecast.ts";
import { supportedRange } from "./guardrails.ts";
import type { PricingInputs } from "./inputs.ts";
import { priceGrid } from "./optimizer.ts";
import { demandPrior } from "./prior.ts";

export interface DemandCurve extends Pick<PredictAnswer, "horizon_days" | "volume" | "supported_range" | "degraded"> {
  /** Ascending in price. */
  readonly points: readonly (Omit<PredictAnswer["predictions"][number], "revenue_interval"> & { readonly revenue_interval80: Interval; readonly revenue_interval95: Interval })[];
}

const times = ({ low, high }: Interval, price: number): Interval => ({ low: low * price, high: high * price });

/**
 * Enrollments and revenue over the policy's horizon, from the posterior that prices come from, at every price of the grid that the optimiser chooses
 * from and at one more: guardrails and rounding may have led the answer off the grid.
 */
export function demandCurve(inputs: PricingInputs, model: CompiledModel | null, policy: Policy, answer_price: number): DemandCurve {
  const grid = priceGrid(inputs.current_price, supportedRange(demandPrior(inputs, model), inputs.cells, policy), policy);
  const prices = grid.includes(answer_price) ? grid : [...grid, answer_price].sort((a, b) => a - b);
  const { horizon_days, volume, supported_range, predictions, degraded } = predictEnrollments(inputs, model, policy, prices, policy.horizon_days);
  const points = predictions.map(({ price, enrollments, interval80, interval95, revenue, revenue_interval }) => ({
    price,
    enrollments,
    interval80,
    interval95,
    revenue,
    revenue_interval80: times(interval80, price),
    revenue_interval95: revenue_interval,
  }));
  return { horizon_days, volume, supported_range, points, ...(degraded === undefined ? {} : { degraded }) };
}
