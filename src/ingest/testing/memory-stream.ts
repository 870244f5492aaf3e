import { TidemarkError } from "../../lib/errors.ts";
import type { BrokerMessage, ConsumeOptions, Consumption, DeliveredMessage, MessageQuery, StreamState } from "../broker-message.ts";
import { checkPosition } from "../position.ts";
import type { StreamSource } from "../read-stream.ts";

/** A stream in memory, with what the broker does to one: messages expire from the front, and single ones are deleted. */
export class MemoryStream implements StreamSource {
  readonly created: string;
  /** By sequence. */
  readonly messages = new Map<number, BrokerMessage>();
  last_sequence = 0;
  readonly #listeners = new Set<() => void>();

  constructor(created = "2026-01-01T00:00:00.123456789Z") {
    this.created = created;
  }

  get first_sequence(): number {
    return this.messages.keys().next().value ?? this.last_sequence + 1;
  }

  append(message: BrokerMessage): void {
    this.messages.set(message.sequence, message);
    this.last_sequence = message.sequence;
    for (const listener of this.#listeners) listener();
  }

  /** Drops what comes before a sequence, as limits do. */
  expire(first_sequence: number): void {
    for (const sequence of this.messages.keys()) if (sequence < first_sequence) this.messages.delete(sequence);
  }

  deleteMessage(_stream: string, sequence: number): Promise<boolean> {
    return Promise.resolve(this.messages.delete(sequence));
  }

  streamInfo(): Promise<StreamState> {
    return Promise.resolve({ created: this.created, first_sequence: this.first_sequence, last_sequence: this.last_sequence, messages: this.messages.size, bytes: 0 });
  }

  getMessage(_stream: string, which: MessageQuery): Promise<BrokerMessage | undefined> {
    if ("sequence" in which) return Promise.resolve(this.messages.get(which.sequence));
    if ("from_sequence" in which) return Promise.resolve([...this.messages.values()].find(({ sequence }) => sequence >= which.from_sequence));
    return Promise.reject(new TidemarkError("broker_refused", "a stream in memory keeps no subjects"));
  }

  async consume(stream: string, options: ConsumeOptions, onMessage: (message: DeliveredMessage) => void): Promise<Consumption> {
    let next = options.start_sequence <= 1 ? this.first_sequence : options.start_sequence;
    checkPosition(stream, { stream_created: options.stream_created ?? "", sequence: next - 1 }, await this.streamInfo());
    let paused = false;
    let stopped = false;
    let scheduled = false;
    let close: (reason?: Error) => void = () => undefined;
    const closed = new Promise<void | Error>((resolve) => {
      close = (reason) => resolve(reason);
    });
    const deliver = (): void => {
      scheduled = false;
      try {
        for (const message of this.messages.values()) {
          if (paused || stopped) return;
          if (message.sequence < next) continue;
          next = message.sequence + 1;
          onMessage({ ...message, pending: [...this.messages.keys()].filter((sequence) => sequence >= next).length });
        }
      } catch (error) {
        stopped = true;
        close(error instanceof Error ? error : new Error(String(error)));
      }
    };
    const wake = (): void => {
      if (!scheduled && !stopped) setImmediate(deliver);
      scheduled = true;
    };
    this.#listeners.add(wake);
    wake();
    return {
      pause: () => {
        paused = true;
      },
      resume: () => {
        paused = false;
        wake();
      },
      stop: () => {
        stopped = true;
        this.#listeners.delete(wake);
        close();
        return Promise.resolve();
      },
      closed,
    };
  }
}
