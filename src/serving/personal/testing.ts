import { STREAM_BUDGETS, STREAM_OFFERS } from "../../contracts/subjects.ts";
import { QuoteWriter } from "../../features/quote-writer.ts";
import type { FeatureStore } from "../../features/store.ts";
import type { BrokerMessage, Consumption, MessageQuery, PublishAck, PublishOptions, StreamState } from "../../ingest/broker-message.ts";
import type { Clock } from "../../lib/clock.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { Prng } from "../../lib/prng.ts";
import { silentLogger } from "../../lib/log.ts";
import type { QuoteBroker } from "./personal.ts";
import { QuoteKeyring } from "./quote-keyring.ts";

const CREATED = "2026-01-01T00:00:00.000Z";

/** OFFERS and BUDGETS in memory, as the broker keeps them: each message after a moment, refused where its subject has gone on. */
export class TestQuoteBroker implements QuoteBroker {
  connected = true;
  /** Publications to come that are stored and not acknowledged. */
  unacknowledged = 0;
  readonly messages: Record<string, BrokerMessage[]> = { [STREAM_OFFERS]: [], [STREAM_BUDGETS]: [] };
  readonly #clock: Clock;
  /** Draws how long messages take; without it all take a turn. */
  readonly #random: Prng | undefined;
  readonly #ids = new Map<string, number>();
  readonly #last = new Map<string, BrokerMessage>();

  constructor(clock: Clock, seed?: string) {
    this.#clock = clock;
    this.#random = seed === undefined ? undefined : new Prng(seed);
  }

  get offers(): readonly BrokerMessage[] {
    return this.messages[STREAM_OFFERS]!;
  }

  /** Puts a message into a stream as somebody else's publication. */
  put(stream: string, message: BrokerMessage): void {
    (this.messages[stream] ??= []).push(message);
    this.#last.set(message.subject, message);
  }

  async publish(subject: string, data: Uint8Array, options: PublishOptions = {}): Promise<PublishAck> {
    await this.#travel();
    this.#mustBeConnected();
    const stream = this.messages[subject.startsWith("budgets.") ? STREAM_BUDGETS : STREAM_OFFERS]!;
    const { message_id, expected_last_subject_sequence: expected } = options;
    const known = message_id === undefined ? undefined : this.#ids.get(message_id);
    if (known !== undefined) return { sequence: known, duplicate: true };
    const last = this.#last.get(subject)?.sequence ?? 0;
    if (expected !== undefined && expected !== last) throw new TidemarkError("wrong_last_sequence", `${subject}: ${last}`);
    const sequence = stream.length + 1;
    const message = { subject, sequence, time_ms: this.#clock.now_ms(), data: new Uint8Array(data) };
    stream.push(message);
    this.#last.set(subject, message);
    if (message_id !== undefined) this.#ids.set(message_id, sequence);
    await this.#travel();
    if (this.unacknowledged-- > 0) throw new TidemarkError("broker_unreachable", "no acknowledgement");
    this.unacknowledged = Math.max(0, this.unacknowledged);
    return { sequence, duplicate: false };
  }

  async getMessage(stream: string, which: MessageQuery): Promise<BrokerMessage | undefined> {
    await this.#travel();
    this.#mustBeConnected();
    const messages = this.messages[stream] ?? [];
    if ("sequence" in which) return messages[which.sequence - 1];
    if ("last_by_subject" in which) return this.#last.get(which.last_by_subject);
    return messages.find(({ sequence }) => sequence >= which.from_sequence);
  }

  streamInfo(stream: string): Promise<StreamState | undefined> {
    const { length } = this.messages[stream] ?? [];
    return Promise.resolve({ created: CREATED, first_sequence: 1, last_sequence: length, messages: length, bytes: 0 });
  }

  consume(): Promise<Consumption> {
    return Promise.reject(new TidemarkError("broker_unreachable", "nothing is consumed from memory"));
  }

  /** Holds from now on what another one does. */
  copyFrom(other: TestQuoteBroker): void {
    for (const [stream, messages] of Object.entries(other.messages)) {
      this.messages[stream]!.push(...messages);
      for (const message of messages) this.#last.set(message.subject, message);
    }
  }

  /** Folds what is stored since the last time into a host's store. */
  foldInto(store: FeatureStore): void {
    const writer = new QuoteWriter(store);
    const from = store.cursor(STREAM_OFFERS)?.sequence ?? 0;
    const fresh = this.offers.slice(from);
    for (const { subject, data, sequence, time_ms } of fresh) writer.apply(subject, data, sequence, time_ms);
    if (fresh.length > 0) writer.commit({ stream_created: CREATED, sequence: fresh.at(-1)!.sequence, message_hash: "" });
  }

  async #travel(): Promise<void> {
    const turns = this.#random === undefined ? 1 : 1 + this.#random.integer(6);
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  #mustBeConnected(): void {
    if (!this.connected) throw new TidemarkError("broker_unreachable", "not connected");
  }
}

export const TEST_KEYS = JSON.stringify({ keys: [{ id: "k1", secret: Buffer.alloc(32, 7).toString("base64") }] });

export function testKeyring(text = TEST_KEYS): QuoteKeyring {
  return new QuoteKeyring("/dev/null/none", silentLogger, text);
}
