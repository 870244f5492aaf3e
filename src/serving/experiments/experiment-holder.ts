import type { Exposure } from "../../contracts/experiment.ts";
import type { Policy } from "../../contracts/policy.ts";
import { STREAM_CONTROL } from "../../contracts/subjects.ts";
import type { FeatureStoreReader } from "../../features/store.ts";
import { EntityReader, entityFeatureNames } from "../../features/entity-reader.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Arm } from "../../pricing/experiments/assignment.ts";
import { type ExperimentState, experimentState } from "../../pricing/experiments/experiment-state.ts";
import { shadowing } from "../../pricing/experiments/overlap.ts";
import { type FeatureSource, PerStore } from "../feature-source.ts";
import type { CourseScope, PersonalPolicy, PolicySource } from "../policy-source.ts";
import { CompiledExperiment } from "./compiled-experiment.ts";

const HELD = "-held";
const SPENT_90D = entityFeatureNames.learner.indexOf("spent_90d_tokens");

export interface ExperimentHolderDeps {
  /** The policies in force where no experiment says otherwise. */
  readonly policies: PolicySource;
  readonly features: FeatureSource;
  readonly clock: Clock;
}

/**
 * The policies in force, experiments included: a course-level arm answers for its cluster and period, a learner's arm for the learner. An arm whose policy is not known
 * here counts as none, and is no exposure.
 */
export class ExperimentHolder implements PolicySource {
  readonly #deps: ExperimentHolderDeps;
  readonly #learners = new PerStore(({ store }) => new EntityReader(store));
  readonly #held = new WeakMap<Policy, Policy>();
  readonly #known = new Map<string, { readonly messages: number; readonly state: ExperimentState | undefined }>();
  #states: readonly ExperimentState[] = [];
  #by_course: readonly CompiledExperiment[] = [];
  #by_learner: readonly CompiledExperiment[] = [];
  #read: { readonly store: unknown; readonly sequence: number } | undefined;
  #revision = 0;
  #base_revision: number;
  /** When a price may change by time alone. */
  #changes_at_ms = Number.POSITIVE_INFINITY;
  #unknown_policies = 0;

  constructor(deps: ExperimentHolderDeps) {
    this.#deps = deps;
    this.#base_revision = deps.policies.revision;
  }

  /** Every experiment that CONTROL has spoken of and defined, as of the last check, in order of appearance here. */
  get states(): readonly ExperimentState[] {
    return this.#states;
  }

  /** Prices of arms whose policy is not known here. */
  get unknown_policies(): number {
    return this.#unknown_policies;
  }

  /** Of them, those that assign units now. */
  get running(): number {
    const now_ms = this.#deps.clock.now_ms();
    return [...this.#by_course, ...this.#by_learner].filter(({ from_ms, state }) => from_ms <= now_ms && now_ms < state.until_ms).length;
  }

  get revision(): number {
    const base = this.#deps.policies.revision;
    const timed = this.#changes_at_ms < Number.POSITIVE_INFINITY && this.#deps.clock.now_ms() >= this.#changes_at_ms;
    if (base !== this.#base_revision || timed) {
      this.#base_revision = base;
      this.#changed();
    }
    return this.#revision;
  }

  get platform(): Policy {
    return this.#deps.policies.platform;
  }

  /** Reads CONTROL where it has moved on: four times a second, and by whoever has just written to it. */
  check(): void {
    const open = this.#deps.features.current;
    if (open === undefined) return;
    const sequence = open.store.cursor(STREAM_CONTROL)?.sequence ?? 0;
    if (this.#read?.store === open && this.#read.sequence === sequence) return;
    const another = this.#read?.store !== open;
    if (another) this.#known.clear();
    this.#read = { store: open, sequence };
    if (!this.#readChanged(open.store) && !another) return;
    const states = [...this.#known.values()].flatMap(({ state }) => state ?? []);
    this.#states = states;
    const now_ms = this.#deps.clock.now_ms();
    const live = states.filter((state) => state.from_ms !== undefined && now_ms < state.until_ms && shadowing(state, states).length === 0).map((state) => new CompiledExperiment(state));
    this.#by_course = live.filter(({ by_learner }) => !by_learner);
    this.#by_learner = live.filter(({ by_learner }) => by_learner);
    this.#changed();
  }

  /** Whether an experiment has had another message: CONTROL moves on for many other reasons. */
  #readChanged(store: FeatureStoreReader): boolean {
    let changed = false;
    for (const id of store.controlIds("experiment")) {
      const messages = store.controlCount("experiment", id);
      if (this.#known.get(id)?.messages === messages) continue;
      changed = true;
      this.#known.set(id, { messages, state: experimentState(store.controlHistory("experiment", id)) });
    }
    return changed;
  }

  policyFor(scope: CourseScope, now_ms: number): Policy {
    const base = this.#deps.policies.policyFor(scope, now_ms);
    for (const experiment of this.#by_course) {
      const arm = experiment.courseArm(scope, now_ms);
      // At most one experiment sets a price (src/pricing/experiments/overlap.ts).
      if (arm !== undefined) return this.#policyOf(arm, base) ?? base;
    }
    return base;
  }

  personalPolicyFor(learner_id: string, scope: CourseScope, now_ms: number): PersonalPolicy {
    for (const experiment of this.#by_learner) {
      const arm = experiment.learnerArm(learner_id, scope, now_ms);
      if (arm === undefined) continue;
      const base = this.#deps.policies.personalPolicyFor(learner_id, scope, now_ms);
      const policy = arm.price.kind === "list" ? null : arm.price.kind === "active" ? base.policy : this.#version(arm);
      return policy === undefined ? base : { policy, experiments: [...base.experiments, this.#exposure(experiment, arm, learner_id, now_ms)] };
    }
    if (this.#by_course.length === 0) return this.#deps.policies.personalPolicyFor(learner_id, scope, now_ms);
    const base = this.#deps.policies.personalPolicyFor(learner_id, scope, now_ms);
    const policy = this.policyFor(scope, now_ms);
    // What a course-level arm charges everybody is the list price that this learner starts from.
    return base.policy === null || policy === this.#deps.policies.policyFor(scope, now_ms) ? base : { policy, experiments: base.experiments };
  }

  byVersion(version: string): Policy | undefined {
    const base = this.#deps.policies.byVersion(version);
    // Versions end in a number: none of the others ends like this.
    if (base !== undefined || !version.endsWith(HELD)) return base;
    const held = this.#deps.policies.byVersion(version.slice(0, -HELD.length));
    return held && this.#heldAt(held);
  }

  #policyOf(arm: Arm, base: Policy): Policy | undefined {
    if (arm.price.kind === "active") return base;
    return arm.price.kind === "list" ? this.#heldAt(base) : this.#version(arm);
  }

  #version({ price }: Arm): Policy | undefined {
    const policy = price.kind === "policy" ? this.#deps.policies.byVersion(`${price.policy_id}-${price.revision}`) : undefined;
    if (policy === undefined) this.#unknown_policies++;
    return policy;
  }

  /** The policy that recommends the list price as it is, whatever `policy` would: one object a policy. */
  #heldAt(policy: Policy): Policy {
    let held = this.#held.get(policy);
    if (held === undefined) {
      held = Object.freeze({ ...policy, version: `${policy.version}${HELD}`, step_log_max: 0, rounding: { kind: "whole" as const }, exploration: { kind: "none" as const } });
      this.#held.set(policy, held);
    }
    return held;
  }

  #exposure({ state: { experiment_id, experiment } }: CompiledExperiment, { name, probability }: Arm, learner_id: string, now_ms: number): Exposure {
    const exposure: Exposure = { id: experiment_id, arm: name, probability };
    const open = this.#deps.features.current;
    if (!experiment.cuped || open === undefined) return exposure;
    // Who has done nothing yet has spent nothing.
    return { ...exposure, covariate: this.#learners.of(open).read("learner", learner_id, now_ms)?.values[SPENT_90D] ?? 0 };
  }

  #changed(): void {
    this.#revision++;
    const now_ms = this.#deps.clock.now_ms();
    this.#changes_at_ms = Math.min(Number.POSITIVE_INFINITY, ...[...this.#by_course, ...this.#by_learner].map((experiment) => experiment.changesAfter(now_ms)));
  }
}
