import type { PriceMessage } from "../../contracts/control.ts";
import { controlSubject, eventSubject, STREAM_CONTROL, STREAM_EVENTS } from "../../contracts/subjects.ts";
import type { Lease } from "../../ingest/lease.ts";
import type { Broker } from "../../ingest/nats.ts";
import type { Clock } from "../../lib/clock.ts";
import { errorMessage, TidemarkError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { parseTime } from "../../lib/time.ts";
import type { ScheduledPrice } from "../../pricing/price-changes/price-ledger.ts";
import { repricedEvent, repricingId } from "../../pricing/price-changes/repricing.ts";
import { loadMark, storeMark } from "./applied-mark.ts";
import { type Decided, FollowedPrices } from "./followed-prices.ts";

/** 100 bytes each. With so many waiting for their time, whatever was decided later waits until some of them are done. */
const SCHEDULED_MAX = 100_000;
const DEADLINE_MS = 5_000;
/** Another event of the same course may come in between, but not for ever. */
const ATTEMPTS_MAX = 5;

export type ApplierBroker = Pick<Broker, "connected" | "publish" | "getMessage" | "streamInfo" | "consume">;

export interface PriceApplierDeps {
  readonly broker: ApplierBroker;
  readonly lease: Lease;
  /** What is to be done about a price whose time has come: whether it still keeps the rules is decided then. */
  readonly schedule: { settle(due: ScheduledPrice): Promise<"apply" | "refused" | "later"> };
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Brings decided prices into force: from every acceptance on CONTROL, and from every schedule once its time has come, follows exactly one `course.repriced`, whose id
 * and time come from that message. One process of all does it, by a lease, in the order of CONTROL. Should two believe it for a moment, or one die at any point: the
 * course's last event is read first, then the lease is looked at, then the event published in that event's place under its own id, so that the broker takes it
 * once; and the fold counts an id once, whenever it comes.
 */
export class PriceApplier {
  readonly #deps: PriceApplierDeps;
  #following: FollowedPrices | undefined;
  #applied = 0;

  constructor(deps: PriceApplierDeps) {
    this.#deps = deps;
  }

  /** Prices that this process has brought into force. */
  get applied(): number {
    return this.#applied;
  }

  get leading(): boolean {
    return this.#deps.lease.held;
  }

  /** Prices that wait for their time, as far as this process leads. */
  get scheduled(): number {
    return this.#following?.scheduled.length ?? 0;
  }

  /** Called every second or so. */
  async checkLease(): Promise<void> {
    if (this.#deps.broker.connected) await this.#deps.lease.hold();
  }

  /** Called every 100 ms. */
  async check(): Promise<void> {
    const { lease, broker } = this.#deps;
    if (!lease.held || this.#following?.term !== lease.term || this.#following.ended) await this.#leave();
    if (!lease.held || !broker.connected) return;
    this.#following ??= await this.#begin(lease.term);
    try {
      await this.#advance(this.#following);
    } catch (error) {
      // What is stored by now is read again.
      await this.#leave();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#leave();
  }

  async #leave(): Promise<void> {
    const following = this.#following;
    this.#following = undefined;
    await following?.consumption.stop();
  }

  async #begin(term: number): Promise<FollowedPrices> {
    const { broker, logger } = this.#deps;
    const state = await broker.streamInfo(STREAM_CONTROL);
    if (state === undefined) throw new TidemarkError("stream_missing", `the broker has no stream ${STREAM_CONTROL}`);
    const { mark, sequence } = await loadMark(broker, state.created);
    const following = new FollowedPrices(term, mark, sequence);
    // A mark beyond the end is of a stream that lost messages: what comes anew counts from the end.
    const start_sequence = Math.min(mark.from, state.last_sequence + 1);
    following.consumption = await broker.consume(STREAM_CONTROL, { start_sequence, stream_created: state.created, subject: controlSubject("price", ">") }, (message) => following.receive(message));
    void following.consumption.closed.then((failure) => {
      following.ended = true;
      if (failure instanceof Error) logger.error({ error: errorMessage(failure) }, "price changes cannot be read");
    });
    logger.info({ applied: mark.applied }, "price changes are brought into force from here");
    return following;
  }

  async #advance(following: FollowedPrices): Promise<void> {
    while (following.queue.length > 0 && following.scheduled.length < SCHEDULED_MAX) {
      await this.#take(following, following.queue[0]!);
      following.queue.shift();
    }
    if (following.queue.length === 0) following.resume();
    const now_ms = this.#deps.clock.now_ms();
    let all = true;
    for (const due of following.due(now_ms)) {
      const verdict = await this.#deps.schedule.settle(due);
      if (verdict === "apply") await this.#reprice(due.sequence, due, due.at_ms);
      if (verdict === "later") all = false;
      else following.done(due);
    }
    const mark = following.markAt(all ? now_ms : undefined);
    if (mark === undefined) return;
    const stored = await storeMark(this.#deps.broker, mark, following.mark_sequence);
    following.stored(stored.mark, stored.sequence);
  }

  async #take(following: FollowedPrices, { sequence, message }: Decided): Promise<void> {
    const known = sequence <= following.mark.applied;
    switch (message.type) {
      case "price.accepted":
        if (!known) await this.#reprice(sequence, message, parseTime(message.time));
        break;
      case "price.scheduled": {
        const at_ms = parseTime(message.at);
        if (!known || at_ms > following.mark.until_ms) following.schedule({ sequence, course_id: message.course_id, price: message.price, at_ms });
        break;
      }
      case "price.rejected":
        following.withdraw(message.course_id, message.price);
        break;
      case "price.proposed":
    }
    following.seen = Math.max(following.seen, sequence);
  }

  /** The event's time is the decision's, so that one which was late in coming never takes the place of a later price. */
  async #reprice(sequence: number, decided: Pick<PriceMessage, "course_id" | "price"> & { readonly jitter?: object | undefined }, time_ms: number): Promise<void> {
    const { broker, lease, clock, logger } = this.#deps;
    const following = this.#following;
    if (following === undefined) return;
    const event = repricedEvent(repricingId(following.mark.control_created, sequence), decided, Math.min(time_ms, clock.now_ms()));
    const subject = eventSubject(event);
    const data = new TextEncoder().encode(JSON.stringify(event));
    for (let attempt = 1; ; attempt++) {
      const last = await broker.getMessage(STREAM_EVENTS, { last_by_subject: subject });
      if (last !== undefined && idOf(last.data) === event.id) return;
      if (!lease.held || lease.term !== following.term) throw new TidemarkError("lease_lost", "another process applies prices now");
      try {
        const { duplicate } = await broker.publish(subject, data, { message_id: event.id, expected_last_subject_sequence: last?.sequence ?? 0, deadline_ms: DEADLINE_MS });
        if (duplicate) return;
        this.#applied++;
        logger.info({ course_id: event.course_id, price: event.price, event_id: event.id }, "price in force");
        return;
      } catch (error) {
        if (!(error instanceof TidemarkError && error.code === "wrong_last_sequence") || attempt === ATTEMPTS_MAX) throw error;
      }
    }
  }
}

function idOf(data: Uint8Array): unknown {
  try {
    return (JSON.parse(new TextDecoder().decode(data)) as { id?: unknown } | null)?.id;
  } catch {
    return undefined;
  }
}
