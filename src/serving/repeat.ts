import type { Clock } from "../lib/clock.ts";

/** Runs `task` now and then `interval_ms` after each end, until stopped. `task` reports its own failures. */
export class Repeat {
  readonly #done: Promise<void>;
  #stopped = false;
  #wake: () => void = () => undefined;

  constructor(clock: Clock, interval_ms: number, task: () => Promise<void> | void) {
    this.#done = this.#run(clock, interval_ms, task);
  }

  /** Resolves once a run under way has ended; none starts after. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#done;
  }

  async #run(clock: Clock, interval_ms: number, task: () => Promise<void> | void): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    while (!this.#stopped) {
      await task();
      await Promise.race([clock.sleep(interval_ms), stopped]);
    }
  }
}
