import { learnerBudgetsSubject, learnerQuotesSubject, quotesErasedSubject, STREAM_BUDGETS, STREAM_OFFERS } from "../contracts/subjects.ts";
import type { Clock } from "../lib/clock.ts";
import type { ForgottenLearner } from "./learner-traces.ts";
import type { Broker } from "./nats.ts";

/** Every mark that there is: a quote's subject has one name more. */
const MARKS = quotesErasedSubject("*");

type EraseBroker = Pick<Broker, "publish" | "purgeSubject" | "subjects" | "getMessage">;

/**
 * Forgets what was quoted to learners: tells the folds, which remove their quotes and locks, then deletes the quotes and what the learners' budgets say. Done again it
 * changes nothing more. Whose fold is not there yet still finds the mark in the stream.
 */
export async function forgetQuotes(broker: EraseBroker, learners: readonly ForgottenLearner[]): Promise<void> {
  const data = new TextEncoder().encode(JSON.stringify({ kind: "erased" }));
  for (const learner_id of new Set(learners.map((learner) => learner.learner_id))) {
    await broker.publish(quotesErasedSubject(learner_id), data);
    await broker.purgeSubject(STREAM_OFFERS, learnerQuotesSubject(learner_id));
    await broker.purgeSubject(STREAM_BUDGETS, learnerBudgetsSubject(learner_id));
  }
}

/** Deletes the marks that every replica has had `delay_ms` to fold: how many. A replica that was away for longer has to fold anew in any case (`erased_since`). */
export async function forgetQuoteMarks(broker: EraseBroker, clock: Clock, delay_ms: number): Promise<number> {
  let forgotten = 0;
  for (const subject of await broker.subjects(STREAM_OFFERS, MARKS)) {
    const last = await broker.getMessage(STREAM_OFFERS, { last_by_subject: subject });
    if (last === undefined || clock.now_ms() - last.time_ms < delay_ms) continue;
    await broker.purgeSubject(STREAM_OFFERS, subject);
    forgotten++;
  }
  return forgotten;
}
