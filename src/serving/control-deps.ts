import type { ModelDesk } from "./models/model-desk.ts";
import type { PolicyDesk } from "./policies/policy-desk.ts";
import type { PolicySimulation } from "./policies/policy-simulation.ts";
import type { PriceChangeDesk } from "./price-changes/price-change-desk.ts";
import type { PersonalisationDeps } from "./routes/personalisation-routes.ts";

/** What the endpoints need that look at what CONTROL holds, and change it. */
export interface ControlDeps extends PersonalisationDeps {
  readonly models: ModelDesk;
  readonly policies: PolicyDesk;
  readonly simulation: PolicySimulation;
  readonly prices: PriceChangeDesk;
}
