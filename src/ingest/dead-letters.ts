import { type DeadLetter, type DeadLetterReason, deadLetterSchema } from "../contracts/dead-letter.ts";
import { deadLetterSubject, STREAM_DLQ } from "../contracts/subjects.ts";
import type { Clock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Refusal } from "./decode.ts";
import { isEmptied } from "./learner-erasure.ts";
import type { BrokerMessage, Broker } from "./nats.ts";

/** What dead letters need of a broker. */
export type LetterBroker = Pick<Broker, "publish" | "getMessage">;

/** What waits to be published: beyond either, the fold stops taking messages until they are stored. */
const LETTERS_MAX = 256;
const LETTER_BYTES_MAX = 4 * 1024 * 1024;
/** In base64 it still fits the broker's payload limit of 1 MiB. EVENTS takes no larger message. */
const PAYLOAD_BYTES_MAX = 640 * 1024;
const RETRY_MS = 250;
/** What the broker says when DLQ holds a message of that subject already: each takes one. */
export const SUBJECT_TAKEN = "maximum messages per subject";

/** Refused messages on their way to DLQ. They are stored there before the commit that passes them. */
export class DeadLetters {
  readonly #broker: LetterBroker;
  readonly #stream: string;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #letters: DeadLetter[] = [];
  #bytes = 0;
  #dropping = false;
  #held_up = false;
  /** Refused so far by reason, in all, and those of them that DLQ had no room for. */
  readonly by_reason = new Map<DeadLetterReason, number>();
  count = 0;
  dropped = 0;

  constructor(broker: LetterBroker, stream: string, logger: Logger, clock: Clock) {
    this.#broker = broker;
    this.#stream = stream;
    this.#logger = logger;
    this.#clock = clock;
  }

  get waiting(): number {
    return this.#letters.length;
  }

  get full(): boolean {
    return this.#letters.length >= LETTERS_MAX || this.#bytes >= LETTER_BYTES_MAX;
  }

  add(message: BrokerMessage, refusal: Refusal): void {
    this.count++;
    this.by_reason.set(refusal.reason, (this.by_reason.get(refusal.reason) ?? 0) + 1);
    if (isEmptied(message)) return;
    const letter = deadLetter(this.#stream, message, refusal);
    this.#letters.push(letter);
    this.#bytes += letter.payload_base64.length;
  }

  /** Resolves to true when all are stored; to false, for good, when `signal` ended the wait for the broker. */
  async settle(signal: AbortSignal): Promise<boolean> {
    while (this.#letters.length > 0) {
      const letters = this.#letters;
      this.#letters = [];
      this.#bytes = 0;
      const stored = await Promise.all(letters.map((letter) => this.#store(letter, signal)));
      if (stored.includes(false)) return false;
    }
    return true;
  }

  async #store(letter: DeadLetter, signal: AbortSignal): Promise<boolean> {
    const subject = deadLetterSubject(letter.stream, letter.sequence);
    const bytes = new TextEncoder().encode(JSON.stringify(letter));
    do {
      try {
        if (!(await this.#put(subject, bytes)) && !(await this.#holds(subject, letter))) {
          return this.#drop(letter, `${STREAM_DLQ} still holds the letters of an earlier ${letter.stream}: look through them, then purge it`);
        }
        this.#dropping = false;
        this.#held_up = false;
        return true;
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.code === "broker_closed") return false;
          if (error.code !== "broker_unreachable") return this.#drop(letter, error.message);
          this.#sayHeldUp(letter, error);
        await this.#clock.sleep(RETRY_MS);
      }
    } while (!signal.aborted);
    return false;
  }

  /** False when the subject is taken. */
  async #put(subject: string, bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#broker.publish(subject, bytes, { deadline_ms: RETRY_MS });
      return true;
    } catch (error) {
      if (error instanceof TidemarkError && error.message.includes(SUBJECT_TAKEN)) return false;
      throw error;
    }
  }

  /**
   * Whether what took the subject is this letter: another replica, or this one before a crash, has stored it. The broker's timestamp tells it
   * from the letter of another stream that had the same name. (Its bytes may differ: a learner may have been forgotten since.)
   */
  async #holds(subject: string, { broker_time_ms }: DeadLetter): Promise<boolean> {
    const stored = await this.#broker.getMessage(STREAM_DLQ, { last_by_subject: subject });
    // Aged out just now.
    if (stored === undefined) return true;
    const letter = deadLetterSchema.safeParse(parse(stored.data));
    return letter.success && letter.data.broker_time_ms === broker_time_ms;
  }

  /** Once for each time: the broker may be away, or the dead-letter stream be missing, and until then nothing is folded. */
  #sayHeldUp({ stream, sequence }: DeadLetter, error: TidemarkError): void {
    if (!this.#held_up) this.#logger.warn({ stream, sequence, error: error.message }, "dead letters cannot be stored yet: the fold waits for it");
    this.#held_up = true;
  }

  // One bad message must not stop the stream, not even when DLQ is full. The message itself stays in its own stream.
  #drop(letter: DeadLetter, error: string): true {
    this.dropped++;
    if (!this.#dropping) this.#logger.error({ stream: letter.stream, sequence: letter.sequence, reason: letter.reason, error }, "dead letters cannot be stored");
    this.#dropping = true;
    return true;
  }
}

/** The value that JSON says; undefined of anything else. */
export function parse(data: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(data));
  } catch {
    return undefined;
  }
}

function deadLetter(stream: string, message: BrokerMessage, refusal: Refusal): DeadLetter {
  const whole = message.data.length <= PAYLOAD_BYTES_MAX;
  const kept = whole ? message.data : message.data.subarray(0, PAYLOAD_BYTES_MAX);
  return {
    stream,
    sequence: message.sequence,
    subject: message.subject,
    broker_time_ms: message.time_ms,
    reason: refusal.reason,
    ...(refusal.field === undefined ? {} : { field: refusal.field }),
    detail: whole ? refusal.detail : `${refusal.detail}; only the first ${PAYLOAD_BYTES_MAX} bytes are kept here`,
    payload_base64: Buffer.from(kept).toString("base64"),
  };
}
