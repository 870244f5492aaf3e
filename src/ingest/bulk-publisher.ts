import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { BulkPublisher } from "./broker-message.ts";
import type { Wire, WireMessage } from "./wire.ts";

/** No acknowledgement for this long while some are due: the stream is stuck. */
const STALLED_MS = 30_000;
const LETTER_E = 101;

interface Waiter {
  readonly outstanding_max: number;
  resolve(): void;
  reject(error: Error): void;
}

/**
 * Publishes with acknowledgements but without a promise a message: one inbox counts them. The first refusal or a lost
 * connection rejects everything that waits and every later call, because which messages were stored is then unknown;
 * the caller resumes from what the stream holds, or repeats with the same message ids.
 */
export class WindowedPublisher implements BulkPublisher {
  readonly #wire: Wire;
  readonly #window: number;
  #published = 0;
  #acknowledged = 0;
  #failure: Error | undefined;
  #waiters: Waiter[] = [];
  #inbox: Inbox | undefined;

  constructor(wire: Wire, window: number) {
    this.#wire = wire;
    this.#window = window;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  publish(subject: string, data: Uint8Array, message_id?: string): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (!this.#wire.connected) return Promise.reject(disconnected());
    this.#inbox ??= this.#open();
    try {
      this.#wire.publish(subject, data, this.#inbox.subject, message_id === undefined ? undefined : { message_id });
    } catch (error) {
      // The client refuses it, such as for its size: nothing was sent.
      return Promise.reject(new TidemarkError("broker_refused", errorMessage(error), { cause: error }));
    }
    this.#published++;
    // Half a window of room at once, or the caller would be woken for every single message.
    return this.#published - this.#acknowledged < this.#window ? undefined : this.#wait(this.#window >> 1);
  }

  async flush(): Promise<void> {
    await this.#wait(0);
    this.#close();
  }

  #wait(outstanding_max: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#published - this.#acknowledged <= outstanding_max) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ outstanding_max, resolve, reject });
    });
  }

  #open(): Inbox {
    const subject = this.#wire.inbox();
    const subscription = this.#wire.subscribe(subject, (message) => this.#onAck(message));
    const forgetStatus = this.#wire.onStatus((connected) => {
      if (!connected) this.#fail(disconnected());
    });
    let seen = this.#acknowledged;
    const watchdog = setInterval(() => {
      if (this.#published > this.#acknowledged && seen === this.#acknowledged) this.#fail(new TidemarkError("broker_timeout", `no acknowledgement for ${STALLED_MS} ms`));
      seen = this.#acknowledged;
    }, STALLED_MS);
    return {
      subject,
      close: () => {
        subscription.unsubscribe();
        forgetStatus();
        clearInterval(watchdog);
      },
    };
  }

  #close(): void {
    this.#inbox?.close();
    this.#inbox = undefined;
  }

  // `{"stream":…}` stores, `{"error":…}` refuses: the third byte tells them apart without parsing.
  #onAck(message: WireMessage): void {
    if (message.data.length < 3 || message.data[2] === LETTER_E) {
      const reason = message.data.length === 0 ? "no stream takes this subject" : new TextDecoder().decode(message.data);
      this.#fail(new TidemarkError("broker_refused", `the broker refused a message: ${reason}`));
      return;
    }
    this.#acknowledged++;
    if (this.#waiters.length > 0) this.#wake();
  }

  #wake(): void {
    const outstanding = this.#published - this.#acknowledged;
    const waiting = this.#waiters.filter((waiter) => waiter.outstanding_max < outstanding);
    if (waiting.length === this.#waiters.length) return;
    const woken = this.#waiters.filter((waiter) => waiter.outstanding_max >= outstanding);
    this.#waiters = waiting;
    for (const waiter of woken) waiter.resolve();
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#close();
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters = [];
  }
}

interface Inbox {
  readonly subject: string;
  close(): void;
}

function disconnected(): TidemarkError {
  return new TidemarkError("broker_unreachable", "the connection to the broker was lost: what was not acknowledged may or may not be stored");
}
