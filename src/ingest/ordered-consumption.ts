import { systemClock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import { AckSubjectReader } from "./ack-subject.ts";
import type { ConsumeOptions, Consumption, DeliveredMessage, StreamState } from "./broker-message.ts";
import { checkPosition } from "./position.ts";
import { PullWindow } from "./pull-window.ts";
import type { ConsumerApi, Wire, WireMessage } from "./wire.ts";

const PULL_MESSAGES = 4096;
/** Above the largest payload that the broker takes, or one message could block a request for ever. */
const PULL_BYTES = 4 * 1024 * 1024;
const PULL_EXPIRES_MS = 30_000;
const HEARTBEAT_MS = 1_000;
const NANOS_PER_MS = 1_000_000;
const REOPEN_MIN_MS = 50;
const REOPEN_MAX_MS = 500;
const HEARTBEAT_STATUS = 100;

const pullRequest = new TextEncoder().encode(
  JSON.stringify({ batch: PULL_MESSAGES, max_bytes: PULL_BYTES, expires: PULL_EXPIRES_MS * NANOS_PER_MS, idle_heartbeat: HEARTBEAT_MS * NANOS_PER_MS }),
);

/**
 * A stream from a sequence on, in order, without gap or duplicate, for as long as it is wanted. It rests on an ephemeral
 * consumer that is thrown away and opened again after the last message handed over whenever something is wrong: a
 * delivery number is missing, heartbeats stay away, the connection was lost. Every opening checks that the stream is
 * still the same one and still holds the position.
 */
export class OrderedConsumption implements Consumption {
  readonly closed: Promise<void | Error>;
  readonly #stream: string;
  readonly #wire: Wire;
  readonly #api: ConsumerApi;
  readonly #onMessage: (message: DeliveredMessage) => void;
  readonly #filtered: boolean;
  #next_sequence: number;
  #created: string | undefined;
  #paused = false;
  #ended = false;
  #opening = false;
  #silent_beats = 0;
  #link: Link | undefined;
  #resolveClosed: (reason?: Error) => void = () => undefined;
  readonly #beat: NodeJS.Timeout;
  readonly #forgetStatus: () => void;

  constructor(stream: string, wire: Wire, api: ConsumerApi, options: ConsumeOptions, onMessage: (message: DeliveredMessage) => void) {
    this.#stream = stream;
    this.#wire = wire;
    this.#api = api;
    this.#next_sequence = options.start_sequence;
    this.#created = options.stream_created;
    this.#filtered = options.subject !== undefined;
    this.#onMessage = onMessage;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = (reason) => resolve(reason);
    });
    this.#beat = setInterval(() => this.#onBeat(), HEARTBEAT_MS);
    this.#forgetStatus = wire.onStatus((connected) => {
      if (connected) void this.#reopen();
      else if (wire.closed) this.#end(new TidemarkError("broker_closed", "the connection to the broker was closed"));
    });
  }

  /** Resolves once messages are asked for; rejects when the stream cannot be consumed from there. */
  async start(): Promise<void> {
    await this.#reopen();
    if (!this.#ended) return;
    const reason = await this.closed;
    if (reason !== undefined) throw reason;
  }

  pause(): void {
    this.#paused = true;
    this.#link?.window.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#silent_beats = 0;
    this.#link?.window.resume();
  }

  async stop(): Promise<void> {
    const link = this.#link;
    this.#end();
    if (link !== undefined && this.#wire.connected) await link.remove().catch(() => undefined);
  }

  #end(reason?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#beat);
    this.#forgetStatus();
    this.#unlink();
    this.#resolveClosed(reason);
  }

  #unlink(): void {
    this.#link?.unsubscribe();
    this.#link = undefined;
  }

  async #reopen(): Promise<void> {
    if (this.#opening || this.#ended) return;
    this.#opening = true;
    const old = this.#link;
    this.#unlink();
    if (old !== undefined && this.#wire.connected) void old.remove().catch(() => undefined);
    let wait_ms = REOPEN_MIN_MS;
    while (!this.#ended && this.#link === undefined) {
      try {
        await this.#openOnce();
      } catch (error) {
        if (error instanceof TidemarkError && error.code !== "broker_unreachable") this.#end(error);
        else await systemClock.sleep(wait_ms);
        wait_ms = Math.min(REOPEN_MAX_MS, wait_ms * 2);
      }
    }
    this.#opening = false;
  }

  async #openOnce(): Promise<void> {
    const state = await this.#api.streamState();
    if (this.#ended) return;
    this.#checkStream(state);
    const { next_subject, remove } = await this.#api.create(this.#next_sequence);
    // Stopped while the broker was at work: nobody else will remove the consumer.
    if (this.#ended) {
      await remove().catch(() => undefined);
      return;
    }
    this.#silent_beats = 0;
    this.#link = this.#connect(next_subject, remove);
    this.#link.window.fill();
  }

  #checkStream(state: StreamState | undefined): asserts state is StreamState {
    if (state !== undefined) {
      this.#created ??= state.created;
      // Of one subject alone, what was removed since may never have been its: that is no gap.
      if (this.#next_sequence <= 1 || this.#filtered) this.#next_sequence = Math.max(1, this.#next_sequence, state.first_sequence);
    }
    checkPosition(this.#stream, { stream_created: this.#created ?? "", sequence: this.#next_sequence - 1 }, state);
  }

  #connect(next_subject: string, remove: () => Promise<void>): Link {
    const inbox = this.#wire.inbox();
    const window = new PullWindow(PULL_MESSAGES, this.#paused, (pull) => this.#wire.publish(next_subject, pullRequest, `${inbox}.${pull}`));
    const ack = new AckSubjectReader();
    let delivery = 0;
    const subscription = this.#wire.subscribe(`${inbox}.*`, (message) => {
      this.#silent_beats = 0;
      const reply = message.reply;
      if (reply === undefined || reply === "" || !ack.read(reply)) {
        this.#onStatusMessage(message, window);
      } else if (ack.delivery !== ++delivery || ack.sequence < this.#next_sequence) {
        void this.#reopen();
      } else {
        this.#next_sequence = ack.sequence + 1;
        this.#deliver(message, ack);
        if (!this.#ended) window.delivered();
      }
    });
    return { window, remove, unsubscribe: () => subscription.unsubscribe() };
  }

  // An exception must not travel into the client: it would end its reader without a word.
  #deliver(message: WireMessage, ack: AckSubjectReader): void {
    try {
      this.#onMessage({ subject: message.subject, sequence: ack.sequence, time_ms: ack.time_ms, data: message.data, pending: ack.pending });
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #onStatusMessage(message: WireMessage, window: PullWindow): void {
    const code = message.headers?.code ?? 0;
    if (code === HEARTBEAT_STATUS) return;
    const usual = code === 404 || code === 408 || (code === 409 && /exceeds maxbytes|batch completed/i.test(message.headers?.description ?? ""));
    if (usual) window.ended(Number(message.subject.slice(message.subject.lastIndexOf(".") + 1)));
    else void this.#reopen();
  }

  #onBeat(): void {
    if (this.#link?.window.expecting !== true || !this.#wire.connected) return;
    if (++this.#silent_beats > 2) void this.#reopen();
  }
}

interface Link {
  readonly window: PullWindow;
  remove(): Promise<void>;
  unsubscribe(): void;
}
