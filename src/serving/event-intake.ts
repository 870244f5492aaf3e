import { setImmediate } from "node:timers/promises";
import type { EventBatchAnswer, EventVerdict } from "../contracts/event-batch.ts";
import type { DeadLetterReason } from "../contracts/dead-letter.ts";
import type { Event } from "../contracts/events.ts";
import { idSchema } from "../contracts/fields.ts";
import { eventSubject } from "../contracts/subjects.ts";
import type { PublishAck, PublishOptions } from "../ingest/broker-message.ts";
import { checkTime, isRefusal, type Refusal } from "../ingest/decode.ts";
import type { Clock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { RawEvent } from "./event-body.ts";
import { ProblemError } from "./problem.ts";

/** Publications that wait for their acknowledgement, of all requests together. */
export const PUBLICATIONS_MAX = 8_000;
/** Bytes of all bodies together that are read or published at the same time. */
export const BODIES_BYTES_MAX = 32 * 1024 * 1024;
/** Events that are decoded in one go, so that a large batch never holds up the prices behind it. */
const BURST = 32;
/** A producer repeats its request sooner than a broker that is away for longer comes back. */
const PUBLISH_DEADLINE_MS = 2_000;
const retry = { headers: { "retry-after": "1" } };

/** One acknowledged publication; rejects with TidemarkError when the broker does not store it. */
export interface EventPublisher {
  publish(subject: string, data: Uint8Array, options: PublishOptions): Promise<PublishAck>;
}

/** Room of one body among all that are under way. */
export interface BodyRoom {
  /** Claims room for bytes. Throws the 429 when there is none. */
  claim(bytes: number): void;
  release(): void;
}

export interface EventIntakeDeps {
  readonly broker: EventPublisher;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Takes events in for producers without a broker client. A valid event is published under its own id, so that one sent
 * again within the broker's duplicate window is stored once; the answer waits until every one of them is stored.
 */
export class EventIntake {
  readonly #deps: EventIntakeDeps;
  readonly #rejected = new Map<DeadLetterReason, number>();
  #accepted = 0;
  #duplicates = 0;
  #shed = 0;
  #unavailable = 0;
  #publications = 0;
  #bytes = 0;
  #failing = false;

  constructor(deps: EventIntakeDeps) {
    this.#deps = deps;
  }

  get accepted(): number {
    return this.#accepted;
  }

  get duplicates(): number {
    return this.#duplicates;
  }

  get rejected(): ReadonlyMap<DeadLetterReason, number> {
    return this.#rejected;
  }

  /** Requests turned away because too much was under way. */
  get shed(): number {
    return this.#shed;
  }

  /** Requests that the broker did not acknowledge in full. */
  get unavailable(): number {
    return this.#unavailable;
  }

  /** Publications that wait for their acknowledgement. */
  get publications(): number {
    return this.#publications;
  }

  /** Bytes of the bodies under way. */
  get body_bytes(): number {
    return this.#bytes;
  }

  /** Opens a body. Room is claimed as its bytes arrive: what a slow client has not sent yet of a large one takes none from the others. */
  openBody(): BodyRoom {
    let claimed = 0;
    return {
      claim: (bytes) => {
        if (this.#bytes + bytes > BODIES_BYTES_MAX) throw this.#overloaded({ connection: "close" });
        this.#bytes += bytes;
        claimed += bytes;
      },
      release: () => {
        this.#bytes -= claimed;
        claimed = 0;
      },
    };
  }

  /** Decodes and publishes; resolves once every valid event is stored. Throws a 429 or 503 with Retry-After otherwise. */
  async take(events: readonly RawEvent[]): Promise<EventBatchAnswer> {
    if (this.#publications + events.length > PUBLICATIONS_MAX) throw this.#overloaded();
    this.#publications += events.length;
    try {
      return await this.#publishAll(events);
    } finally {
      this.#publications -= events.length;
    }
  }

  async #publishAll(events: readonly RawEvent[]): Promise<EventBatchAnswer> {
    const verdicts: Promise<EventVerdict | undefined>[] = [];
    const failures: unknown[] = [];
    const now_ms = this.#deps.clock.now_ms();
    for (const { bytes, decode } of events) {
      if (verdicts.length % BURST === BURST - 1) await setImmediate();
      if (failures.length > 0) break;
      const event = decode();
      const refusal = isRefusal(event) ? event : checkTime(event, now_ms);
      if (refusal !== undefined) verdicts.push(Promise.resolve(this.#reject(bytes, refusal)));
      else if (!isRefusal(event)) {
        verdicts.push(
          // Caught at once: nobody waits for it while the events behind it are decoded.
          this.#publish(event, bytes).catch((error: unknown) => {
            failures.push(error);
            return undefined;
          }),
        );
      }
    }
    const results = (await Promise.all(verdicts)).filter((verdict) => verdict !== undefined);
    if (failures.length > 0) throw this.#unstored(failures[0]);
    const counted = (status: EventVerdict["status"]): number => results.filter((result) => result.status === status).length;
    if (counted("rejected") < results.length) this.#failing = false;
    return { accepted: counted("accepted"), duplicates: counted("duplicate"), rejected: counted("rejected"), results };
  }

  async #publish(event: Event, bytes: Uint8Array): Promise<EventVerdict> {
    const { id } = event;
    const { sequence, duplicate } = await this.#deps.broker.publish(eventSubject(event), bytes, { message_id: id, deadline_ms: PUBLISH_DEADLINE_MS });
    if (duplicate) this.#duplicates++;
    else this.#accepted++;
    return { id, status: duplicate ? "duplicate" : "accepted", sequence };
  }

  #reject(bytes: Uint8Array, { reason, field, detail }: Refusal): EventVerdict {
    this.#rejected.set(reason, (this.#rejected.get(reason) ?? 0) + 1);
    return { id: idOf(bytes, reason), status: "rejected", reason, ...(field === undefined ? {} : { field }), detail };
  }

  /** `more` headers where the rest of the body is never read. */
  #overloaded(more: Readonly<Record<string, string>> = {}): ProblemError {
    this.#shed++;
    return new ProblemError("too_many_events", "Too many events wait for the broker. Send the same body again in a moment.", { headers: { ...retry.headers, ...more } });
  }

  #unstored(failure: unknown): unknown {
    if (!(failure instanceof TidemarkError)) return failure;
    this.#unavailable++;
    if (!this.#failing) this.#deps.logger.error({ error: errorMessage(failure) }, "events cannot be stored");
    this.#failing = true;
    return new ProblemError("broker_unavailable", "Not every event could be stored. Send the same body again: what was stored already counts once, by its id.", retry);
  }
}

/** The id of an event that is rejected for something else. */
function idOf(bytes: Uint8Array, reason: DeadLetterReason): string | null {
  if (reason === "too_large" || reason === "not_json") return null;
  const { id } = JSON.parse(new TextDecoder().decode(bytes)) as { id?: unknown };
  return idSchema.safeParse(id).data ?? null;
}
