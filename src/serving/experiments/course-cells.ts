import { CourseDays } from "../../features/course-days.ts";
import { firstIds } from "../../features/first-ids.ts";
import type { FeatureStoreReader } from "../../features/store.ts";
import { DAY_MS } from "../../lib/time.ts";
import { armOf, inScope, switchbackUnit, takesPart } from "../../pricing/experiments/assignment.ts";
import type { ClusterPeriod } from "../../pricing/experiments/course-results.ts";
import type { ExperimentState } from "../../pricing/experiments/experiment-state.ts";

/** A tenth of a millisecond or two. */
const COURSES_PER_STEP = 32;

type Cell = { -readonly [Field in keyof ClusterPeriod]: ClusterPeriod[Field] };

/** The periods that lie within the experiment and are over. */
function periodsOf({ experiment: { unit }, from_ms, until_ms }: ExperimentState, now_ms: number): readonly number[] {
  if (unit.kind === "learner" || from_ms === undefined) return [];
  const period_ms = unit.period_days * DAY_MS;
  const end = Math.floor(Math.min(now_ms, until_ms) / period_ms);
  const periods: number[] = [];
  for (let period = Math.ceil(from_ms / period_ms); period < end; period++) periods.push(period);
  return periods;
}

/** What the clusters of a course-level experiment did in the periods that are over, read in steps. Assignments are drawn again: they are a function of salt, cluster and period. */
export function* courseCells(store: FeatureStoreReader, state: ExperimentState, now_ms: number): Generator<void, readonly ClusterPeriod[]> {
  const { experiment, arms, stopped_arms } = state;
  const { unit, salt, traffic } = experiment;
  const periods = periodsOf(state, now_ms);
  if (unit.kind === "learner" || periods.length === 0) return [];
  const days = new CourseDays(store);
  const cells = new Map<string, Cell>();
  const add = (course_id: string): void => {
    const category = days.read(course_id);
    if (category === undefined || !inScope(experiment, course_id, category)) return;
    const cluster = unit.cluster_by === "course" ? course_id : category;
    if (cluster === "" || !takesPart(traffic, cluster)) return;
    for (const period of periods) {
      const place = switchbackUnit(cluster, period);
      const arm = armOf(arms, salt, place).name;
      const [begin_ms, end_ms] = [period, period + 1].map((at) => at * unit.period_days * DAY_MS) as [number, number];
      if (end_ms > (stopped_arms.get(arm) ?? Number.POSITIVE_INFINITY)) continue;
      let cell = cells.get(place);
      if (cell === undefined) cells.set(place, (cell = { cluster, period, arm, course_days: 0, revenue_tokens: 0, enrollments: 0, views: 0, refunds: 0 }));
      const totals = days.between(begin_ms + unit.washout_days * DAY_MS, end_ms);
      cell.course_days += unit.period_days - unit.washout_days;
      cell.revenue_tokens += totals.revenue_tokens;
      cell.enrollments += totals.enrollments;
      cell.views += totals.views;
      cell.refunds += totals.refunds;
    }
  };
  if (experiment.courses !== undefined) {
    for (const [i, course_id] of experiment.courses.entries()) {
      add(course_id);
      if (i % COURSES_PER_STEP === 0) yield;
    }
    return [...cells.values()];
  }
  for (let ids = firstIds(store, "course", "", COURSES_PER_STEP); ids.length > 0; ids = firstIds(store, "course", ids.at(-1)!, COURSES_PER_STEP)) {
    for (const course_id of ids) add(course_id);
    yield;
  }
  return [...cells.values()];
}
