import type { ExperimentMessage } from "../../contracts/control.ts";
import type { ExperimentResults } from "../../contracts/experiment-results.ts";
import type { Experiment } from "../../contracts/experiment.ts";
import type { Clock } from "../../lib/clock.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { courseResults } from "../../pricing/experiments/course-results.ts";
import { type ExperimentState, experimentState, phaseOf } from "../../pricing/experiments/experiment-state.ts";
import { learnerResultsInSteps } from "../../pricing/experiments/learner-results.ts";
import { conflicting, shadowing } from "../../pricing/experiments/overlap.ts";
import type { ControlDesk } from "../control-desk.ts";
import { type FeatureSource, mustFeatures, type OpenFeatures } from "../feature-source.ts";
import type { LearnerScores } from "../learners/learner-scores.ts";
import type { PolicySource } from "../policy-source.ts";
import { ProblemError } from "../problem.ts";
import { Rebuilt } from "../rebuilt.ts";
import type { Turns } from "../turns.ts";
import { courseCells } from "./course-cells.ts";
import type { ExperimentHolder } from "./experiment-holder.ts";
import { learnerUnits } from "./learner-units.ts";

/** Experiments that are kept: more are refused. */
export const EXPERIMENTS_MAX = 1_000;
/** Whose results are kept between askings. */
const RESULTS_KEPT_MAX = 32;
/** Course records hold days for so long after a course-level experiment has ended that its results can still be read. */
const CELLS_KEPT_DAYS = 5;

export interface ExperimentDeskDeps {
  readonly features: FeatureSource;
  readonly control: Pick<ControlDesk, "write">;
  readonly holder: ExperimentHolder;
  /** Those in force without experiments: an arm's policy must be one that is known. */
  readonly policies: Pick<PolicySource, "byVersion">;
  readonly scores: LearnerScores;
  readonly turns: Turns;
  readonly clock: Clock;
}

/** Who changes an experiment, and why. */
export interface Change {
  readonly author: string;
  readonly reason: string;
}

type Said = ExperimentMessage extends infer Message ? (Message extends ExperimentMessage ? Omit<Message, "time" | "author" | "reason" | "experiment_id"> : never) : never;

/** Experiments as CONTROL has them: what may be changed when, and what they say so far. */
export class ExperimentDesk {
  readonly #deps: ExperimentDeskDeps;
  /** In order of use. */
  readonly #results = new Map<string, Rebuilt<ExperimentResults>>();

  constructor(deps: ExperimentDeskDeps) {
    this.#deps = deps;
  }

  now_ms(): number {
    return this.#deps.clock.now_ms();
  }

  /** In order of ids. Throws ProblemError without features. */
  list(): readonly ExperimentState[] {
    mustFeatures(this.#deps.features);
    this.#deps.holder.check();
    return this.#deps.holder.states.toSorted((a, b) => (a.experiment_id < b.experiment_id ? -1 : 1));
  }

  /** Throws ProblemError `not_found`. */
  find(experiment_id: string): ExperimentState {
    const state = experimentState(mustFeatures(this.#deps.features).store.controlHistory("experiment", experiment_id));
    if (state === undefined) throw new ProblemError("not_found", `There is no experiment ${experiment_id}. GET /experiments lists what there is.`);
    return state;
  }

  /** A new experiment, or another definition of a draft. Throws ProblemError `conflict` once it has started. */
  async define(experiment_id: string, experiment: Experiment, change: Change): Promise<ExperimentState> {
    const { store } = mustFeatures(this.#deps.features);
    const before = experimentState(store.controlHistory("experiment", experiment_id));
    if (before?.from_ms !== undefined) throw new ProblemError("conflict", `Experiment ${experiment_id} has started: what it compares does not change any more. Define another one.`);
    if (before === undefined && store.controlIds("experiment").length >= EXPERIMENTS_MAX) throw new ProblemError("conflict", `There are ${EXPERIMENTS_MAX} experiments already: define a draft anew instead.`);
    this.check(experiment);
    return this.#say(experiment_id, { type: "experiment.defined", experiment }, change, before?.sequence ?? 0);
  }

  /** Throws ProblemError `conflict` where another experiment would set the same price. */
  async start(experiment_id: string, change: Change): Promise<ExperimentState> {
    const state = this.find(experiment_id);
    if (state.from_ms !== undefined) throw new ProblemError("conflict", `Experiment ${experiment_id} has started already.`);
    this.check(state.experiment);
    if (this.now_ms() >= state.until_ms) throw new ProblemError("conflict", `Experiment ${experiment_id} would have ended at ${state.experiment.ends_at}: define it anew.`);
    const others = this.conflicts(state);
    if (others.length > 0) {
      const names = others.map((other) => other.experiment_id).join(", ");
      throw new ProblemError("conflict", `${experiment_id} would set prices that ${names} sets. Give them other courses or categories, ranges of traffic that do not meet (learners with learners), or wait until ${names} has ended.`);
    }
    return this.#say(experiment_id, { type: "experiment.started" }, change, state.sequence);
  }

  /** For good: units go back to the policy in force. The results of the moment are kept with the message. */
  async stop(experiment_id: string, verdict: string | undefined, change: Change): Promise<ExperimentState> {
    const state = this.#mustRun(experiment_id);
    const results = await this.results(state);
    return this.#say(experiment_id, { type: "experiment.stopped", results, ...(verdict === undefined ? {} : { verdict }) }, change, state.sequence);
  }

  async stopArm(experiment_id: string, arm: string, verdict: string, change: Change): Promise<ExperimentState> {
    const state = this.#mustRun(experiment_id);
    return this.#say(experiment_id, { type: "experiment.arm_stopped", arm, verdict }, change, state.sequence);
  }

  /** Started experiments that set the same prices: what is in a draft's way, and why a started one assigns nobody. */
  conflicts(state: ExperimentState): readonly ExperimentState[] {
    return state.from_ms === undefined ? conflicting(state, this.list(), this.now_ms()) : shadowing(state, this.list());
  }

  /** As of some seconds ago at most. Throws ProblemError `overloaded`. */
  async results(state: ExperimentState): Promise<ExperimentResults> {
    const { features, turns } = this.#deps;
    const now_ms = this.now_ms();
    if (state.results !== undefined && state.experiment.unit.kind === "course_cluster" && now_ms > state.until_ms + CELLS_KEPT_DAYS * DAY_MS) return state.results;
    return turns.admit(async () => {
      for (;;) {
        const built = await this.#rebuilt(state).of(mustFeatures(features));
        if (built !== undefined) return built.value;
      }
    });
  }

  /** Kept for one state of an experiment: its sequence is part of what is looked up. */
  #rebuilt(state: ExperimentState): Rebuilt<ExperimentResults> {
    const key = `${state.experiment_id}/${state.sequence}`;
    const rebuilt = this.#results.get(key) ?? new Rebuilt(this.#deps, (open, now_ms) => this.#read(open, state, now_ms));
    this.#results.delete(key);
    this.#results.set(key, rebuilt);
    if (this.#results.size > RESULTS_KEPT_MAX) for (const oldest of this.#results.keys()) {
      this.#results.delete(oldest);
      break;
    }
    return rebuilt;
  }

  *#read(open: OpenFeatures, state: ExperimentState, now_ms: number): Generator<void, ExperimentResults> {
    if (state.experiment.unit.kind === "learner") {
      const { units, share_read } = yield* learnerUnits(open, state, this.#deps.scores, now_ms);
      return { ...(yield* learnerResultsInSteps(state, units, now_ms)), share_read };
    }
    const cells = yield* courseCells(open.store, state, now_ms);
    return courseResults(state, cells, now_ms);
  }

  #mustRun(experiment_id: string): ExperimentState {
    const state = this.find(experiment_id);
    const phase = phaseOf(state, this.now_ms());
    if (phase === "draft" || phase === "stopped") throw new ProblemError("conflict", `Experiment ${experiment_id} ${phase === "draft" ? "has not started" : "was stopped already"}.`);
    return state;
  }

  /** Whether every arm has a price. Throws ProblemError `invalid_field`. */
  check({ arms }: Experiment): void {
    for (const [i, { price }] of arms.entries()) {
      if (price.kind !== "policy") continue;
      const version = `${price.policy_id}-${price.revision}`;
      if (this.#deps.policies.byVersion(version) === undefined) throw new ProblemError("invalid_field", `There is no policy ${version}: GET /policies lists what there is.`, { field: `experiment.arms.${i}.price` });
    }
  }

  async #say(experiment_id: string, said: Said, { author, reason }: Change, expected_sequence: number): Promise<ExperimentState> {
    const message: ExperimentMessage = { time: formatTime(this.now_ms()), author, reason, experiment_id, ...said };
    await this.#deps.control.write("experiment", experiment_id, message, expected_sequence);
    this.#deps.holder.check();
    return this.find(experiment_id);
  }
}
