import type { BrokerMessage, BulkPublisher, ConsumeOptions, Consumption, PublishAck, PublishOptions, StreamState } from "./broker-message.ts";
import type { StreamLimits } from "./streams.ts";

const pending = (): never => {
  throw new Error("being written");
};

export interface ConnectOptions {
  readonly url: string;
  readonly name: string;
  /** Gives up waiting for the first connection. Without it, connect waits for ever. */
  readonly signal?: AbortSignal;
}

export class Broker {
  static connect(_options: ConnectOptions): Promise<Broker> {
    return pending();
  }
  get connected(): boolean {
    return pending();
  }
  onStatus(_callback: (connected: boolean) => void): void {
    pending();
  }
  streamInfo(_stream: string): Promise<StreamState | undefined> {
    return pending();
  }
  ensureStreams(_limits?: StreamLimits): Promise<void> {
    return pending();
  }
  consume(_stream: string, _options: ConsumeOptions, _onMessage: (message: BrokerMessage) => void): Promise<Consumption> {
    return pending();
  }
  publish(_subject: string, _data: Uint8Array, _options?: PublishOptions): Promise<PublishAck> {
    return pending();
  }
  bulkPublisher(_options: { readonly window: number }): BulkPublisher {
    return pending();
  }
  getMessage(_stream: string, _which: { readonly sequence: number } | { readonly last_by_subject: string }): Promise<BrokerMessage | undefined> {
    return pending();
  }
  putObject(_bucket: string, _name: string, _bytes: Uint8Array): Promise<void> {
    return pending();
  }
  getObject(_bucket: string, _name: string): Promise<Uint8Array | undefined> {
    return pending();
  }
  close(): Promise<void> {
    return pending();
  }
}
