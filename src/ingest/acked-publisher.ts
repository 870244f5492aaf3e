import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { PublishAck, PublishTerms } from "./broker-message.ts";
import { type PublishAnswer, readPublishAnswer } from "./publish-answer.ts";
import type { Wire, WireMessage } from "./wire.ts";

/** The broker says nothing for so long: what was published may be stored or not. */
const ANSWER_MAX_MS = 5_000;
/** How often somebody looks for what waits too long; no timer a message. */
const LOOK_MS = 500;
const NOBODY_LISTENS = 503;

interface Waiting {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly terms: PublishTerms;
  readonly until_ms: number;
  resolve(ack: PublishAck | undefined): void;
  reject(error: TidemarkError): void;
}

/**
 * Publishes messages that each wait for their own acknowledgement. All of one turn of the event loop go out in one write, and their answers come to one inbox: the
 * client's own requests cost a write, a timer, two promises and an error object each, which was most of what a personal quote cost.
 */
export class AckedPublisher {
  readonly #wire: Wire;
  /** By number, in the order of publication: the oldest first. */
  readonly #waiting = new Map<number, Waiting>();
  #outbox: number[] = [];
  #published = 0;
  /** With its last dot. */
  #inbox: string | undefined;
  #watch: NodeJS.Timeout | undefined;

  constructor(wire: Wire) {
    this.#wire = wire;
    wire.onStatus((connected) => {
      if (!connected) this.#rejectAll(new TidemarkError("broker_unreachable", "the connection to the broker was lost"));
    });
  }

  /** undefined: certainly not stored, since there is no connection or no stream takes the subject. Throws TidemarkError: `broker_unreachable` when nothing is known of it. */
  publish(subject: string, data: Uint8Array, terms: PublishTerms): Promise<PublishAck | undefined> {
    return new Promise((resolve, reject) => {
      const number = ++this.#published;
      this.#waiting.set(number, { subject, data, terms, until_ms: performance.now() + ANSWER_MAX_MS, resolve, reject });
      // After the sockets that this turn reads: what they ask for goes out together.
      if (this.#outbox.push(number) === 1) setImmediate(() => this.#send());
    });
  }

  /** The broker does not let this connection publish to a subject, and answers nothing else. */
  deny(subject: string, error: TidemarkError): void {
    for (const [number, waiting] of this.#waiting) if (waiting.subject === subject) this.#take(number)?.reject(error);
  }

  #send(): void {
    const outbox = this.#outbox;
    this.#outbox = [];
    for (const number of outbox) {
      const waiting = this.#waiting.get(number);
      // The connection was lost in this very turn.
      if (waiting === undefined) continue;
      if (!this.#wire.connected) this.#take(number)?.resolve(undefined);
      else this.#sendOne(number, waiting);
    }
    if (this.#waiting.size > 0) this.#watch ??= setInterval(() => this.#look(), LOOK_MS).unref();
  }

  #sendOne(number: number, { subject, data, terms }: Waiting): void {
    try {
      this.#wire.publish(subject, data, `${(this.#inbox ??= this.#open())}${number}`, terms);
    } catch (error) {
      // The client refuses it, such as for its size: nothing was sent.
      this.#take(number)?.reject(new TidemarkError("broker_refused", `${subject}: ${errorMessage(error)}`, { cause: error }));
    }
  }

  #open(): string {
    const inbox = `${this.#wire.inbox()}.`;
    this.#wire.subscribe(`${inbox}*`, (message) => this.#onAnswer(Number(message.subject.slice(inbox.length)), message));
    return inbox;
  }

  #onAnswer(number: number, { data, headers }: WireMessage): void {
    const waiting = this.#take(number);
    if (waiting === undefined) return;
    if (data.length === 0 && headers?.code === NOBODY_LISTENS) return waiting.resolve(undefined);
    try {
      waiting.resolve(readPublishAnswer(waiting.subject, JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.length).toString()) as PublishAnswer));
    } catch (error) {
      waiting.reject(error instanceof TidemarkError ? error : new TidemarkError("broker_failed", `the broker's answer to ${waiting.subject} is no JSON`, { cause: error }));
    }
  }

  #take(number: number): Waiting | undefined {
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    return waiting;
  }

  #look(): void {
    const now_ms = performance.now();
    for (const [number, { subject, until_ms }] of this.#waiting) {
      if (until_ms > now_ms) break;
      this.#take(number)?.reject(new TidemarkError("broker_unreachable", `the broker has not answered to ${subject} for ${ANSWER_MAX_MS} ms`));
    }
    if (this.#waiting.size > 0) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  #rejectAll(error: TidemarkError): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const each of waiting) each.reject(error);
  }
}
