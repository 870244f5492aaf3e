/**
 * Which pull requests are under way: two at a time, each bounded in messages and bytes, so that the next one waits at
 * the broker when the first is used up. The broker serves them in order and ends one early only with a status.
 */
export class PullWindow {
  readonly #batch: number;
  readonly #send: (pull: number) => void;
  readonly #open: number[] = [];
  #delivered = 0;
  #last = 0;
  #paused: boolean;

  constructor(batch: number, paused: boolean, send: (pull: number) => void) {
    this.#batch = batch;
    this.#paused = paused;
    this.#send = send;
  }

  fill(): void {
    while (!this.#paused && this.#open.length < 2) {
      this.#open.push(++this.#last);
      this.#send(this.#last);
    }
  }

  /** Counts a message towards the oldest request. */
  delivered(): void {
    if (++this.#delivered < this.#batch) return;
    this.#open.shift();
    this.#delivered = 0;
    this.fill();
  }

  /** The broker says that a request is over before it was used up. */
  ended(pull: number): void {
    const index = this.#open.indexOf(pull);
    if (index < 0) return;
    if (index === 0) this.#delivered = 0;
    this.#open.splice(index, 1);
    this.fill();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.fill();
  }

  /** Whether anything, at least a heartbeat, is to be expected. */
  get expecting(): boolean {
    return this.#open.length > 0;
  }
}
