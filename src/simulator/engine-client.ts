import { z } from "zod";
import { idSchema, tokensSchema } from "../contracts/fields.ts";
import { errorMessage } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";

const TIMEOUT_MS = 1_000;

const quoteSchema = z.object({ quote_id: idSchema, optimal_price: tokensSchema.min(1), current_price: tokensSchema });
export type Quote = z.infer<typeof quoteSchema>;

/** Without an id nothing is promised: the price is what everybody pays, or is locked. */
const personalQuoteSchema = z.object({ quote_id: idSchema.nullable(), personalized_price: tokensSchema.min(1) });
export type PersonalQuote = z.infer<typeof personalQuoteSchema>;

/** Asks the engine for prices over HTTP (kept-alive connections). A failure is counted, never thrown. */
export class EngineClient {
  readonly #engine_url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #logger: Logger;
  #healthy = true;
  answered = 0;
  failed = 0;

  constructor(engine_url: string, logger: Logger, key?: string) {
    this.#headers = { "content-type": "application/json", ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) };
    this.#engine_url = engine_url;
    this.#logger = logger;
  }

  /** The engine's quote, or undefined when it has none: the caller then sells at list price. */
  quote(course_id: string, signal: AbortSignal): Promise<Quote | undefined> {
    return this.#ask("/optimize_price", { course_id }, quoteSchema, signal);
  }

  /** A learner's own price. */
  personalQuote(learner_id: string, course_id: string, signal: AbortSignal): Promise<PersonalQuote | undefined> {
    return this.#ask("/personalized_pricing", { learner_id, course_id }, personalQuoteSchema, signal);
  }

  async #ask<Answer>(path: string, body: object, schema: z.ZodType<Answer>, signal: AbortSignal): Promise<Answer | undefined> {
    // One controller a request: AbortSignal.any would leave a trace of every request on the signal of the whole run.
    const request = new AbortController();
    const abort = (): void => request.abort();
    const timer = setTimeout(abort, TIMEOUT_MS);
    signal.addEventListener("abort", abort);
    try {
      if (signal.aborted) return undefined;
      const response = await fetch(new URL(path, this.#engine_url), {
        method: "POST",
        headers: this.#headers,
        body: JSON.stringify(body),
        signal: request.signal,
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const answer = schema.parse(JSON.parse(text));
      this.answered++;
      this.#report(true, "");
      return answer;
    } catch (error) {
      if (signal.aborted) return undefined;
      this.failed++;
      this.#report(false, request.signal.aborted ? `no answer within ${TIMEOUT_MS} ms` : errorMessage(error));
      return undefined;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }

  /** One line a change, not one a failure. */
  #report(healthy: boolean, reason: string): void {
    if (healthy === this.#healthy) return;
    this.#healthy = healthy;
    const counts = { answered: this.answered, failed: this.failed };
    if (healthy) this.#logger.info(counts, "the engine quotes prices again");
    else this.#logger.warn({ ...counts, reason }, "no quote from the engine: selling at list price");
  }
}
