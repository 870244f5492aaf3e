import { courseDecisionSubject } from "../contracts/subjects.ts";
import type { Clock } from "../lib/clock.ts";
import { errorMessage } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { decisionRecord } from "../pricing/decision.ts";
import type { Decision } from "../pricing/decision.ts";
import type { BrokerPort } from "./broker-link.ts";

export const DECISIONS_MAX = 50_000;
/** Publications that wait for their acknowledgement at the same time. */
const IN_FLIGHT_MAX = 512;
/** Records that are encoded in one go, so that a burst of decisions never holds up the answers behind it. */
const BURST_MAX = 32;
const RETRY_MS = 250;

/** Where the decisions of courses without an id go. A course may carry this id: the record says which is which. */
const COLD_SUBJECT = "quotes.course._cold";

export interface DecisionLogDeps {
  readonly broker: BrokerPort;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly decisions_max?: number;
}

/**
 * Publishes every decision to QUOTES, off the path of the answer: `record` only queues, the record itself is built when it is sent. Many publications are in flight
 * at once; one that fails, or finds no broker, goes back to the queue and is tried again under the same message id, so
 * the stream holds it once. The queue is bounded: when it is full the oldest is dropped, and counted.
 */
export class DecisionLog {
  readonly #deps: DecisionLogDeps;
  readonly #decisions_max: number;
  /** Insertion order is age. Keyed by id: a decision that is waiting already is not queued twice. */
  readonly #queue = new Map<string, Decision>();
  readonly #encoder = new TextEncoder();
  #in_flight = 0;
  #scheduled = false;
  #closed = false;
  #failing = false;
  #recorded = 0;
  #dropped = 0;
  #retries = 0;

  constructor(deps: DecisionLogDeps) {
    this.#deps = deps;
    this.#decisions_max = deps.decisions_max ?? DECISIONS_MAX;
  }

  /** Acknowledged by the broker. */
  get recorded(): number {
    return this.#recorded;
  }

  get pending(): number {
    return this.#queue.size + this.#in_flight;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get retries(): number {
    return this.#retries;
  }

  record(decision: Decision): void {
    const id = decision.answer.quote_id;
    if (this.#queue.has(id)) return;
    if (this.#queue.size >= this.#decisions_max) this.#dropOldest();
    this.#queue.set(id, decision);
    this.#schedule();
  }

  /** Waits until everything is acknowledged, or `timeout_ms` have passed; then stops for good. */
  async close(timeout_ms: number): Promise<void> {
    const deadline_ms = this.#deps.clock.now_ms() + timeout_ms;
    while (this.pending > 0 && this.#deps.clock.now_ms() < deadline_ms) await this.#deps.clock.sleep(10);
    this.#closed = true;
    if (this.pending > 0) this.#deps.logger.error({ pending: this.pending }, "decisions were not recorded before the end");
  }

  #dropOldest(): void {
    for (const id of this.#queue.keys()) {
      this.#queue.delete(id);
      break;
    }
    this.#dropped++;
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (!this.#deps.broker.connected) return this.#pause("no connection");
    let burst = BURST_MAX;
    for (const [id, decision] of this.#queue) {
      if (burst-- === 0 || this.#in_flight >= IN_FLIGHT_MAX || this.#failing) break;
      this.#queue.delete(id);
      this.#in_flight++;
      void this.#publish(id, decision);
    }
    if (this.#queue.size > 0 && this.#in_flight < IN_FLIGHT_MAX && !this.#failing) this.#schedule();
  }

  async #publish(id: string, decision: Decision): Promise<void> {
    const { course_id } = decision.inputs;
    const subject = course_id === null ? COLD_SUBJECT : courseDecisionSubject(course_id);
    try {
      await this.#deps.broker.publish(subject, this.#encoder.encode(JSON.stringify(decisionRecord(decision))), { message_id: id });
      this.#recorded++;
    } catch (error) {
      this.#retries++;
      this.#returnToQueue(id, decision);
      this.#pause(errorMessage(error));
    } finally {
      this.#in_flight--;
    }
    this.#schedule();
  }

  /** Behind what came since: order does not matter, each record says when it was decided. */
  #returnToQueue(id: string, decision: Decision): void {
    if (this.#queue.has(id)) return;
    if (this.#queue.size >= this.#decisions_max) this.#dropped++;
    else this.#queue.set(id, decision);
  }

  /** Stops new publications for a moment. */
  #pause(reason: string): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#deps.logger.debug({ reason, pending: this.pending }, "decisions wait for the broker");
    void this.#deps.clock.sleep(RETRY_MS).then(() => {
      this.#failing = false;
      this.#schedule();
    });
  }
}
