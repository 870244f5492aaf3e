import type { Exposure } from "../contracts/experiment.ts";
import { type Policy, defaultPolicy } from "../contracts/policy.ts";

/** What of a course decides which policy is in force for it. */
export interface CourseScope {
  /** null: a course that the engine does not know. */
  readonly course_id: string | null;
  readonly category: string;
  /** null where nobody has said. */
  readonly teacher_id: string | null;
}

export interface PersonalPolicy {
  /** null: the learner pays list price, as a hold-out does. */
  readonly policy: Policy | null;
  /** Those that the price belongs to, as the quote records them. */
  readonly experiments: readonly Exposure[];
}

/** The policies in force. Each is one frozen object for as long as nothing changes: answers made under it may be compared with it by identity. */
export interface PolicySource {
  /** Changes whenever an answer of the others may. */
  readonly revision: number;
  /** In force for the platform as a whole, where no narrower one is. */
  readonly platform: Policy;
  policyFor(scope: CourseScope, now_ms: number): Policy;
  personalPolicyFor(learner_id: string, scope: CourseScope, now_ms: number): PersonalPolicy;
  /** Of any version that a decision may have named, such as `default-1`; undefined when it is not known here. */
  byVersion(version: string): Policy | undefined;
}

/** One policy for everything, for ever. */
export class FixedPolicy implements PolicySource {
  readonly revision = 0;
  readonly platform: Policy;
  readonly #personal: PersonalPolicy;

  constructor(policy: Policy = defaultPolicy) {
    this.platform = policy;
    this.#personal = { policy, experiments: [] };
  }

  policyFor(): Policy {
    return this.platform;
  }

  personalPolicyFor(): PersonalPolicy {
    return this.#personal;
  }

  byVersion(version: string): Policy | undefined {
    return version === this.platform.version ? this.platform : undefined;
  }
}
