import type { ExperimentMessage } from "../../contracts/control.ts";
import type { ExperimentResults } from "../../contracts/experiment-results.ts";
import { COURSE_DAYS_MAX, type Experiment } from "../../contracts/experiment.ts";
import { DAY_MS, parseTime } from "../../lib/time.ts";
import { type Arm, armsOf } from "./assignment.ts";

export type ExperimentPhase = "draft" | "scheduled" | "running" | "ended" | "stopped";

/** What CONTROL's messages of one experiment come to. Times are ms. */
export interface ExperimentState {
  readonly experiment_id: string;
  readonly experiment: Experiment;
  readonly arms: readonly Arm[];
  /** CONTROL sequence of the last message: what a change is decided on. */
  readonly sequence: number;
  /** Of the start; Infinity before it. */
  readonly started_sequence: number;
  /** When units began to be assigned, or will: the start, or `starts_at` where that is later; undefined before somebody started it. */
  readonly from_ms: number | undefined;
  /** When they are not assigned any more: the stop, or the scheduled end; Infinity where neither is known. */
  readonly until_ms: number;
  readonly stopped: boolean;
  /** Arms that were stopped on their own, and when. */
  readonly stopped_arms: ReadonlyMap<string, number>;
  readonly verdict: string | undefined;
  /** Those of the stop. */
  readonly results: ExperimentResults | undefined;
}

interface Told {
  readonly sequence: number;
  readonly message: ExperimentMessage;
}

/**
 * Reads an experiment's messages in order. What cannot follow what was said before changes nothing: a definition after the start, a start without a definition, anything after
 * the stop. undefined before the first definition.
 */
export function experimentState(history: readonly Told[]): ExperimentState | undefined {
  let experiment: Experiment | undefined;
  let [sequence, started_sequence] = [0, Number.POSITIVE_INFINITY];
  let [started_ms, stopped_ms] = [Number.NaN, Number.NaN];
  const stopped_arms = new Map<string, number>();
  let verdict: string | undefined;
  let results: ExperimentResults | undefined;
  for (const { sequence: own, message } of history) {
    sequence = own;
    const time_ms = parseTime(message.time);
    const running = !Number.isNaN(started_ms) && Number.isNaN(stopped_ms);
    if (message.type === "experiment.defined" && Number.isNaN(started_ms)) experiment = message.experiment;
    else if (message.type === "experiment.started" && experiment !== undefined && Number.isNaN(started_ms)) [started_ms, started_sequence] = [time_ms, own];
    else if (message.type === "experiment.arm_stopped" && running && !stopped_arms.has(message.arm)) stopped_arms.set(message.arm, time_ms);
    else if (message.type === "experiment.stopped" && running) {
      stopped_ms = time_ms;
      ({ verdict, results } = message);
    }
  }
  const id = history.at(-1)?.message.experiment_id;
  if (experiment === undefined || id === undefined) return undefined;
  const starts_ms = experiment.starts_at === undefined ? started_ms : Math.max(started_ms, parseTime(experiment.starts_at));
  const ends_ms = experiment.ends_at === undefined ? Number.POSITIVE_INFINITY : parseTime(experiment.ends_at);
  const kept_ms = experiment.unit.kind === "learner" || Number.isNaN(starts_ms) ? Number.POSITIVE_INFINITY : starts_ms + COURSE_DAYS_MAX * DAY_MS;
  return {
    experiment_id: id,
    experiment,
    arms: armsOf(experiment),
    sequence,
    started_sequence,
    from_ms: Number.isNaN(starts_ms) ? undefined : starts_ms,
    until_ms: Math.min(ends_ms, kept_ms, Number.isNaN(stopped_ms) ? Number.POSITIVE_INFINITY : stopped_ms),
    stopped: !Number.isNaN(stopped_ms),
    stopped_arms,
    verdict,
    results,
  };
}

export function phaseOf({ from_ms, until_ms, stopped }: ExperimentState, now_ms: number): ExperimentPhase {
  if (stopped) return "stopped";
  if (from_ms === undefined) return "draft";
  if (now_ms >= until_ms) return "ended";
  return now_ms < from_ms ? "scheduled" : "running";
}
