import { z } from "zod";
import { idSchema, tokensSchema } from "../contracts/fields.ts";
import { errorMessage } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";

const TIMEOUT_MS = 1_000;

const quoteSchema = z.object({ quote_id: idSchema, optimal_price: tokensSchema.min(1), current_price: tokensSchema });
export type Quote = z.infer<typeof quoteSchema>;

/** Asks the engine for course prices over HTTP (kept-alive connections). A failure is counted, never thrown. */
export class EngineClient {
  readonly #url: string;
  readonly #logger: Logger;
  #healthy = true;
  answered = 0;
  failed = 0;

  constructor(engine_url: string, logger: Logger) {
    this.#url = new URL("/optimize_price", engine_url).href;
    this.#logger = logger;
  }

  /** The engine's quote, or undefined when it has none: the caller then sells at list price. */
  async quote(course_id: string, signal: AbortSignal): Promise<Quote | undefined> {
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ course_id }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const quote = quoteSchema.parse(JSON.parse(text));
      this.answered++;
      this.#report(true, "");
      return quote;
    } catch (error) {
      if (signal.aborted) return undefined;
      this.failed++;
      this.#report(false, errorMessage(error));
      return undefined;
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
