import type { BrokerMessage, BulkPublisher, ConsumeOptions, Consumption, DeliveredMessage, MessageQuery, ObjectEntry, PublishAck, PublishOptions, StreamState } from "../ingest/broker-message.ts";
import { Broker } from "../ingest/nats.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { EventPublisher } from "./event-intake.ts";
import type { SignalBroker } from "./signals/signal-broker.ts";

/** What serving asks of the broker; every call may fail, and prices are answered all the same. */
export interface BrokerPort {
  readonly connected: boolean;
  bulkPublisher(options: { readonly window: number }): BulkPublisher;
  getObject(bucket: string, name: string): Promise<Uint8Array | undefined>;
  streamInfo(stream: string): Promise<StreamState | undefined>;
}

/** A broker connection that may not be there yet: serving starts without waiting for one. */
export class BrokerLink implements BrokerPort, EventPublisher, SignalBroker {
  readonly #abort = new AbortController();
  /** Resolves when the first connection is there, or was given up. */
  readonly settled: Promise<void>;
  #broker: Broker | undefined;

  constructor(url: string, name: string, logger: Logger) {
    this.settled = Broker.connect({ url, name, signal: this.#abort.signal }).then(
      async (broker) => {
        // Closed while it connected: nobody waits for this connection any more.
        if (this.#abort.signal.aborted) return broker.close();
        this.#broker = broker;
        broker.onStatus((connected) => logger.info({ connected }, connected ? "broker connected" : "broker lost; answering without it"));
      },
      (error: unknown) => {
        if (!this.#abort.signal.aborted) logger.error({ error: errorMessage(error) }, "cannot connect to the broker");
      },
    );
  }

  get connected(): boolean {
    return this.#broker?.connected ?? false;
  }

  bulkPublisher(options: { readonly window: number }): BulkPublisher {
    return this.#must().bulkPublisher(options);
  }

  async publish(subject: string, data: Uint8Array, options: PublishOptions): Promise<PublishAck> {
    return this.#must().publish(subject, data, options);
  }

  async getMessage(stream: string, which: MessageQuery): Promise<BrokerMessage | undefined> {
    return this.#must().getMessage(stream, which);
  }

  async consume(stream: string, options: ConsumeOptions, onMessage: (message: DeliveredMessage) => void): Promise<Consumption> {
    return this.#must().consume(stream, options, onMessage);
  }

  async putObject(bucket: string, name: string, bytes: Uint8Array): Promise<void> {
    return this.#must().putObject(bucket, name, bytes);
  }

  async getObject(bucket: string, name: string): Promise<Uint8Array | undefined> {
    return this.#must().getObject(bucket, name);
  }

  async listObjects(bucket: string): Promise<ObjectEntry[]> {
    return this.#must().listObjects(bucket);
  }

  async streamInfo(stream: string): Promise<StreamState | undefined> {
    return this.#must().streamInfo(stream);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#broker?.close();
  }

  #must(): Broker {
    if (this.#broker === undefined || !this.#broker.connected) throw new TidemarkError("broker_unreachable", "there is no connection to the broker");
    return this.#broker;
  }
}
