import type { Clock } from "../lib/clock.ts";
import { errorMessage } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";

/**
 * Runs `task` now and then `interval_ms` after each end, until stopped. A run that throws is logged, once while it
 * goes on failing in the same way, and is tried again like any other: what it keeps up to date may recover.
 */
export class Repeat {
  readonly #done: Promise<void>;
  readonly #stopping = new AbortController();
  #failure = "";

  constructor(clock: Clock, logger: Logger, interval_ms: number, task: () => Promise<void> | void) {
    this.#done = this.#run(clock, logger, interval_ms, task);
  }

  /** Resolves once a run under way has ended; none starts after. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#done;
  }

  async #run(clock: Clock, logger: Logger, interval_ms: number, task: () => Promise<void> | void): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#attempt(logger, task);
      await clock.sleep(interval_ms, signal);
    }
  }

  async #attempt(logger: Logger, task: () => Promise<void> | void): Promise<void> {
    try {
      await task();
      this.#failure = "";
    } catch (error) {
      const failure = errorMessage(error);
      if (failure !== this.#failure) logger.error({ error: failure }, "a repeated check failed");
      this.#failure = failure;
    }
  }
}
