import type { ControlKind } from "./control.ts";
import type { Event } from "./events.ts";

export const STREAM_EVENTS = "EVENTS";
export const STREAM_CONTROL = "CONTROL";
export const STREAM_QUOTES = "QUOTES";
/** Personal quotes: apart from course-level decisions, whose volume would push them out of a stream that they share within minutes. */
export const STREAM_OFFERS = "OFFERS";
/** What of the discount budgets is given away or leased: the last message of each subject counts. */
export const STREAM_BUDGETS = "BUDGETS";
export const STREAM_DLQ = "DLQ";
export const STREAM_SIGNALS = "SIGNALS";
export const STREAM_LEASES = "LEASES";
export const BUCKET_MODELS = "MODELS";
export const BUCKET_RUNS = "RUNS";
export const BUCKET_SNAPSHOTS = "SNAPSHOTS";
/** What learners' segments were when they were last told of. */
export const BUCKET_TOLD = "TOLD";

/** Batches name decisions of many courses: they have a subject of their own. */
export const BATCH_DECISION_SUBJECT = "quotes.batch";

export const streamSubjects = {
  [STREAM_EVENTS]: ["events.>", "backfill.>"],
  [STREAM_CONTROL]: ["control.>"],
  [STREAM_QUOTES]: ["quotes.course.>", "quotes.bundle.>", BATCH_DECISION_SUBJECT],
  [STREAM_OFFERS]: ["quotes.learner.>"],
  [STREAM_BUDGETS]: ["budgets.>"],
  [STREAM_DLQ]: ["dlq.>"],
  [STREAM_SIGNALS]: ["signals.>"],
  [STREAM_LEASES]: ["leases.>"],
} as const;

/** The subject that an event belongs to: `events.<kind>.<key>`, or `backfill.…` for imported history. */
export function eventSubject(event: Event, root: "events" | "backfill" = "events"): string {
  switch (event.type) {
    case "course.upserted":
    case "course.repriced":
      return `${root}.course.${event.course_id}`;
    case "learner.upserted":
    case "learner.erased":
      return `${root}.learner.${event.learner_id}`;
    case "teacher.upserted":
      return `${root}.teacher.${event.teacher_id}`;
    case "exposure.viewed":
      return `${root}.exposure.${event.course_id}`;
    case "enrollment.created":
    case "enrollment.completed":
    case "enrollment.dropped":
    case "enrollment.refunded":
      return `${root}.enrollment.${event.course_id}`;
    case "token.purchased":
    case "token.earned":
    case "token.spent":
    case "token.refunded":
    case "token.expired":
      return `${root}.token.${event.learner_id}`;
    case "activity.session":
    case "activity.assignment":
    case "activity.forum":
    case "activity.rating":
      return `${root}.activity.${event.learner_id}`;
    case "market.competitor_price":
      return `${root}.market.${event.category}`;
  }
}

export const controlSubject = (kind: ControlKind, id: string): string => `control.${kind}.${id}`;
export const modelSubject = (family: string): string => `control.model.${family}`;
export const trainingSignalSubject = (run_id: string): string => `signals.training.${run_id}`;
export const segmentSignalSubject = (learner_id: string): string => `signals.segment.${learner_id}`;
export const churnSignalSubject = (learner_id: string): string => `signals.churn.${learner_id}`;
export const leaseSubject = (name: string): string => `leases.${name}`;
/** What `tidemark doctor` reads the broker's clock from. */
export const LEASES_DOCTOR = leaseSubject("doctor");
/** Everything that was quoted to a learner. */
export const learnerQuotesSubject = (learner_id: string): string => `quotes.learner.${learner_id}.>`;
/** Tells the folds that a learner was erased: no quote has a subject of two names only. */
export const quotesErasedSubject = (learner_id: string): string => `quotes.learner.${learner_id}`;
export const globalBudgetSubject = (period: string): string => `budgets.global.${period}`;
export const learnerBudgetSubject = (learner_id: string, period: string): string => `budgets.learner.${learner_id}.${period}`;
export const learnerBudgetsSubject = (learner_id: string): string => `budgets.learner.${learner_id}.>`;
export const courseDecisionSubject = (courseId: string): string => `quotes.course.${courseId}`;
/** A bundle's decision is found by its id alone. */
export const bundleDecisionSubject = (quote_id: string): string => `quotes.bundle.${quote_id}`;
/** What the ids of bundles' quotes begin with. */
export const BUNDLE_QUOTE_PREFIX = "b_";
/** One token more than a course's decisions, so that no learner's id makes one of the other, and one filter gives all of them. */
export const personalQuoteSubject = (learner_id: string, course_id: string): string => `quotes.learner.${learner_id}.${course_id}`;
/** What the ids of personal quotes begin with: a fold of EVENTS knows from it which citations redeem one. */
export const PERSONAL_QUOTE_PREFIX = "q_";
/** One subject a message, so that replicas which dead-letter the same message agree without duplicates. */
export const deadLetterSubject = (stream: string, sequence: number): string => `dlq.${stream}.${sequence}`;
/** Beside the dead letter, which stays: that its message was published again, and as what. */
export const deadLetterRetrySubject = (stream: string, sequence: number): string => `${deadLetterSubject(stream, sequence)}.retried`;
