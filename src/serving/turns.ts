import { ProblemError } from "./problem.ts";

/** Beyond it nobody would wait for the answer. */
const TASKS_MAX = 64;

/**
 * Work that takes longer than a price call may wait, done in steps: one step in a turn of the event loop, whoever's it is, so that what arrives meanwhile
 * is answered in between.
 */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #scheduled = false;
  #tasks = 0;
  #refused = 0;

  /** Tasks under way. */
  get tasks(): number {
    return this.#tasks;
  }

  /** Tasks turned away because too many were under way. */
  get refused(): number {
    return this.#refused;
  }

  /** Does a task, which takes its turns by `run`. Throws ProblemError `overloaded`, and what the task throws. */
  async admit<T>(task: () => Promise<T>): Promise<T> {
    if (this.#tasks >= TASKS_MAX) {
      this.#refused++;
      throw new ProblemError("overloaded", "Too many lists are being put together. Repeat the request in a second.", { headers: { "retry-after": "1" } });
    }
    this.#tasks++;
    try {
      return await task();
    } finally {
      this.#tasks--;
    }
  }

  /** Runs the steps of `work` to its end, as long as `holds`, which is asked before each; undefined when it does not hold any more. */
  async run<T>(work: Generator<void, T>, holds: () => boolean): Promise<T | undefined> {
    for (;;) {
      await this.#turn();
      if (!holds()) return undefined;
      const step = work.next();
      if (step.done === true) return step.value;
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule();
    });
  }

  /** An immediate that an immediate sets belongs to the next turn of the loop: input and output come first. */
  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#waiting.shift()?.();
      this.#schedule();
    });
  }
}
