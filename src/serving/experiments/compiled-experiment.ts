import { must } from "../../lib/assert.ts";
import { DAY_MS } from "../../lib/time.ts";
import { type Arm, armOf, periodOf, switchbackUnit, takesPart } from "../../pricing/experiments/assignment.ts";
import type { ExperimentState } from "../../pricing/experiments/experiment-state.ts";
import type { CourseScope } from "../policy-source.ts";

/** An experiment that assigns, now or later, as price calls ask it. */
export class CompiledExperiment {
  readonly state: ExperimentState;
  readonly from_ms: number;
  readonly #categories: ReadonlySet<string> | undefined;
  readonly #courses: ReadonlySet<string> | undefined;

  /** `state` has been started. */
  constructor(state: ExperimentState) {
    this.state = state;
    this.from_ms = must(state.from_ms, "an experiment that assigns has been started");
    this.#categories = state.experiment.categories && new Set(state.experiment.categories);
    this.#courses = state.experiment.courses && new Set(state.experiment.courses);
  }

  get by_learner(): boolean {
    return this.state.experiment.unit.kind === "learner";
  }

  /** When the next price may be another without anybody having said anything: a start, an end, a new period. Infinity: never. */
  changesAfter(now_ms: number): number {
    const { experiment, until_ms } = this.state;
    if (now_ms < this.from_ms) return this.from_ms;
    if (now_ms >= until_ms) return Number.POSITIVE_INFINITY;
    if (experiment.unit.kind === "learner") return until_ms;
    return Math.min(until_ms, (periodOf(now_ms, experiment.unit.period_days) + 1) * experiment.unit.period_days * DAY_MS);
  }

  /** The arm of a learner for prices of this course; undefined where the experiment does not ask about it, or not any more. */
  learnerArm(learner_id: string, scope: CourseScope, now_ms: number): Arm | undefined {
    return this.#asks(scope, now_ms) ? this.#arm(learner_id, learner_id, now_ms) : undefined;
  }

  /** The arm that the course's cluster has in this period. */
  courseArm(scope: CourseScope, now_ms: number): Arm | undefined {
    const { unit } = this.state.experiment;
    if (unit.kind === "learner" || !this.#asks(scope, now_ms)) return undefined;
    const cluster = unit.cluster_by === "course" ? scope.course_id : scope.category;
    return cluster === null || cluster === "" ? undefined : this.#arm(cluster, switchbackUnit(cluster, periodOf(now_ms, unit.period_days)), now_ms);
  }

  #asks({ course_id, category }: CourseScope, now_ms: number): boolean {
    if (now_ms < this.from_ms || now_ms >= this.state.until_ms) return false;
    if (this.#courses !== undefined) return course_id !== null && this.#courses.has(course_id);
    return this.#categories === undefined || this.#categories.has(category);
  }

  #arm(participant: string, unit: string, now_ms: number): Arm | undefined {
    const { experiment, arms, stopped_arms } = this.state;
    if (!takesPart(experiment.traffic, participant)) return undefined;
    const arm = armOf(arms, experiment.salt, unit);
    const stopped_ms = stopped_arms.get(arm.name);
    return stopped_ms !== undefined && now_ms >= stopped_ms ? undefined : arm;
  }
}
