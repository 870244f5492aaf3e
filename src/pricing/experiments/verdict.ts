import type { ExperimentResults, Verdict } from "../../contracts/experiment-results.ts";
import type { Experiment } from "../../contracts/experiment.ts";
import { twoDecimals } from "../money.ts";
import { type ExperimentState, phaseOf } from "./experiment-state.ts";
import type { SampleRatio } from "./sample-ratio.ts";

/** Variance of the mixture: as defined, before any data. */
export function tau2Of({ tau2, minimum_effect }: Pick<Experiment, "tau2" | "minimum_effect">): number {
  return tau2 ?? minimum_effect * minimum_effect;
}

interface Evidence extends Pick<ExperimentResults, "days" | "comparisons"> {
  readonly sample_ratio: SampleRatio | undefined;
}

/** What may be concluded, and in which words. A skewed sample ratio blocks any verdict; clear results before `minimum_days` wait. */
export function verdictOf(state: ExperimentState, { days, comparisons, sample_ratio }: Evidence, now_ms: number): Verdict {
  const { experiment, from_ms } = state;
  const none = (decision: Verdict["decision"], reason: string): Verdict => ({ decision, arm: null, reason });
  if (from_ms === undefined || now_ms < from_ms) return none("not_started", "Nobody has been assigned yet.");
  if (sample_ratio?.ok === false) {
    return none("blocked", `The arms' counts differ from their shares (p = ${sample_ratio.p_value.toExponential(1)}): whatever moved units between them may have moved the outcome. Find the cause and begin anew.`);
  }
  if (days < experiment.minimum_days) return none("too_early", `${twoDecimals(days)} of at least ${experiment.minimum_days} days have passed.`);
  const clear = comparisons.filter(({ p_value, effect }) => p_value <= experiment.alpha && effect !== null);
  const best = clear.filter(({ effect }) => effect! > 0).toSorted((a, b) => b.effect! - a.effect!)[0];
  if (best !== undefined) return { decision: "better", arm: best.arm, reason: `${best.arm} beats ${best.against} by ${twoDecimals(best.effect!)} (${experiment.metric}), p = ${best.p_value.toExponential(1)}.` };
  if (comparisons.length > 0 && clear.length === comparisons.length) return { decision: "worse", arm: experiment.control_arm, reason: `Every other arm does worse than ${experiment.control_arm}.` };
  const over = phaseOf(state, now_ms) === "ended" || state.stopped;
  return none("undecided", over ? "It is over, and no difference is certain." : "No difference is certain yet.");
}
