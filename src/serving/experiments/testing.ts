import { personalQuoteSubject } from "../../contracts/subjects.ts";
import type { QuoteWriter } from "../../features/quote-writer.ts";
import { DAY_MS, formatTime, HOUR_MS } from "../../lib/time.ts";
import type { TestEngine } from "../testing.ts";

/** The course that `quoteAll` quotes. */
export const scope = { course_id: "c1", category: "programming", teacher_id: "t1" };

/** Quotes of an experiment, folded as the stream would be, and what came of them. */
export function quoteAll(engine: TestEngine, writer: QuoteWriter, ids: readonly string[], sequence: number, answers: (arm: string, i: number) => boolean): number {
  for (const [i, learner_id] of ids.entries()) {
    const { experiments } = engine.policies.personalPolicyFor(learner_id, scope, engine.clock.time_ms);
    if (experiments.length === 0) continue;
    const issued_ms = engine.clock.time_ms;
    const terms = { quote_id: `q_${sequence}`, learner_id, course_id: "c1", price: 90, issued_ms, expires_ms: issued_ms + DAY_MS, locked_ms: issued_ms + DAY_MS };
    writer.apply(personalQuoteSubject(learner_id, "c1"), new TextEncoder().encode(JSON.stringify({ kind: "personal", terms, experiments, answer: { personal_features_used: true } })), ++sequence, issued_ms);
    if (answers(experiments[0]!.arm, i)) engine.fold({ id: `b${sequence}`, type: "enrollment.created", time: formatTime(issued_ms + HOUR_MS), enrollment_id: `b${sequence}`, course_id: "c1", learner_id, price: 100 });
  }
  writer.commit({ stream_created: "s", sequence, message_hash: "" });
  return sequence;
}
