import { assert } from "../lib/assert.ts";
import { DAY_MS } from "../lib/time.ts";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { messageBytesMax, type Segment, writeMessage } from "./archive-segment.ts";
import type { BrokerMessage } from "./broker-message.ts";
import { erasureOf } from "./learner-erasure.ts";

/** A segment is closed by the message that makes it this large. In memory it is at most one message larger. */
export const SEGMENT_BYTES = 8 * 1024 * 1024;
const INITIAL_BYTES = 64 * 1024;

function dayOf(time_ms: number): number {
  return Math.floor(time_ms / DAY_MS);
}

/**
 * Gathers one segment. Where it ends depends on its messages alone, by size and by the UTC day of the broker's timestamps: every
 * replica that begins at the same sequence writes the same one.
 */
export class SegmentBuilder {
  readonly stream_created: string;
  readonly first_sequence: number;
  readonly #bytes_max: number;
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;
  #messages = 0;
  #erasures = 0;
  #rewritten = 0;
  #first_time_ms = 0;
  #last: { readonly sequence: number; readonly time_ms: number } = { sequence: 0, time_ms: 0 };
  #next_sequence: number;

  constructor(stream_created: string, first_sequence: number, bytes_max = SEGMENT_BYTES) {
    this.#bytes_max = bytes_max;
    this.stream_created = stream_created;
    this.first_sequence = first_sequence;
    this.#next_sequence = first_sequence;
  }

  get messages(): number {
    return this.#messages;
  }

  /** What is to follow. */
  get next_sequence(): number {
    return this.#next_sequence;
  }

  get full(): boolean {
    return this.#length >= this.#bytes_max;
  }

  /** The moment after which, by the broker's clock, nothing belongs to it any more; infinity while it is empty. */
  get day_end_ms(): number {
    return this.#messages === 0 ? Number.POSITIVE_INFINITY : (dayOf(this.#first_time_ms) + 1) * DAY_MS;
  }

  /** Whether a message may still come into it. */
  takes(message: BrokerMessage): boolean {
    return !this.full && (this.#messages === 0 || dayOf(message.time_ms) === dayOf(this.#first_time_ms));
  }

  add(message: BrokerMessage, rewritten = false): void {
    assert(message.sequence >= this.#next_sequence, "messages of a segment ascend");
    const needed = this.#length + messageBytesMax(message);
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    if (this.#messages++ === 0) this.#first_time_ms = message.time_ms;
    this.#length = writeMessage(this.#bytes, this.#length, message, rewritten, this.#last);
    if (rewritten) this.#rewritten++;
    else if (erasureOf(message) !== undefined) this.#erasures++;
    this.#last = { sequence: message.sequence, time_ms: message.time_ms };
    this.#next_sequence = message.sequence + 1;
  }

  /** The segment up to `last_sequence`, which is its last message's unless given. */
  finish(last_sequence = this.#next_sequence - 1): Segment {
    assert(last_sequence >= this.first_sequence && last_sequence >= this.#next_sequence - 1, "a segment covers its messages");
    return {
      header: {
        stream: STREAM_EVENTS,
        stream_created: this.stream_created,
        first_sequence: this.first_sequence,
        last_sequence,
        messages: this.#messages,
        first_time_ms: this.#first_time_ms,
        last_time_ms: this.#last.time_ms,
        raw_bytes: this.#length,
        erasures: this.#erasures,
        rewritten: this.#rewritten,
      },
      raw: this.#bytes.subarray(0, this.#length),
    };
  }
}
