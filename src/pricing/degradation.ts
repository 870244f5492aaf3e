import { type DegradedReason, degradedReasons } from "../contracts/api.ts";
import type { PricingInputs } from "./inputs.ts";
import type { DemandPosterior } from "./posterior.ts";

/** Why an answer is less than it should be: what the caller knows already, and what the posterior adds. Empty: nothing. */
export function degradation(inputs: PricingInputs, posterior: DemandPosterior): DegradedReason[] {
  const found = new Set(inputs.degraded);
  if (!posterior.prior.modelled) found.add("no_model");
  if (!posterior.converged) found.add("not_converged");
  return degradedReasons.filter((reason) => found.has(reason));
}
