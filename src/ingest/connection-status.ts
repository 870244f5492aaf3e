import { TidemarkError } from "../lib/errors.ts";

/** Whether a connection stands, who wants to know, and which requests hang on it. */
export class ConnectionStatus {
  readonly #listeners = new Set<(connected: boolean) => void>();
  /** Rejects requests whose answer a lost connection will not bring, instead of letting them wait for their timeout. */
  readonly #inFlight = new Set<(error: Error) => void>();
  #closed = false;
  connected = true;

  onChange(callback: (connected: boolean) => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }

  set(connected: boolean): void {
    if (this.connected !== connected) this.#change(connected);
  }

  /** For good. Told even if the connection was down already: who waits for it to come back would wait for ever. */
  close(): void {
    if (!this.#closed) this.#change(false);
    this.#closed = true;
  }

  #change(connected: boolean): void {
    this.connected = connected;
    if (!connected) for (const reject of this.#inFlight) reject(new TidemarkError("broker_unreachable", "the connection to the broker was lost"));
    for (const listener of this.#listeners) listener(connected);
  }

  /** Without a connection the client would keep a request until its timeout, and then drop it: not sent at all here. */
  request<T>(send: () => Promise<T>): Promise<T> {
    if (!this.connected) return Promise.reject(new TidemarkError("broker_unreachable", "no connection to the broker"));
    return new Promise((resolve, reject) => {
      this.#inFlight.add(reject);
      void send()
        .then(resolve, reject)
        .finally(() => this.#inFlight.delete(reject));
    });
  }
}
