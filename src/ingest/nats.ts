import { readFile } from "node:fs/promises";
import {
  AckPolicy,
  type Authenticator,
  connect,
  credsAuthenticator,
  DeliverPolicy,
  DiscardPolicy,
  ErrorCode,
  Events,
  headers,
  type JetStreamManager,
  type MsgHdrs,
  type NatsConnection,
  NatsError,
  nkeyAuthenticator,
  nuid,
  type ObjectInfo,
  type ObjectResult,
  RetentionPolicy,
  StorageType,
  type StreamInfo,
} from "nats";
import { systemClock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { AckedPublisher } from "./acked-publisher.ts";
import type { BrokerMessage, BulkPublisher, ConsumeOptions, Consumption, DeliveredMessage, MessageQuery, ObjectEntry, PublishAck, PublishOptions, PublishTerms, StreamState } from "./broker-message.ts";
import { publicKeyOf } from "./broker-users.ts";
import { WindowedPublisher } from "./bulk-publisher.ts";
import { ConnectionStatus } from "./connection-status.ts";
import { OrderedConsumption } from "./ordered-consumption.ts";
import { API_TEMPORARILY_UNAVAILABLE } from "./publish-answer.ts";
import { parseServerList } from "./server-list.ts";
import { bucketNames, limitOf, type StreamLimits, type StreamName, streamNames, settingsEqual, streamSettings } from "./streams.ts";
import type { ConsumerApi, Wire, WireMessage } from "./wire.ts";

export type { BrokerMessage, BulkPublisher, ConsumeOptions, Consumption, DeliveredMessage, MessageQuery, ObjectEntry, PublishAck, PublishOptions, StreamState } from "./broker-message.ts";

// The one file that knows the NATS client: another client is a change of this file alone.

const REQUEST_MS = 5_000;
/** While a cluster elects a leader requests are not answered at all: what may be asked twice is asked again after this, so often in all. */
const ELECTION_REQUEST_MS = 1_500;
const ELECTION_REQUESTS = 4;
/** The client tries the server that it lost first; where that one's machine is gone, it finds the next one only after this. */
const CONNECT_MS = 2_000;
const RETRY_MIN_MS = 20;
const RETRY_MAX_MS = 1_000;
const PUBLISH_DEADLINE_MS = 30_000;
/** A server that is silent behind an open connection is given up after three of these, and another one asked. */
const PING_MS = 2_000;
const NANOS_PER_MS = 1_000_000;
/** The broker forgets a consumer that nobody has asked for messages this long. */
const CONSUMER_IDLE_MS = 60_000;
const API_NOT_FOUND = 404;
/** What the broker answers, beside 400, when it is to delete a message that it does not have. */
const API_NO_MESSAGE = 10057;

export interface ConnectOptions {
  readonly url: string;
  readonly name: string;
  /** Gives up waiting for the first connection; without it `connect` waits until there is a broker. */
  readonly signal?: AbortSignal;
  /** Called once, when there is no broker at first. */
  readonly onWaiting?: () => void;
}

/** What signs for a user: a file of a JWT and its seed, or of a seed alone. */
async function authenticatorOf(path: string): Promise<Authenticator> {
  try {
    const text = await readFile(path, "utf8");
    const bytes = (of: string): Uint8Array => new TextEncoder().encode(of);
    return publicKeyOf(text) === undefined ? credsAuthenticator(bytes(text)) : nkeyAuthenticator(bytes(text.trim()));
  } catch (error) {
    throw new TidemarkError("bad_broker_credentials", `the broker's credentials cannot be read (TIDEMARK_NATS_CREDS): ${errorMessage(error)}`, { cause: error });
  }
}

/** A connection to JetStream. It reconnects for ever by itself until it is closed. */
export class Broker {
  readonly #connection: NatsConnection;
  readonly #manager: JetStreamManager;
  /** The same, for requests that are answered at once or never, and are safe to repeat. */
  readonly #impatient: JetStreamManager;
  readonly #wire: Wire;
  readonly #acked: AckedPublisher;
  readonly #status = new ConnectionStatus();
  readonly #replicas: number | undefined;

  private constructor(connection: NatsConnection, manager: JetStreamManager, impatient: JetStreamManager, replicas: number | undefined) {
    this.#replicas = replicas;
    this.#connection = connection;
    this.#manager = manager;
    this.#impatient = impatient;
    this.#wire = this.#createWire();
    this.#acked = new AckedPublisher(this.#wire);
    void this.#followStatus();
  }

  static async connect(options: ConnectOptions): Promise<Broker> {
    const { creds_file, replicas, ...servers } = parseServerList(options.url);
    const authenticator = creds_file === undefined ? {} : { authenticator: await authenticatorOf(creds_file) };
    for (let wait_ms = RETRY_MIN_MS; ; wait_ms = Math.min(RETRY_MAX_MS, wait_ms * 2)) {
      if (options.signal?.aborted === true) throw new TidemarkError("broker_unreachable", "gave up waiting for the broker");
      try {
        const connection = await connect({
          ...servers,
          ...authenticator,
          name: options.name,
          maxReconnectAttempts: -1,
          reconnectTimeWait: 100,
          pingInterval: PING_MS,
          timeout: CONNECT_MS,
          noAsyncTraces: true,
        });
        const manager = (timeout: number): Promise<JetStreamManager> => connection.jetstreamManager({ timeout, checkAPI: false });
        return new Broker(connection, await manager(REQUEST_MS), await manager(ELECTION_REQUEST_MS), replicas);
      } catch (error) {
        if (error instanceof NatsError && error.isAuthError()) throw new TidemarkError("broker_unauthorized", "the broker refuses the credentials", { cause: error });
        if (wait_ms === RETRY_MIN_MS) options.onWaiting?.();
        await systemClock.sleep(wait_ms);
      }
    }
  }

  /** Whether the connection stands at this moment. */
  get connected(): boolean {
    return this.#status.connected && !this.#connection.isClosed();
  }

  /** Calls back on every change; returns the way to unsubscribe. */
  onStatus(callback: (connected: boolean) => void): () => void {
    return this.#status.onChange(callback);
  }

  /** Undefined when there is no such stream. */
  async streamInfo(stream: string): Promise<StreamState | undefined> {
    const info = await this.#info(stream);
    if (info === undefined) return undefined;
    const { first_seq, last_seq, messages, bytes } = info.state;
    return { created: info.created, first_sequence: first_seq, last_sequence: last_seq, messages, bytes };
  }

  /** Which server of a cluster leads a stream; undefined when none does, or there is no cluster. */
  async streamLeader(stream: string): Promise<string | undefined> {
    return (await this.#info(stream))?.cluster?.leader;
  }

  /** Creates or updates every stream and the bounded object stores. Safe to call from any number of processes. */
  async ensureStreams(limits: StreamLimits = {}): Promise<void> {
    for (const name of streamNames) await this.#ensureStream(name, limits);
    for (const bucket of bucketNames) {
      const max_bytes = limitOf(bucket, limits).bytes_max;
      await this.#ask(() => this.#bucket(bucket));
      const info = await this.#info(`OBJ_${bucket}`);
      const num_replicas = this.#replicas ?? info?.config.num_replicas ?? 1;
      if (info === undefined || (info.config.max_bytes === max_bytes && info.config.num_replicas === num_replicas)) continue;
      await this.#ask(() => this.#manager.streams.update(info.config.name, { ...info.config, max_bytes, num_replicas }));
    }
  }

  /**
   * Hands over a stream's messages in order, from a sequence on, without gap or duplicate across reconnects and broker
   * restarts. The callback is synchronous; what it throws ends the consumption. Rejects when the stream cannot be
   * consumed from there (`stream_missing`, `stream_recreated`, `cursor_ahead`, `gap_below_first`); waits while the broker is away.
   */
  async consume(stream: string, options: ConsumeOptions, onMessage: (message: DeliveredMessage) => void): Promise<Consumption> {
    let asked = 0;
    const api: ConsumerApi = {
      streamState: () => this.streamInfo(stream),
      create: (start_sequence) => {
        // With a filter the broker may have to look through the stream first; and one that is only slow must not be asked in vain for ever.
        const patient = options.subject !== undefined || ++asked % ELECTION_REQUESTS === 0;
        return this.#createConsumer(patient ? this.#manager : this.#impatient, stream, start_sequence, options.subject);
      },
    };
    const consumption = new OrderedConsumption(stream, this.#wire, api, options, onMessage);
    await consumption.start();
    return consumption;
  }

  /**
   * Publishes one message and waits until it is stored. Goes on trying while the broker is away if a message id makes
   * that safe, or if the message was certainly not stored.
   */
  async publish(subject: string, data: Uint8Array, options: PublishOptions = {}): Promise<PublishAck> {
    const deadline_ms = performance.now() + (options.deadline_ms ?? PUBLISH_DEADLINE_MS);
    for (let wait_ms = RETRY_MIN_MS; ; wait_ms = Math.min(RETRY_MAX_MS, wait_ms * 2)) {
      if (this.connected) {
        try {
          const ack = await this.#acked.publish(subject, data, options);
          if (ack !== undefined) return ack;
          if (performance.now() >= deadline_ms) throw new TidemarkError("broker_unreachable", `no stream takes ${subject}`);
        } catch (error) {
          const repeatable = error instanceof TidemarkError && error.code === "broker_unreachable" && options.message_id !== undefined;
          if (!repeatable || performance.now() >= deadline_ms) throw error;
        }
      } else if (this.#connection.isClosed()) {
        throw new TidemarkError("broker_closed", "the connection to the broker was closed");
      } else if (performance.now() >= deadline_ms) {
        throw new TidemarkError("broker_unreachable", "no connection to the broker");
      }
      await systemClock.sleep(wait_ms);
    }
  }

  /** For high rates: acknowledged publishing without a promise a message, at most `window` unacknowledged at a time. */
  bulkPublisher(options: { readonly window: number }): BulkPublisher {
    return new WindowedPublisher(this.#wire, options.window);
  }

  /** One stored message; undefined when there is none. */
  async getMessage(stream: string, which: MessageQuery): Promise<BrokerMessage | undefined> {
    const query = "sequence" in which ? { seq: which.sequence } : "from_sequence" in which ? { seq: which.from_sequence, next_by_subj: ">" } : { last_by_subj: which.last_by_subject };
    const stored = await this.#ask(() => this.#manager.streams.getMessage(stream, query));
    return stored === undefined ? undefined : { subject: stored.subject, sequence: stored.seq, time_ms: stored.time.getTime(), data: stored.data };
  }

  /** Overwrites a stored message and deletes it; whether it was there. */
  async deleteMessage(stream: string, sequence: number): Promise<boolean> {
    try {
      return (await this.#ask(() => this.#manager.streams.deleteMessage(stream, sequence))) ?? false;
    } catch (error) {
      if (error instanceof TidemarkError && error.cause instanceof NatsError && error.cause.api_error?.err_code === API_NO_MESSAGE) return false;
      throw error;
    }
  }

  /** Removes every message before a sequence. */
  async purge(stream: string, first_sequence: number): Promise<void> {
    await this.#ask(() => this.#manager.streams.purge(stream, { seq: first_sequence }));
  }

  /** Removes every message of a subject, which may have wildcards. */
  async purgeSubject(stream: string, subject: string): Promise<void> {
    await this.#ask(() => this.#manager.streams.purge(stream, { filter: subject }));
  }

  /** Subjects that a stream holds messages of, of those that match one with wildcards. */
  async subjects(stream: string, filter: string): Promise<string[]> {
    const info = await this.#ask(() => this.#manager.streams.info(stream, { subjects_filter: filter }));
    return Object.keys(info?.state.subjects ?? {});
  }

  async putObject(bucket: string, name: string, bytes: Uint8Array, metadata: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#ask(async () => (await this.#bucket(bucket)).putBlob({ name, metadata: { ...metadata } }, bytes));
  }

  /** Undefined when there is no such object. The client verifies the object's digest. */
  async getObject(bucket: string, name: string): Promise<Uint8Array | undefined> {
    const bytes = await this.#ask(async () => (await this.#bucket(bucket)).getBlob(name));
    return bytes ?? undefined;
  }

  /** Stores an object piece by piece; it is there once this resolves. */
  async putObjectStream(bucket: string, name: string, metadata: Readonly<Record<string, string>>, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#ask(async () => (await this.#bucket(bucket)).put({ name, metadata: { ...metadata } }, ReadableStream.from(pieces)));
  }

  /** An object piece by piece, and what is said of it; undefined when there is none. The pieces end with an error when they are not what the digest says. */
  async getObjectStream(bucket: string, name: string): Promise<{ readonly entry: ObjectEntry; readonly pieces: AsyncIterable<Uint8Array> } | undefined> {
    const result = await this.#ask(async () => (await this.#bucket(bucket)).get(name));
    if (result === undefined || result === null) return undefined;
    return { entry: toEntry(result.info), pieces: checkedPieces(result) };
  }

  async listObjects(bucket: string): Promise<ObjectEntry[]> {
    const entries = await this.#ask(async () => (await this.#bucket(bucket)).list());
    return (entries ?? []).filter(({ deleted }) => !deleted).map(toEntry);
  }

  async deleteObject(bucket: string, name: string): Promise<void> {
    await this.#ask(async () => (await this.#bucket(bucket)).delete(name));
  }

  /** Removes the pieces of objects that were never finished, because who wrote them died, once the last piece is `age_ms` old: of how many objects. */
  async removeUnfinished(bucket: string, age_ms: number): Promise<number> {
    const stream = `OBJ_${bucket}`;
    const prefix = `$O.${bucket}.C.`;
    const info = await this.#ask(() => this.#manager.streams.info(stream, { subjects_filter: `${prefix}>` }));
    // Asked for after the pieces: what is finished meanwhile is among them.
    const finished = new Set(((await this.#ask(async () => (await this.#bucket(bucket)).list())) ?? []).map(({ nuid: id }) => `${prefix}${id}`));
    let removed = 0;
    for (const subject of Object.keys(info?.state.subjects ?? {})) {
      const last = finished.has(subject) ? undefined : await this.getMessage(stream, { last_by_subject: subject });
      if (last === undefined || systemClock.now_ms() - last.time_ms < age_ms) continue;
      await this.#ask(() => this.#manager.streams.purge(stream, { filter: subject }));
      removed++;
    }
    return removed;
  }

  async close(): Promise<void> {
    await this.#connection.close();
    this.#status.close();
  }

  async #followStatus(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === Events.Disconnect) this.#status.set(false);
      else if (status.type === Events.Reconnect) this.#status.set(true);
      else if (status.permissionContext?.operation === "publish") this.#deny(status.permissionContext.subject);
    }
    // The client gives up by itself when the broker comes back and refuses its credentials.
    this.#status.close();
  }

  #deny(subject: string): void {
    this.#acked.deny(subject, toTidemarkError(new NatsError(`Permissions Violation for Publish to "${subject}"`, ErrorCode.PermissionsViolation)));
  }

  #createWire(): Wire {
    const connection = this.#connection;
    const isConnected = (): boolean => this.connected;
    return {
      get connected() {
        return isConnected();
      },
      get closed() {
        return connection.isClosed();
      },
      onStatus: (callback) => this.onStatus(callback),
      inbox: () => `_INBOX.${nuid.next()}`,
      publish: (subject, data, reply, terms) => {
        connection.publish(subject, data, terms === undefined ? { reply } : { reply, headers: headersOf(terms) });
      },
      subscribe: (subject, callback) =>
        connection.subscribe(subject, {
          callback: (error, message: WireMessage) => {
            if (error === null) callback(message);
          },
        }),
    };
  }

  async #ensureStream(name: StreamName, limits: StreamLimits): Promise<void> {
    const { discard, ...settings } = streamSettings(name, limits, this.#replicas);
    const wanted = { ...settings, discard: discard === "new" ? DiscardPolicy.New : DiscardPolicy.Old };
    let info = await this.#info(name);
    if (info === undefined) {
      const fixed = { name, storage: StorageType.File, retention: RetentionPolicy.Limits };
      // Another process may create it at the same moment with other limits: then this one updates it.
      await this.#ask(() => this.#manager.streams.add({ ...fixed, ...wanted })).catch(async (error: unknown) => {
        info = await this.#info(name);
        if (info === undefined) throw error;
      });
    }
    if (info === undefined || settingsEqual(info.config, { ...settings, discard })) return;
    const config = { ...info.config, ...wanted };
    await this.#ask(() => this.#manager.streams.update(name, config));
  }

  #info(stream: string): Promise<StreamInfo | undefined> {
    return this.#askAgain(() => this.#impatient.streams.info(stream));
  }

  async #createConsumer({ consumers }: JetStreamManager, stream: string, start_sequence: number, subject: string | undefined): ReturnType<ConsumerApi["create"]> {
    const info = await this.#ask(() =>
      consumers.add(stream, {
        ack_policy: AckPolicy.None,
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: Math.max(1, start_sequence),
        inactive_threshold: CONSUMER_IDLE_MS * NANOS_PER_MS,
        mem_storage: true,
        num_replicas: 1,
        ...(subject === undefined ? {} : { filter_subject: subject }),
      }),
    );
    if (info === undefined) throw new TidemarkError("stream_missing", `the broker has no stream ${stream}`);
    return {
      next_subject: `$JS.API.CONSUMER.MSG.NEXT.${stream}.${info.name}`,
      remove: async () => {
        await this.#ask(() => consumers.delete(stream, info.name));
      },
    };
  }

  #bucket(name: string): ReturnType<ReturnType<JetStreamManager["jetstream"]>["views"]["os"]> {
    return this.#manager.jetstream().views.os(name, { storage: StorageType.File, replicas: this.#replicas ?? 1 });
  }

  /** The same of what may be asked twice: again while nothing answers and the connection stands. */
  async #askAgain<T>(request: () => Promise<T>): Promise<T | undefined> {
    for (let asked = 1; ; asked++) {
      try {
        return await this.#ask(request);
      } catch (error) {
        if (asked === ELECTION_REQUESTS || !this.connected || !(error instanceof TidemarkError && error.code === "broker_unreachable")) throw error;
      }
    }
  }

  /** Undefined for "not found"; other failures as TidemarkError. */
  async #ask<T>(request: () => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#status.request(request);
    } catch (error) {
      if (error instanceof NatsError && error.api_error?.code === API_NOT_FOUND) return undefined;
      if (this.#connection.isClosed()) throw new TidemarkError("broker_closed", "the connection to the broker was closed", { cause: error });
      throw toTidemarkError(error);
    }
  }
}

function toEntry({ name, size, mtime, metadata }: ObjectInfo): ObjectEntry {
  return { name, bytes: size, stored_at: mtime, metadata: metadata ?? {} };
}

async function* checkedPieces({ data, error }: ObjectResult): AsyncIterable<Uint8Array> {
  yield* data as unknown as AsyncIterable<Uint8Array>;
  // Of an object that is whole the client says null or, other than its types have it, nothing.
  const failure = (await error) as Error | null | undefined;
  if (failure instanceof Error) throw toTidemarkError(failure);
}

function headersOf({ message_id, expected_last_subject_sequence }: PublishTerms): MsgHdrs {
  const head = headers();
  if (message_id !== undefined) head.append("Nats-Msg-Id", message_id);
  if (expected_last_subject_sequence !== undefined) head.append("Nats-Expected-Last-Subject-Sequence", String(expected_last_subject_sequence));
  return head;
}

function toTidemarkError(error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error;
  if (!(error instanceof NatsError)) return new TidemarkError("broker_failed", errorMessage(error), { cause: error });
  if (error.code === ErrorCode.PermissionsViolation) {
    return new TidemarkError("broker_forbidden", `the broker does not let this user do that (${error.message}): connect as one who may (TIDEMARK_NATS_CREDS; deploy/nats/permissions.conf)`, { cause: error });
  }
  const api = error.api_error;
  if (api !== undefined && api.err_code !== API_TEMPORARILY_UNAVAILABLE) {
    return new TidemarkError("broker_refused", `the broker refused a request: ${api.description}`, { cause: error });
  }
  return new TidemarkError("broker_unreachable", `the broker does not answer: ${error.message}`, { cause: error });
}
