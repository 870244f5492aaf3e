import type { Lease } from "../../ingest/lease.ts";
import { errorMessage } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { DAY_MS } from "../../lib/time.ts";
import { type ExperimentState, phaseOf } from "../../pricing/experiments/experiment-state.ts";
import type { ExperimentDesk } from "./experiment-desk.ts";

/** Who stops what nobody stopped by hand. */
const AUTHOR = "tidemark";

export interface ExperimentCheckerDeps {
  readonly desk: ExperimentDesk;
  readonly lease: Lease;
  readonly logger: Logger;
}

/**
 * Stops arms that a guardrail does not allow, and what is over. One process of all hosts does it, by a lease; two who both believed to hold it would decide on the same message
 * of CONTROL, which takes one of them.
 */
export class ExperimentChecker {
  readonly #deps: ExperimentCheckerDeps;
  #stopped_arms = 0;
  #failures = 0;

  constructor(deps: ExperimentCheckerDeps) {
    this.#deps = deps;
  }

  /** Arms that this process has stopped. */
  get stopped_arms(): number {
    return this.#stopped_arms;
  }

  /** Experiments that were left to the next round. */
  get failures(): number {
    return this.#failures;
  }

  async check(): Promise<void> {
    const { desk, lease, logger } = this.#deps;
    const due = desk.list().filter((state) => isWatched(state, desk.now_ms()));
    if (due.length === 0 || !(await lease.hold())) return;
    for (const state of due) {
      try {
        await this.#checkOne(state);
      } catch (error) {
        // Somebody else's change, or a broker that is away: the next round decides on what is there then.
        this.#failures++;
        logger.warn({ experiment_id: state.experiment_id, error: errorMessage(error) }, "an experiment could not be checked");
      }
    }
  }

  async #checkOne(state: ExperimentState): Promise<void> {
    const { desk, logger } = this.#deps;
    const { experiment_id, experiment, stopped_arms, arms } = state;
    if (phaseOf(state, desk.now_ms()) === "ended") {
      const { verdict } = await desk.results(state);
      await desk.stop(experiment_id, verdict.reason, { author: AUTHOR, reason: "it is over" });
      return;
    }
    const { guardrails } = await desk.results(state);
    const breach = guardrails.find(({ breached, arm }) => breached && !stopped_arms.has(arm));
    if (breach === undefined) return;
    const worse = `${breach.metric} of ${breach.arm} is worse than that of ${experiment.control_arm} by ${breach.worse_by?.low.toPrecision(3)} at least, which is more than ${breach.worse_by_max}`;
    logger.warn({ experiment_id, arm: breach.arm, metric: breach.metric }, "a guardrail stops an arm");
    const left = arms.filter(({ name }) => !stopped_arms.has(name) && name !== breach.arm);
    // The control arm alone compares nothing.
    if (left.length < 2) await desk.stop(experiment_id, worse, { author: AUTHOR, reason: "a guardrail left nothing to compare" });
    else await desk.stopArm(experiment_id, breach.arm, worse, { author: AUTHOR, reason: "guardrail" });
    this.#stopped_arms++;
  }
}

/** Running with guardrails, or over and every outcome final. */
function isWatched(state: ExperimentState, now_ms: number): boolean {
  const { experiment, until_ms } = state;
  const phase = phaseOf(state, now_ms);
  if (phase === "running") return experiment.guardrails.length > 0;
  return phase === "ended" && now_ms >= until_ms + (experiment.unit.kind === "learner" ? experiment.outcome_days * DAY_MS : 0);
}
