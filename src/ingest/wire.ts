import type { PublishTerms, StreamState } from "./broker-message.ts";

/** The little of a NATS connection that consuming and bulk publishing need; `nats.ts` implements it. */
export interface Wire {
  readonly connected: boolean;
  /** Closed for good: it will not reconnect. */
  readonly closed: boolean;
  /** Called on every change; returns the way to unsubscribe. */
  onStatus(callback: (connected: boolean) => void): () => void;
  inbox(): string;
  publish(subject: string, data: Uint8Array, reply: string, terms?: PublishTerms): void;
  subscribe(subject: string, callback: (message: WireMessage) => void): { unsubscribe(): void };
}

export interface WireMessage {
  readonly subject: string;
  readonly reply?: string;
  readonly data: Uint8Array;
  /** Of a status message: 100 heartbeat, 408 and 409 end of a pull, 503 nobody listens. */
  readonly headers?: { readonly code: number; readonly description: string } | undefined;
}

/** What the JetStream API does for a consumption. */
export interface ConsumerApi {
  streamState(): Promise<StreamState | undefined>;
  /** Creates an ephemeral pull consumer without acknowledgements; returns the subject to ask it for messages. */
  create(start_sequence: number): Promise<{ readonly next_subject: string; remove(): Promise<void> }>;
}
