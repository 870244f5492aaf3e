/** One stored message of a stream. */
export interface BrokerMessage {
  readonly subject: string;
  readonly sequence: number;
  /** The broker's timestamp, whole milliseconds since the epoch. */
  readonly time_ms: number;
  readonly data: Uint8Array;
}

/** A message that a consumption hands over. `data` lies in the network buffer: copy what must outlive the callback cheaply. */
export interface DeliveredMessage extends BrokerMessage {
  /** Messages that match and follow this one, as the broker saw it on delivery; 0 = caught up. */
  readonly pending: number;
}

export interface StreamState {
  /** Creation time: the stream's identity. A recreated stream counts from 1 again. */
  readonly created: string;
  readonly first_sequence: number;
  readonly last_sequence: number;
  readonly messages: number;
  readonly bytes: number;
}

/** A message by its sequence, the first at a sequence or after it, or the last of a subject (which may have wildcards). */
export type MessageQuery = { readonly sequence: number } | { readonly from_sequence: number } | { readonly last_by_subject: string };

export interface ConsumeOptions {
  /** 1: from the first message that there is. Any later one must be there, or follow the last (`gap_below_first`, `cursor_ahead`). */
  readonly start_sequence: number;
  /** The stream's identity, where the sequence belongs to one: another stream of the name is refused (`stream_recreated`). */
  readonly stream_created?: string;
  /** Only messages of this subject; whether some of them were removed before they were read cannot be told. */
  readonly subject?: string;
}

export interface Consumption {
  /** Asks the broker for nothing more until `resume`; what is already under way still arrives. */
  pause(): void;
  resume(): void;
  /** No callback runs after this is called. */
  stop(): Promise<void>;
  /** Resolves at the end: with nothing after `stop`, with the error that ended it otherwise. */
  readonly closed: Promise<void | Error>;
}

/** What the broker holds against a message before it stores it. */
export interface PublishTerms {
  /** Makes a retry safe: the broker stores one message per id within its duplicate window. */
  readonly message_id?: string | undefined;
  /** Refused with `wrong_last_sequence` unless the subject's last message has this sequence (0: none). */
  readonly expected_last_subject_sequence?: number | undefined;
}

export interface PublishOptions extends PublishTerms {
  /** How long to go on trying, reconnects included. */
  readonly deadline_ms?: number;
}

export interface PublishAck {
  readonly sequence: number;
  readonly duplicate: boolean;
}

export interface BulkPublisher {
  /** Undefined while the window has room; else a promise to await before the next call. */
  publish(subject: string, data: Uint8Array, message_id?: string): Promise<void> | undefined;
  /** Resolves once everything published so far is acknowledged. */
  flush(): Promise<void>;
  readonly acknowledged: number;
}

/** What an object store says of an object. */
export interface ObjectEntry {
  readonly name: string;
  readonly bytes: number;
  /** When it was stored, by the broker's clock. */
  readonly stored_at: string;
  readonly metadata: Readonly<Record<string, string>>;
}
