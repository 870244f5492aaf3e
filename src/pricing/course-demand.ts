import type { CompiledModel } from "../models/compiled.ts";
import { afterBreak, type DemandBreak, demandBreak } from "./demand-break.ts";
import type { PricingInputs } from "./inputs.ts";
import { isJittered, jitteredPosterior } from "./jitter-posterior.ts";
import { type DemandPosterior, demandPosterior } from "./posterior.ts";
import { demandPrior } from "./prior.ts";

/** What is believed of a course's demand, and whether it has just changed. */
export interface CourseDemand {
  readonly posterior: DemandPosterior;
  readonly demand_break: DemandBreak | undefined;
}

/** From a course's inputs: the posterior of its cells, by their random parts where there are any, and anew where recent sales break with it. */
export function courseDemand(inputs: PricingInputs, model: CompiledModel | null): CourseDemand {
  const prior = demandPrior(inputs, model);
  const jittered = inputs.exposure === "views" && isJittered(inputs.cells, inputs.jitter_cells);
  const posterior = jittered ? jitteredPosterior(prior, inputs.cells, inputs.jitter_cells) : demandPosterior(prior, inputs.cells);
  const demand_break = demandBreak(inputs, posterior);
  if (demand_break === undefined) return { posterior, demand_break };
  const after = afterBreak(inputs, posterior, demand_break);
  return { posterior: jittered ? jitteredPosterior(after.prior, after.cells, inputs.jitter_cells) : demandPosterior(after.prior, after.cells), demand_break };
}
