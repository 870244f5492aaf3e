import type { Policy, PolicyDocument } from "../contracts/policy.ts";
import { parseTime } from "../lib/time.ts";
import { sharedScope, spansMeet, specificity } from "./policy-scope.ts";

/** A document that was activated, by the version that decisions name. */
export interface ActiveDocument {
  readonly version: string;
  readonly document: PolicyDocument;
}

/** What a policy is looked up for. */
export interface PricedScope {
  readonly course_id: string | null;
  /** Empty: unknown. */
  readonly category: string;
}

interface Scheduled {
  readonly policy: Policy;
  readonly from_ms: number;
  readonly to_ms: number;
}

export interface PolicyBook {
  /** The policy of a course at a time: of those in force, the most specific one (course before category before all); undefined when none is. */
  for(scope: PricedScope, now_ms: number): Policy | undefined;
  byVersion(version: string): Policy | undefined;
  /** The next moment after `now_ms` at which a schedule begins or ends; Infinity: none. Until then `for` answers the same. */
  changesAfter(now_ms: number): number;
}

/** From when until when a document's schedule says that it is in force. */
export function scheduleOf({ schedule }: PolicyDocument): { from_ms: number; to_ms: number } {
  return {
    from_ms: schedule.from === null ? Number.NEGATIVE_INFINITY : parseTime(schedule.from),
    to_ms: schedule.to === null ? Number.POSITIVE_INFINITY : parseTime(schedule.to),
  };
}

/** Of two that are as specific, which `conflictBetween` refuses, the later version in the list wins. Documents are trusted to be valid. */
export function compilePolicies(documents: readonly ActiveDocument[]): PolicyBook {
  const scheduled: Scheduled[] = documents.map(({ version, document }) => ({ policy: Object.freeze({ ...document, version }), ...scheduleOf(document) }));
  const versions = new Map(scheduled.map(({ policy }) => [policy.version, policy]));
  return {
    for({ course_id, category }, now_ms) {
      let found: Policy | undefined;
      let most = 0;
      for (const { policy, from_ms, to_ms } of scheduled) {
        if (now_ms < from_ms || now_ms >= to_ms) continue;
        const level = specificity(policy.scope, course_id, category);
        if (level < most) continue;
        most = level;
        found = policy;
      }
      return found;
    },
    byVersion: (version) => versions.get(version),
    changesAfter(now_ms) {
      let next = Number.POSITIVE_INFINITY;
      for (const { from_ms, to_ms } of scheduled) {
        if (from_ms > now_ms) next = Math.min(next, from_ms);
        if (to_ms > now_ms) next = Math.min(next, to_ms);
      }
      return next;
    },
  };
}

/** Two documents for the same courses at the same time, in the order in which they were given. */
export interface PolicyOverlap {
  readonly versions: readonly [string, string];
  readonly message: string;
}

/** Documents that would both be in force for the same courses at the same time with neither the more specific one: which, and for what. */
export function* overlapsOf(documents: readonly ActiveDocument[]): Generator<PolicyOverlap, void> {
  for (const [i, a] of documents.entries()) {
    for (const b of documents.slice(i + 1)) {
      if (!spansMeet(scheduleOf(a.document), scheduleOf(b.document))) continue;
      const shared = sharedScope(a.document.scope, b.document.scope);
      if (shared === undefined) continue;
      yield { versions: [a.version, b.version], message: `${a.version} and ${b.version} would both be in force for ${shared} at the same time: narrow a scope or a schedule, or retire one` };
    }
  }
}

/** The first of them. */
export function conflictBetween(documents: readonly ActiveDocument[]): PolicyOverlap | undefined {
  return overlapsOf(documents).next().value ?? undefined;
}
