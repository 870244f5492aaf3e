import type { Experiment } from "../../contracts/experiment.ts";
import { parseTime } from "../../lib/time.ts";
import type { ExperimentState } from "./experiment-state.ts";

/** Courses change their category while experiments run: a list of courses and one of categories may meet at any time. */
function shareCourse(a: Experiment, b: Experiment): boolean {
  const meet = (one: readonly string[], other: readonly string[]): boolean => {
    const names = new Set(other);
    return one.some((name) => names.has(name));
  };
  if (a.courses !== undefined && b.courses !== undefined) return meet(a.courses, b.courses);
  if (a.categories !== undefined && b.categories !== undefined) return meet(a.categories, b.categories);
  return true;
}

/** Learners, or clusters of one kind, that two ranges of the same division both hold; of units of different kinds each may meet any of the other. */
function shareUnit(a: Experiment, b: Experiment): boolean {
  const same_division = a.unit.kind === "learner" ? b.unit.kind === "learner" : b.unit.kind === "course_cluster" && a.unit.cluster_by === b.unit.cluster_by;
  return !same_division || (a.traffic.from < b.traffic.to && b.traffic.from < a.traffic.to);
}

/** Of the experiments that somebody has started, those that would set a price which `candidate` sets from `from_ms` on: at most one may. */
function sharing(candidate: ExperimentState, from_ms: number, others: readonly ExperimentState[]): readonly ExperimentState[] {
  const { experiment, until_ms, experiment_id } = candidate;
  return others.filter(
    (other) => other.experiment_id !== experiment_id && other.from_ms !== undefined && other.from_ms < until_ms && from_ms < other.until_ms && shareCourse(experiment, other.experiment) && shareUnit(experiment, other.experiment),
  );
}

/** What is in a draft's way, were it started now. */
export function conflicting(draft: ExperimentState, others: readonly ExperimentState[], now_ms: number): readonly ExperimentState[] {
  const { starts_at } = draft.experiment;
  return sharing(draft, starts_at === undefined ? now_ms : Math.max(now_ms, parseTime(starts_at)), others);
}

/**
 * Those of two that were started at the same moment, by people who could not see the other's start: the one that CONTROL has later assigns nobody, for good. Every host finds
 * the same ones, since it follows from CONTROL alone.
 */
export function shadowing(state: ExperimentState, others: readonly ExperimentState[]): readonly ExperimentState[] {
  if (state.from_ms === undefined) return [];
  return sharing(state, state.from_ms, others).filter(({ started_sequence }) => started_sequence < state.started_sequence);
}
