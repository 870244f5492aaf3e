import type { PolicyMessage } from "../../contracts/control.ts";
import type { PolicyAnswer, PolicyChangedAnswer, PolicyDiffAnswer, PolicyListAnswer, PolicyValidateAnswer } from "../../contracts/policy-api.ts";
import type { PolicyDocument } from "../../contracts/policy.ts";
import type { Clock } from "../../lib/clock.ts";
import { formatTime } from "../../lib/time.ts";
import { type ActiveDocument, conflictBetween } from "../../pricing/policy-book.ts";
import { validatePolicy } from "../../pricing/policy-conflicts.ts";
import { documentDiff } from "../../pricing/policies/document-diff.ts";
import { activeDocument, type PolicyState, policyState } from "../../pricing/policies/policy-history.ts";
import type { ControlDesk } from "../control-desk.ts";
import { type FeatureSource, mustFeatures } from "../feature-source.ts";
import { ProblemError } from "../problem.ts";
import { builtInPolicy, type PolicyHolder, versionOf } from "./policy-holder.ts";

/** Every process reads all of them when one changes. */
const POLICIES_MAX = 200;
/** Of one policy; beyond, another one is to be begun. The fold keeps more. */
const CHANGES_MAX = 200;

export interface PolicyDeskDeps {
  readonly desk: ControlDesk;
  readonly features: FeatureSource;
  readonly holder: PolicyHolder;
  readonly clock: Clock;
}

/** Who changes a policy, why, and which message of it they have seen last (undefined: whichever is there). */
export interface PolicyOrder {
  readonly author: string;
  readonly reason: string;
  readonly expected_sequence?: number | undefined;
}

type Step<Type extends PolicyMessage["type"]> = Omit<Extract<PolicyMessage, { type: Type }>, "time" | "author" | "reason" | "policy_id">;

/** What is known of policies, and what may be made of them. Every change is a message on CONTROL that was decided on the last one of its policy. */
export class PolicyDesk {
  readonly #deps: PolicyDeskDeps;

  constructor(deps: PolicyDeskDeps) {
    this.#deps = deps;
  }

  list(): PolicyListAnswer {
    return { policies: this.#ids().map((id) => this.#item(this.#state(id))), platform: this.#deps.holder.platform.version };
  }

  show(policy_id: string, revision: number | undefined): PolicyAnswer {
    const state = this.#known(policy_id);
    const chosen = revision === undefined ? shown(state) : { revision, document: this.#document(state, revision) };
    return { ...this.#standing(state), revision: chosen?.revision ?? null, document: chosen?.document ?? null, changes: [...state.changes] };
  }

  diff(policy_id: string, from: number | undefined, to: number | undefined): PolicyDiffAnswer {
    const state = this.#known(policy_id);
    const left = from ?? state.active ?? state.latest;
    const right = to ?? state.latest;
    return { policy_id, from: left, to: right, changes: documentDiff(this.#document(state, left, "from"), this.#document(state, right, "to")) };
  }

  /** Whether a document may be drafted, and activated beside what is in force. */
  validate(document: PolicyDocument, policy_id = "candidate"): PolicyValidateAnswer {
    const conflicts = this.#conflicts(document);
    const overlap = this.#overlap(policy_id, { version: versionOf(policy_id, this.#state(policy_id).latest + 1), document });
    return { valid: conflicts.length === 0 && overlap === undefined, conflicts, overlap: overlap === undefined ? null : { versions: [...overlap.versions], message: overlap.message } };
  }

  /** The next revision; it changes no price. Throws ProblemError `invalid_policy` with the rules that contradict each other. */
  async draft(policy_id: string, policy: PolicyDocument, order: PolicyOrder): Promise<PolicyChangedAnswer> {
    const state = this.#state(policy_id);
    if (state.changes.length === 0 && policy_id !== builtInPolicy.policy_id && this.#ids().length >= POLICIES_MAX) {
      throw new ProblemError("conflict", `There are ${POLICIES_MAX} policies already: draft a revision of one of them.`);
    }
    this.#refuseConflicts(policy);
    return this.#write<"policy.drafted">(state, { type: "policy.drafted", revision: state.latest + 1, policy }, order);
  }

  async activate(policy_id: string, revision: number, order: PolicyOrder): Promise<PolicyChangedAnswer> {
    const state = this.#known(policy_id);
    if (state.active === revision) throw new ProblemError("conflict", `Revision ${revision} is in force already.`);
    const document = this.#document(state, revision);
    this.#refuseConflicts(document);
    const overlap = this.#overlap(policy_id, { version: versionOf(policy_id, revision), document });
    if (overlap !== undefined) throw new ProblemError("invalid_policy", `${capital(overlap.message)}.`, { field: "scope", extension: { conflicts: [{ rules: [...overlap.versions], message: overlap.message }] } });
    const answer = await this.#write<"policy.activated">(state, { type: "policy.activated", revision }, order);
    // Another host may have activated another policy between the check and the fold, which alone says which came later.
    const lost = this.#overlapsOf(versionOf(policy_id, revision)).find(({ holds }) => holds);
    if (lost !== undefined) throw new ProblemError("conflict", `Revision ${revision} is recorded, but ${lost.version} was activated at the same moment and holds: ${lost.message}.`, { field: "scope" });
    return answer;
  }

  async rollback(policy_id: string, order: PolicyOrder): Promise<PolicyChangedAnswer> {
    const { previous } = this.#known(policy_id);
    if (previous === null) throw new ProblemError("conflict", `No earlier revision of ${policy_id} was in force: activate one, or retire the policy.`);
    return this.activate(policy_id, previous, order);
  }

  async retire(policy_id: string, order: PolicyOrder): Promise<PolicyChangedAnswer> {
    const state = this.#known(policy_id);
    if (policy_id === builtInPolicy.policy_id) throw new ProblemError("conflict", "The default policy is in force wherever no other is and cannot be retired: activate another revision, or go back to 1.");
    if (state.active === null) throw new ProblemError("conflict", `No revision of ${policy_id} is in force.`);
    return this.#write<"policy.retired">(state, { type: "policy.retired" }, order);
  }

  /** A document that does not contradict itself. Throws ProblemError `invalid_policy`. */
  accepted(document: PolicyDocument): PolicyDocument {
    this.#refuseConflicts(document);
    return document;
  }

  /** A stored revision. Throws ProblemError. */
  document(policy_id: string, revision: number | undefined): { readonly version: string; readonly document: PolicyDocument } {
    const state = this.#known(policy_id);
    const chosen = revision ?? state.latest;
    return { version: versionOf(policy_id, chosen), document: this.#document(state, chosen) };
  }

  #standing({ policy_id, sequence, active, previous, latest, retired }: PolicyState): Omit<PolicyAnswer, "revision" | "document" | "changes"> {
    return { policy_id, sequence, active, previous, latest: latest === 0 ? null : latest, retired, overlaps: active === null ? [] : this.#overlapsOf(versionOf(policy_id, active)) };
  }

  #item(state: PolicyState): PolicyListAnswer["policies"][number] {
    const { description, scope, schedule } = shown(state)?.document ?? builtInPolicy.document;
    return { ...this.#standing(state), description, scope, schedule };
  }

  /** What two hosts have activated past each other's check, as this host's fold has it. */
  #overlapsOf(version: string): PolicyAnswer["overlaps"] {
    const own = this.#deps.holder.overlaps.filter(({ versions }) => versions.includes(version));
    return own.map(({ versions: [earlier, later], message }) => ({ version: version === earlier ? later : earlier, holds: version === earlier, message }));
  }

  #ids(): string[] {
    return [...new Set([builtInPolicy.policy_id, ...mustFeatures(this.#deps.features).store.controlIds("policy")])].sort();
  }

  #state(policy_id: string): PolicyState {
    return policyState(policy_id, mustFeatures(this.#deps.features).store.controlHistory("policy", policy_id), builtInPolicy);
  }

  #known(policy_id: string): PolicyState {
    const state = this.#state(policy_id);
    if (state.revisions.size === 0) throw new ProblemError("unknown_policy", `No policy ${policy_id} has been drafted.`, { field: "id" });
    return state;
  }

  #document({ policy_id, revisions }: PolicyState, revision: number, field = "revision"): PolicyDocument {
    const found = revisions.get(revision);
    if (found === undefined) throw new ProblemError("unknown_policy", `Policy ${policy_id} has no revision ${revision}.`, { field });
    return found.document;
  }

  #conflicts(document: PolicyDocument): PolicyValidateAnswer["conflicts"] {
    const { reader } = mustFeatures(this.#deps.features);
    const now_ms = this.#deps.clock.now_ms();
    const known = { categoryOf: (course_id: string) => reader.course(course_id, now_ms)?.category || undefined };
    return validatePolicy(document, known).map(({ rules, message }) => ({ rules: [...rules], message }));
  }

  #refuseConflicts(document: PolicyDocument): void {
    const conflicts = this.#conflicts(document);
    const [first] = conflicts;
    if (first === undefined) return;
    const [a, b] = first.rules;
    throw new ProblemError("invalid_policy", `${a} and ${b} cannot both hold: ${first.message}.`, { field: `policy.${a}`, extension: { conflicts } });
  }

  /** The default is in force wherever no other policy is: nothing overlaps with it. */
  #overlap(policy_id: string, candidate: ActiveDocument): ReturnType<typeof conflictBetween> {
    if (policy_id === builtInPolicy.policy_id) return undefined;
    for (const id of this.#ids()) {
      if (id === policy_id || id === builtInPolicy.policy_id) continue;
      const state = this.#state(id);
      const document = activeDocument(state);
      if (document === undefined || state.active === null) continue;
      const conflict = conflictBetween([{ version: versionOf(id, state.active), document }, candidate]);
      if (conflict !== undefined) return conflict;
    }
    return undefined;
  }

  async #write<Type extends PolicyMessage["type"]>(state: PolicyState, step: Step<Type>, { author, reason, expected_sequence }: PolicyOrder): Promise<PolicyChangedAnswer> {
    const { desk, holder, clock } = this.#deps;
    const { policy_id } = state;
    if (state.changes.length >= CHANGES_MAX && step.type === "policy.drafted") throw new ProblemError("conflict", `${policy_id} has been changed ${CHANGES_MAX} times: begin another policy.`);
    const message = { ...step, time: formatTime(clock.now_ms()), author, reason, policy_id } as unknown as PolicyMessage;
    // What was checked is what `state` says: another message that came since makes it another decision.
    const { sequence } = await desk.write("policy", policy_id, message, expected_sequence ?? state.sequence);
    holder.check();
    return { policy_id, revision: message.type === "policy.retired" ? null : message.revision, active: this.#state(policy_id).active, sequence };
  }
}

/** What people want to see of a policy: what is in force, else the newest draft. */
function shown({ active, latest, revisions }: PolicyState): { readonly revision: number; readonly document: PolicyDocument } | undefined {
  return revisions.get(active ?? latest);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
