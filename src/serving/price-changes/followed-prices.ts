import { type PriceMessage, priceMessageSchema } from "../../contracts/control.ts";
import { controlSubject } from "../../contracts/subjects.ts";
import type { Consumption, DeliveredMessage } from "../../ingest/broker-message.ts";
import type { ScheduledPrice } from "../../pricing/price-changes/price-ledger.ts";
import type { AppliedMark } from "./applied-mark.ts";

/** Messages that wait to be looked at; the broker is asked for no more meanwhile. */
const QUEUE_MAX = 1_000;

export interface Decided {
  readonly sequence: number;
  readonly message: PriceMessage;
}

/** One term of leading: what has been read of CONTROL, and what of it is not done yet. */
export class FollowedPrices {
  readonly term: number;
  readonly queue: Decided[] = [];
  /** By time. */
  readonly scheduled: ScheduledPrice[] = [];
  consumption: Pick<Consumption, "pause" | "resume" | "stop" | "closed"> = { pause: () => undefined, resume: () => undefined, stop: () => Promise.resolve(), closed: Promise.resolve() };
  ended = false;
  /** Of the last message that was looked at. */
  seen: number;
  #mark: AppliedMark;
  #mark_sequence: number;
  #paused = false;
  /** A scheduled price was, since the mark was stored. */
  #settled = false;

  constructor(term: number, mark: AppliedMark, mark_sequence: number) {
    this.term = term;
    this.#mark = mark;
    this.#mark_sequence = mark_sequence;
    this.seen = mark.applied;
  }

  get mark(): AppliedMark {
    return this.#mark;
  }

  get mark_sequence(): number {
    return this.#mark_sequence;
  }

  /** What is no price message, or names another course than its subject, asks for nothing. */
  receive({ subject, sequence, data }: DeliveredMessage): void {
    const message = priceMessageOf(data);
    if (message === undefined || controlSubject("price", message.course_id) !== subject) return;
    this.queue.push({ sequence, message });
    if (this.queue.length < QUEUE_MAX) return;
    this.#paused = true;
    this.consumption.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.consumption.resume();
  }

  schedule(price: ScheduledPrice): void {
    let at = this.scheduled.length;
    while (at > 0 && this.scheduled[at - 1]!.at_ms > price.at_ms) at--;
    this.scheduled.splice(at, 0, price);
  }

  withdraw(course_id: string, price: number): void {
    const kept = this.scheduled.filter((each) => each.course_id !== course_id || each.price !== price);
    if (kept.length < this.scheduled.length) this.scheduled.splice(0, this.scheduled.length, ...kept);
  }

  due(now_ms: number): ScheduledPrice[] {
    const later = this.scheduled.findIndex(({ at_ms }) => at_ms > now_ms);
    return this.scheduled.slice(0, later < 0 ? this.scheduled.length : later);
  }

  done(price: ScheduledPrice): void {
    const at = this.scheduled.indexOf(price);
    if (at >= 0) this.scheduled.splice(at, 1);
    this.#settled = true;
  }

  /** The mark that holds now, all that was due by `until_ms` being done; undefined: the stored one says as much. */
  markAt(until_ms: number | undefined): AppliedMark | undefined {
    if (this.seen === this.#mark.applied && !this.#settled) return undefined;
    const from = this.scheduled.reduce((first, { sequence }) => Math.min(first, sequence), this.seen + 1);
    return { ...this.#mark, applied: this.seen, from, until_ms: Math.max(this.#mark.until_ms, until_ms ?? this.#mark.until_ms) };
  }

  stored(mark: AppliedMark, sequence: number): void {
    this.#settled = false;
    this.#mark = mark;
    this.#mark_sequence = sequence;
  }
}

function priceMessageOf(data: Uint8Array): PriceMessage | undefined {
  try {
    return priceMessageSchema.safeParse(JSON.parse(new TextDecoder().decode(data))).data;
  } catch {
    return undefined;
  }
}
