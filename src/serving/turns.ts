import { ProblemError } from "./problem.ts";

/** Beyond it nobody would wait for the answer. */
const TASKS_MAX = 128;
/** After a step, so many times as long belongs to everything else: tasks take a quarter of a process at most, however many are asked for. */
const OTHERS_RATIO = 3;
/** What may be owed to everything else before steps pause: short tasks never do. */
const OWED_MAX_MS = 2;

/**
 * Work that takes longer than a price call may wait, done in steps: at most one step in a turn of the event loop, whoever's it is, and pauses in between
 * once there are many.
 */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  /** A turn is set or being taken. */
  #taken = false;
  /** Until when steps would have to wait for everything else to have had its share. */
  #owed_until_ms = 0;
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
      throw new ProblemError("overloaded", "Too much of this is asked for at once. Repeat the request in a second.", { headers: { "retry-after": "1" } });
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
      const step = await this.#step(() => (holds() ? work.next() : undefined));
      if (step === undefined) return undefined;
      if (step.done === true) return step.value;
    }
  }

  /** A task of one step. Throws ProblemError `overloaded`, and what the step throws. */
  once<T>(step: () => T): Promise<T> {
    return this.admit(() => this.#step(step));
  }

  async #step<T>(work: () => T): Promise<T> {
    await this.#turn();
    const began_ms = performance.now();
    try {
      return work();
    } finally {
      this.#end(began_ms);
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#set();
    });
  }

  #end(began_ms: number): void {
    const step_ms = performance.now() - began_ms;
    this.#owed_until_ms = Math.max(this.#owed_until_ms, began_ms) + (1 + OTHERS_RATIO) * step_ms;
    this.#taken = false;
    this.#set();
  }

  /** An immediate that an immediate sets belongs to the next turn of the loop: input and output come first. */
  #set(): void {
    if (this.#taken || this.#waiting.length === 0) return;
    this.#taken = true;
    const owed_ms = this.#owed_until_ms - performance.now();
    const begin = (): void => this.#waiting.shift()?.();
    if (owed_ms > OWED_MAX_MS) setTimeout(begin, owed_ms);
    else setImmediate(begin);
  }
}
