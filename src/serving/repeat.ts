import type { Clock } from "../lib/clock.ts";
import { errorMessage } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";

const PIECE_MS = 500;

/**
 * Runs `task` now and then `interval_ms` after each end, until stopped. A run that throws is logged, once while it
 * goes on failing in the same way, and is tried again like any other: what it keeps up to date may recover.
 */
export class Repeat {
  readonly #done: Promise<void>;
  #stopped = false;
  #failure = "";
  #wake: () => void = () => undefined;

  constructor(clock: Clock, logger: Logger, interval_ms: number, task: () => Promise<void> | void) {
    this.#done = this.#run(clock, logger, interval_ms, task);
  }

  /** Resolves once a run under way has ended; none starts after. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#done;
  }

  async #run(clock: Clock, logger: Logger, interval_ms: number, task: () => Promise<void> | void): Promise<void> {
    while (!this.#stopped) {
      await this.#attempt(logger, task);
      // In pieces: a sleep cannot be ended, and a process that is done waits for it.
      for (let left_ms = interval_ms; left_ms > 0 && !this.#stopped; left_ms -= PIECE_MS) await this.#pause(clock.sleep(Math.min(left_ms, PIECE_MS)));
    }
  }

  /** Until `slept`, or until stopped. Not a race with one promise of the stop: that would keep something of every pause for good. */
  #pause(slept: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      void slept.then(resolve);
    });
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
