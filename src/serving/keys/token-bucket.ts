/** Tokens flow in at a rate and are taken one a call: a second's worth may be taken at once. */
export class TokenBucket {
  readonly rate_per_s: number;
  readonly #size: number;
  #tokens: number;
  #at_ms: number;

  constructor(rate_per_s: number, now_ms: number) {
    this.rate_per_s = rate_per_s;
    this.#size = Math.max(1, rate_per_s);
    this.#tokens = this.#size;
    this.#at_ms = now_ms;
  }

  /** 0: taken; else the seconds until there is one. */
  take(now_ms: number): number {
    // A clock that goes back gives nothing, also not when it comes forward again.
    if (now_ms > this.#at_ms) {
      this.#tokens = Math.min(this.#size, this.#tokens + ((now_ms - this.#at_ms) * this.rate_per_s) / 1000);
      this.#at_ms = now_ms;
    }
    if (this.#tokens < 1) return (1 - this.#tokens) / this.rate_per_s;
    this.#tokens--;
    return 0;
  }
}
