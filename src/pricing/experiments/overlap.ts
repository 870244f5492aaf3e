import type { Experiment } from "../../contracts/experiment.ts";
import type { ExperimentState } from "./experiment-state.ts";

/** Whether a category's course may be one of these is known by the catalogue alone. */
export type CategoryOf = (course_id: string) => string | undefined;

function shareCourse(a: Experiment, b: Experiment, categoryOf: CategoryOf): boolean {
  if (a.courses !== undefined && b.courses !== undefined) {
    const other = new Set(b.courses);
    return a.courses.some((course) => other.has(course));
  }
  if (a.categories !== undefined && b.categories !== undefined) {
    const other = new Set(b.categories);
    return a.categories.some((category) => other.has(category));
  }
  const [courses, categories] = a.courses !== undefined ? [a.courses, b.categories] : [b.courses, a.categories];
  if (courses === undefined || categories === undefined) return true;
  // A course of which nobody knows the category yet may turn out to be of any.
  return courses.some((course) => {
    const category = categoryOf(course);
    return category === undefined || categories.includes(category);
  });
}

/** Learners, or clusters of one kind, that two ranges of the same division both hold; of units of different kinds each may meet any of the other. */
function shareUnit(a: Experiment, b: Experiment): boolean {
  const same_division = a.unit.kind === "learner" ? b.unit.kind === "learner" : b.unit.kind === "course_cluster" && a.unit.cluster_by === b.unit.cluster_by;
  return !same_division || (a.traffic.from < b.traffic.to && b.traffic.from < a.traffic.to);
}

/** The experiments, of those that have started and not ended, that would set some price that `candidate` sets. At most one experiment may ever set a price. */
export function conflicting(candidate: ExperimentState, others: readonly ExperimentState[], now_ms: number, categoryOf: CategoryOf): readonly ExperimentState[] {
  const { experiment } = candidate;
  return others.filter(
    (other) => other.experiment_id !== candidate.experiment_id && other.from_ms !== undefined && now_ms < other.until_ms && shareCourse(experiment, other.experiment, categoryOf) && shareUnit(experiment, other.experiment),
  );
}
