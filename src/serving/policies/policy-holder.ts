import { defaultPolicy, type Policy, type PolicyDocument, policySchema } from "../../contracts/policy.ts";
import { STREAM_CONTROL } from "../../contracts/subjects.ts";
import type { FeatureStoreReader } from "../../features/store.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { type ActiveDocument, compilePolicies, overlapsOf, type PolicyBook, type PolicyOverlap } from "../../pricing/policy-book.ts";
import { validatePolicy } from "../../pricing/policy-conflicts.ts";
import { activeDocument, type BuiltInPolicy, policyState } from "../../pricing/policies/policy-history.ts";
import type { FeatureSource } from "../feature-source.ts";
import type { CourseScope, PersonalPolicy, PolicySource } from "../policy-source.ts";

const DEFAULT_ID = "default";
/** There without CONTROL: in force wherever no other policy is. */
export const builtInPolicy: BuiltInPolicy = { policy_id: DEFAULT_ID, document: policySchema.parse({}) };
/** Versions that are not in force and were asked for, such as for replays. */
const PAST_MAX = 256;

export interface PolicyHolderDeps {
  readonly features: FeatureSource;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A policy as it was last read: messages that it has had, and its document in force. */
interface Known {
  readonly messages: number;
  readonly active: (ActiveDocument & { readonly sequence: number }) | undefined;
}

export const versionOf = (policy_id: string, revision: number): string => `${policy_id}-${revision}`;

/**
 * The policies in force, as CONTROL says in the fold. All of them are one compiled book, replaced as a whole: a request that has taken a policy finishes with it. A
 * document that contradicts itself can only have come past the endpoints; it is left out and the log says so.
 */
export class PolicyHolder implements PolicySource {
  readonly #deps: PolicyHolderDeps;
  readonly #known = new Map<string, Known>();
  readonly #past = new Map<string, Policy>();
  #book: PolicyBook = compilePolicies([{ version: defaultPolicy.version, document: builtInPolicy.document }]);
  #platform: Policy = defaultPolicy;
  #personal: PersonalPolicy = { policy: defaultPolicy, experiments: [] };
  #overlaps: readonly PolicyOverlap[] = [];
  #revision = 0;
  #applies = false;
  #store: FeatureStoreReader | undefined;
  #cursor = -1;
  #changes_ms = Number.POSITIVE_INFINITY;

  constructor(deps: PolicyHolderDeps) {
    this.#deps = deps;
    this.#compile();
  }

  get revision(): number {
    return this.#revision;
  }

  get platform(): Policy {
    return this.#platform;
  }

  /** Policies that were activated for the same courses at the same time past each other's check: of each two the second one holds. */
  get overlaps(): readonly PolicyOverlap[] {
    return this.#overlaps;
  }

  /** Whether any policy in force, now or at its time, does something about recommended prices. */
  get applies(): boolean {
    return this.#applies;
  }

  policyFor(scope: CourseScope, now_ms: number): Policy {
    return this.#book.for(scope, now_ms) ?? this.#platform;
  }

  personalPolicyFor(_learner_id: string, scope: CourseScope, now_ms: number): PersonalPolicy {
    const policy = this.policyFor(scope, now_ms);
    if (this.#personal.policy !== policy) this.#personal = { policy, experiments: [] };
    return this.#personal;
  }

  byVersion(version: string): Policy | undefined {
    return this.#book.byVersion(version) ?? this.#past.get(version) ?? this.#readPast(version);
  }

  /** Called often: one small read unless CONTROL has moved or a schedule begins or ends. */
  check(): void {
    const store = this.#deps.features.current?.store;
    if (store === undefined) return;
    const cursor = store.cursor(STREAM_CONTROL)?.sequence ?? 0;
    if (store !== this.#store) this.#known.clear();
    const moved = store !== this.#store || cursor !== this.#cursor;
    this.#store = store;
    this.#cursor = cursor;
    if ((moved && this.#read(store)) || this.#deps.clock.now_ms() >= this.#changes_ms) this.#compile();
  }

  /** Whether any policy has had another message. */
  #read(store: FeatureStoreReader): boolean {
    let changed = false;
    const ids = store.controlIds("policy");
    for (const id of ids) {
      const messages = store.controlCount("policy", id);
      if (this.#known.get(id)?.messages === messages) continue;
      changed = true;
      this.#known.set(id, { messages, active: this.#activeOf(store, id) });
    }
    for (const id of this.#known.keys()) {
      if (ids.includes(id)) continue;
      changed = true;
      this.#known.delete(id);
    }
    return changed;
  }

  #activeOf(store: FeatureStoreReader, id: string): Known["active"] {
    const state = policyState(id, store.controlHistory("policy", id), builtInPolicy);
    const document = activeDocument(state);
    if (document === undefined || state.active === null) return undefined;
    const version = versionOf(id, state.active);
    const [conflict] = validatePolicy(document);
    if (conflict === undefined) return { version, document, sequence: state.activated_sequence };
    this.#deps.logger.error({ policy: version, rules: conflict.rules, reason: conflict.message }, "a policy that contradicts itself was activated; it is not in force");
    return undefined;
  }

  /** The default first, then by activation: of two that are as specific the later one holds, whatever host compiles them. */
  #compile(): void {
    const now_ms = this.#deps.clock.now_ms();
    const own = this.#known.get(DEFAULT_ID)?.active ?? { version: defaultPolicy.version, document: builtInPolicy.document };
    const others = [...this.#known].flatMap(([id, { active }]) => (id === DEFAULT_ID || active === undefined ? [] : [active])).sort((a, b) => a.sequence - b.sequence);
    this.#overlaps = [...overlapsOf(others)];
    for (const { versions, message } of this.#overlaps) this.#deps.logger.warn({ versions, reason: message }, "two policies overlap; the later activation holds");
    this.#book = compilePolicies([own, ...others]);
    this.#applies = [own, ...others].some(({ document }) => document.application.mode !== "none");
    this.#platform = this.#book.for({ course_id: null, category: "" }, now_ms) ?? defaultPolicy;
    this.#changes_ms = this.#book.changesAfter(now_ms);
    this.#past.clear();
    this.#revision++;
    this.#deps.logger.info({ policies: [own, ...others].map(({ version }) => version) }, "policies in force");
  }

  #readPast(version: string): Policy | undefined {
    const at = version.lastIndexOf("-");
    const revision = Number(version.slice(at + 1));
    const store = this.#deps.features.current?.store;
    if (at < 1 || !Number.isInteger(revision) || version !== versionOf(version.slice(0, at), revision)) return undefined;
    const id = version.slice(0, at);
    const document: PolicyDocument | undefined = policyState(id, store?.controlHistory("policy", id) ?? [], builtInPolicy).revisions.get(revision)?.document;
    if (document === undefined) return undefined;
    if (this.#past.size >= PAST_MAX) this.#past.clear();
    const policy: Policy = Object.freeze({ ...document, version });
    this.#past.set(version, policy);
    return policy;
  }
}
