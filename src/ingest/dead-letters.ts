import type { DeadLetter, DeadLetterReason } from "../contracts/dead-letter.ts";
import { deadLetterSubject } from "../contracts/subjects.ts";
import type { Clock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Refusal } from "./decode.ts";
import type { BrokerMessage, Broker } from "./nats.ts";

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
  readonly #broker: Broker;
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

  constructor(broker: Broker, stream: string, logger: Logger, clock: Clock) {
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
    const bytes = new TextEncoder().encode(JSON.stringify(letter));
    do {
      try {
        await this.#broker.publish(deadLetterSubject(letter.stream, letter.sequence), bytes, { deadline_ms: RETRY_MS });
        this.#dropping = false;
        this.#held_up = false;
        return true;
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.code === "broker_closed") return false;
        // The subject is taken: another replica, or this one before a crash, has stored the same letter.
        if (error.message.includes(SUBJECT_TAKEN)) return true;
        if (error.code !== "broker_unreachable") return this.#drop(letter, error);
        this.#sayHeldUp(letter, error);
        await this.#clock.sleep(RETRY_MS);
      }
    } while (!signal.aborted);
    return false;
  }

  /** Once for each time: the broker may be away, or the dead-letter stream be missing, and until then nothing is folded. */
  #sayHeldUp({ stream, sequence }: DeadLetter, error: TidemarkError): void {
    if (!this.#held_up) this.#logger.warn({ stream, sequence, error: error.message }, "dead letters cannot be stored yet: the fold waits for it");
    this.#held_up = true;
  }

  // One bad message must not stop the stream, not even when DLQ is full. The message itself stays in its own stream.
  #drop(letter: DeadLetter, error: TidemarkError): true {
    this.dropped++;
    if (!this.#dropping) this.#logger.error({ stream: letter.stream, sequence: letter.sequence, reason: letter.reason, error: error.message }, "dead letters cannot be stored");
    this.#dropping = true;
    return true;
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
