import type { QuoteTerms } from "../../contracts/quote.ts";
import type { QuoteLock } from "../../features/store.ts";
import { AnswerCache } from "../answer-cache.ts";
import type { OpenFeatures } from "../feature-source.ts";

/** About 2 KB each: 64 MB a process at most. */
const KEPT_MAX = 32_768;

/** The quote in force for a learner and a course, as this process knows it. */
export type HeldQuote = QuoteTerms & Pick<QuoteLock, "sequence" | "personal" | "answer">;

/**
 * Whether a locked price is still the learner's. It is, until the lock ends, unless the list price fell below it, or personal data made it and the learner allows
 * none any more.
 */
export function heldBy({ locked_ms, price, personal }: Pick<HeldQuote, "locked_ms" | "price" | "personal">, { now_ms, list_price, opted_out }: { readonly now_ms: number; readonly list_price: number; readonly opted_out: boolean }): boolean {
  return now_ms < locked_ms && price <= list_price && !(opted_out && personal);
}

/** Quotes that this process made or read, before its own fold has them; whichever of the two is newer counts. */
export class KnownQuotes {
  readonly #kept = new AnswerCache<HeldQuote>(KEPT_MAX);
  readonly #byId = new AnswerCache<HeldQuote>(KEPT_MAX);

  add(quote: HeldQuote): void {
    const key = `${quote.learner_id}/${quote.course_id}`;
    const before = this.#kept.get(key);
    if (before !== undefined && before.sequence >= quote.sequence) return;
    this.#kept.set(key, quote);
    this.#byId.set(quote.quote_id, quote);
  }

  byId(quote_id: string): HeldQuote | undefined {
    return this.#byId.get(quote_id);
  }

  /** The newer of what is remembered and what the fold has, in force or over; undefined when neither knows any. */
  of({ store }: OpenFeatures, learner_id: string, course_id: string): HeldQuote | undefined {
    const kept = this.#kept.get(`${learner_id}/${course_id}`);
    const folded = store.lockSequence(learner_id, course_id);
    if (folded === undefined || (kept !== undefined && kept.sequence >= folded)) return kept;
    const lock = store.lock(learner_id, course_id);
    if (lock === undefined) return kept;
    const quote: HeldQuote = { learner_id, course_id, ...lock };
    this.add(quote);
    return quote;
  }
}
