import { pause } from "./pause.ts";

/** Where time comes from. The core takes one as an argument; only the edges use `systemClock`. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now_ms(): number;
  /** Ends early when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now_ms: () => Date.now(),
  sleep: pause,
};

/** A clock for tests: it moves only when told to. */
export class ManualClock implements Clock {
  #now_ms: number;

  constructor(start_ms: number) {
    this.#now_ms = start_ms;
  }

  now_ms(): number {
    return this.#now_ms;
  }

  advance(ms: number): void {
    this.#now_ms += ms;
  }

  sleep(ms: number): Promise<void> {
    this.#now_ms += ms;
    return Promise.resolve();
  }
}
