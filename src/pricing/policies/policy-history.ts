import type { PolicyMessage } from "../../contracts/control.ts";
import { must } from "../../lib/assert.ts";

export type PolicyDocument = Extract<PolicyMessage, { type: "policy.drafted" }>["policy"];

/** A message of a policy's subject, as CONTROL ordered it. */
export interface PolicyEntry {
  readonly sequence: number;
  readonly message: PolicyMessage;
}

export interface PolicyRevision {
  readonly revision: number;
  readonly document: PolicyDocument;
  /** What drafted it; of the built-in one nothing. */
  readonly drafted?: Pick<PolicyMessage, "author" | "reason" | "time"> & { readonly sequence: number };
}

/** One message, and what came of it. */
export interface PolicyChange {
  readonly sequence: number;
  readonly type: PolicyMessage["type"];
  readonly revision: number | null;
  readonly author: string;
  readonly reason: string;
  readonly time: string;
  /** Why it changed nothing; absent when it did. */
  readonly ignored?: string;
}

/** What a policy's history amounts to. */
export interface PolicyState {
  readonly policy_id: string;
  /** CONTROL sequence of the last message, which the next one is decided on; 0: none. */
  readonly sequence: number;
  readonly revisions: ReadonlyMap<number, PolicyRevision>;
  /** Of the newest draft; 0: none. */
  readonly latest: number;
  /** The revision in force; null: none, because none was activated or the policy was retired. */
  readonly active: number | null;
  /** The revision that a rollback goes back to; null: there is none. */
  readonly previous: number | null;
  /** Sequence at which the active one was activated; 0: the built-in one, or none. */
  readonly activated_sequence: number;
  readonly retired: boolean;
  /** Oldest first. */
  readonly changes: readonly PolicyChange[];
}

/** What exists without CONTROL. */
export interface BuiltInPolicy {
  readonly policy_id: string;
  readonly document: PolicyDocument;
}

/**
 * Folds the history of one policy. Revisions are numbered upwards and never change; activating one that was in force before goes back to it, so that rollbacks
 * in a row go back further. The built-in policy is revision 1 of its id, in force until another is, and cannot be retired. Messages that contradict what came before
 * (CONTROL is written by others, too) change nothing and say why.
 */
export function policyState(policy_id: string, history: readonly PolicyEntry[], built_in?: BuiltInPolicy): PolicyState {
  const own = built_in?.policy_id === policy_id;
  const revisions = new Map<number, PolicyRevision>(own ? [[1, { revision: 1, document: built_in.document }]] : []);
  /** In force now and, below it, before; each once. */
  let activations: { revision: number; sequence: number }[] = own ? [{ revision: 1, sequence: 0 }] : [];
  let latest = own ? 1 : 0;
  let retired = false;
  const changes: PolicyChange[] = [];
  const refusal = (message: PolicyMessage): string | undefined => {
    if (message.policy_id !== policy_id) return `it names policy ${message.policy_id}`;
    if (message.type === "policy.drafted") return message.revision > latest ? undefined : `revision ${message.revision} is not after ${latest}`;
    if (message.type === "policy.retired") return own ? "the built-in policy cannot be retired" : activations.length === 0 ? "no revision was in force" : undefined;
    if (!revisions.has(message.revision)) return `there is no revision ${message.revision}`;
    return activations.at(-1)?.revision === message.revision ? `revision ${message.revision} was in force already` : undefined;
  };
  for (const { sequence, message } of history) {
    const { type, author, reason, time } = message;
    const ignored = refusal(message);
    changes.push({ sequence, type, revision: type === "policy.retired" ? null : message.revision, author, reason, time, ...(ignored === undefined ? {} : { ignored }) });
    if (ignored !== undefined) continue;
    if (type === "policy.drafted") {
      latest = message.revision;
      revisions.set(latest, { revision: latest, document: message.policy, drafted: { author, reason, time, sequence } });
    } else if (type === "policy.activated") {
      const before = activations.findIndex(({ revision }) => revision === message.revision);
      if (before >= 0) activations = activations.slice(0, before);
      activations.push({ revision: message.revision, sequence });
      retired = false;
    } else {
      activations = [];
      retired = true;
    }
  }
  const last = activations.at(-1);
  return {
    policy_id,
    sequence: history.at(-1)?.sequence ?? 0,
    revisions,
    latest,
    active: last?.revision ?? null,
    previous: activations.at(-2)?.revision ?? null,
    activated_sequence: last?.sequence ?? 0,
    retired,
    changes,
  };
}

/** The document in force; undefined: none. */
export function activeDocument({ active, revisions }: PolicyState): PolicyDocument | undefined {
  return active === null ? undefined : must(revisions.get(active), "an active revision is one of them").document;
}
