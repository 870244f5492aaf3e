import { Counter, Gauge, type Registry } from "prom-client";
import type { BundleService } from "../bundles/bundle-service.ts";
import type { ExperimentChecker } from "./experiment-checker.ts";
import type { ExperimentHolder } from "./experiment-holder.ts";

export interface ExperimentFigures {
  readonly holder: Pick<ExperimentHolder, "running" | "unknown_policies">;
  readonly checker: Pick<ExperimentChecker, "stopped_arms" | "failures">;
  readonly bundles: Pick<BundleService, "priced">;
}

/** Registers what is known of experiments and bundles. */
export function watchExperiments(registry: Registry, { holder, checker, bundles }: ExperimentFigures): void {
  const registers = [registry];
  const counter = (name: string, help: string, read: () => number): void => {
    const made: Counter = new Counter({
      name,
      help,
      registers,
      collect: () => {
        made.reset();
        made.inc(read());
      },
    });
  };
  const running: Gauge = new Gauge({ name: "tidemark_experiments_running", help: "Experiments that assign units now", aggregator: "max", registers, collect: () => running.set(holder.running) });
  counter("tidemark_experiments_unknown_policies_total", "Prices of arms whose policy is not known here: they were made under the policy in force, and count for no arm", () => holder.unknown_policies);
  counter("tidemark_experiments_stopped_arms_total", "Arms that this process stopped for a guardrail", () => checker.stopped_arms);
  counter("tidemark_experiments_check_failures_total", "Experiments that could not be checked, and were left to the next round", () => checker.failures);
  counter("tidemark_bundles_priced_total", "Bundles priced anew", () => bundles.priced);
}
