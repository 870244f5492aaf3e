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

/** Asks the engine for prices over HTTP (kept-alive connections), and has it make one the list price. A failure is counted, never thrown. */
export class EngineClient {
  readonly #engine_url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #logger: Logger;
  #healthy = true;
  answered = 0;
  failed = 0;
  accepted = 0;
  /** Prices that the engine did not take: somebody decided meanwhile, or it was not allowed to. */
  refused = 0;

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

  /** The platform takes over a quoted price: it becomes the list price, and the engine says so in the stream. */
  async accept(course_id: string, { quote_id, optimal_price }: Quote, signal: AbortSignal): Promise<void> {
    const body = { action: "accept", price: optimal_price, quote_id, reason: "the simulated platform takes over recommended prices" };
    const { value, failure } = await this.#post(`/courses/${course_id}/price`, body, signal, () => true);
    if (value !== undefined) this.accepted++;
    else if (failure !== undefined && this.refused++ === 0) this.#logger.warn({ course_id, reason: failure }, "a recommended price was not accepted");
  }

  async #ask<Answer>(path: string, body: object, schema: z.ZodType<Answer>, signal: AbortSignal): Promise<Answer | undefined> {
    const { value, failure } = await this.#post(path, body, signal, (text) => schema.parse(JSON.parse(text)));
    if (value !== undefined) this.answered++;
    else if (failure !== undefined) this.failed++;
    if (value !== undefined || failure !== undefined) this.#report(value !== undefined, failure ?? "");
    return value;
  }

  /** Neither a value nor a failure: the run has ended. */
  async #post<Value>(path: string, body: object, signal: AbortSignal, read: (text: string) => Value): Promise<{ readonly value?: Value; readonly failure?: string }> {
    // One controller a request: AbortSignal.any would leave a trace of every request on the signal of the whole run.
    const request = new AbortController();
    const abort = (): void => request.abort();
    const timer = setTimeout(abort, TIMEOUT_MS);
    signal.addEventListener("abort", abort);
    try {
      if (signal.aborted) return {};
      const response = await fetch(new URL(path, this.#engine_url), {
        method: "POST",
        headers: this.#headers,
        body: JSON.stringify(body),
        signal: request.signal,
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      return { value: read(text) };
    } catch (error) {
      if (signal.aborted) return {};
      return { failure: request.signal.aborted ? `no answer within ${TIMEOUT_MS} ms` : errorMessage(error) };
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
