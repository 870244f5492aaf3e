import { courseDecisionSubject } from "../contracts/subjects.ts";
import type { BulkPublisher } from "../ingest/broker-message.ts";
import type { Clock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { decisionRecordJson } from "../pricing/decision.ts";
import type { Decision, DecisionMoment } from "../pricing/decision.ts";
import type { BrokerPort } from "./broker-link.ts";

export const DECISIONS_MAX = 50_000;
/** Publications that wait for their acknowledgement at the same time. */
const GROUP_MAX = 512;
/** Records that are encoded in one go, so that a group of decisions never holds up the answers behind it. */
const BURST_MAX = 16;
/** Decisions gather this long, so that a group shares its network writes. What a kill loses is at most this and one group. */
const GATHER_MS = 10;
const RETRY_MS = 250;
const REFUSED_MAX = 1_024;
const SMALL_GROUPS = 256;

/** Where the decisions of courses without an id go. A course may carry this id: the record says which is which. */
const COLD_SUBJECT = "quotes.course._cold";

export interface DecisionLogDeps {
  readonly broker: BrokerPort;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly decisions_max?: number;
}

/** What is to be recorded: its text is made when it goes out. */
export interface Recordable {
  readonly id: string;
  readonly subject: string;
  json(): string;
}

/** The decision of one course's price. */
class CourseRecord implements Recordable {
  readonly #decision: Decision;
  readonly #moment: DecisionMoment;

  constructor(decision: Decision, moment: DecisionMoment) {
    this.#decision = decision;
    this.#moment = moment;
  }

  get id(): string {
    return this.#decision.id;
  }

  get subject(): string {
    const { course_id } = this.#decision;
    return course_id === null ? COLD_SUBJECT : courseDecisionSubject(course_id);
  }

  json(): string {
    return decisionRecordJson(this.#decision, this.#moment);
  }
}

/**
 * Publishes every decision to QUOTES, off the path of the answer: `record` only queues. Decisions go out in groups; a
 * group that fails, or finds no broker, goes back to the queue and is published again under the same message ids, so
 * the stream holds each once. The queue is bounded: when it is full the oldest is dropped, and counted.
 */
export class DecisionLog {
  readonly #deps: DecisionLogDeps;
  readonly #decisions_max: number;
  /** Insertion order is age. Keyed by id: a decision that is waiting already is not queued twice. */
  readonly #queue = new Map<string, Recordable>();
  #group: readonly Recordable[] = [];
  #group_max = GROUP_MAX;
  /** Groups that stay as small as they are, so that what was refused comes round by itself. */
  #groups_small = 0;
  /** Records that the broker refused by themselves, with what had been recorded by then. */
  readonly #refused_alone = new Map<string, number>();
  #publisher: BulkPublisher | undefined;
  #running = false;
  #closed = false;
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
    return this.#queue.size + this.#group.length;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** Groups that failed. */
  get retries(): number {
    return this.#retries;
  }

  record(decision: Decision, moment: DecisionMoment): void {
    this.add(new CourseRecord(decision, moment));
  }

  add(recordable: Recordable): void {
    this.#enqueue(recordable);
    if (!this.#running && !this.#closed) void this.#run();
  }

  /** Waits until everything is acknowledged, or `timeout_ms` have passed; then stops for good. */
  async close(timeout_ms: number): Promise<void> {
    const deadline_ms = this.#deps.clock.now_ms() + timeout_ms;
    while (this.pending > 0 && this.#deps.clock.now_ms() < deadline_ms) await this.#deps.clock.sleep(10);
    this.#closed = true;
    if (this.pending > 0) this.#deps.logger.error({ pending: this.pending }, "decisions were not recorded before the end");
  }

  #enqueue(waiting: Recordable): void {
    const { id } = waiting;
    if (this.#queue.has(id)) return;
    if (this.#queue.size >= this.#decisions_max) {
      for (const oldest of this.#queue.keys()) {
        this.#queue.delete(oldest);
        break;
      }
      this.#dropped++;
    }
    this.#queue.set(id, waiting);
  }

  /** One at a time, for as long as anything waits. */
  async #run(): Promise<void> {
    this.#running = true;
    const { broker, clock, logger } = this.#deps;
    while (this.#queue.size > 0 && !this.#closed) {
      await clock.sleep(broker.connected ? GATHER_MS : RETRY_MS);
      if (!broker.connected) continue;
      this.#take();
      try {
        await this.#publishGroup();
        this.#recorded += this.#group.length;
        this.#group = [];
        if (--this.#groups_small <= 0) this.#group_max = Math.min(GROUP_MAX, this.#group_max * 2);
      } catch (error) {
        this.#retries++;
        if (error instanceof TidemarkError && error.code === "broker_refused") this.#narrow(error);
        logger.debug({ reason: errorMessage(error), pending: this.pending }, "decisions wait for the broker");
        this.#returnGroup();
        await clock.sleep(RETRY_MS);
      }
    }
    this.#running = false;
  }

  /** One record may be what the broker refuses: smaller groups find it. It is given up once it was refused alone, twice, and others were stored in between. */
  #narrow(error: TidemarkError): void {
    const [only, ...others] = this.#group;
    if (only === undefined || others.length > 0) {
      this.#group_max = Math.ceil(this.#group.length / 2);
      this.#groups_small = SMALL_GROUPS;
      return;
    }
    const before = this.#refused_alone.get(only.id);
    if (before === undefined || before === this.#recorded) {
      if (this.#refused_alone.size >= REFUSED_MAX) this.#refused_alone.clear();
      this.#refused_alone.set(only.id, before ?? this.#recorded);
      return;
    }
    this.#refused_alone.delete(only.id);
    this.#group = [];
    this.#dropped++;
    this.#deps.logger.error({ id: only.id, subject: only.subject, reason: error.message }, "the broker does not take this record");
  }

  #take(): void {
    const group: Recordable[] = [];
    for (const [id, waiting] of this.#queue) {
      this.#queue.delete(id);
      if (group.push(waiting) === this.#group_max) break;
    }
    this.#group = group;
  }

  /** Behind what came since: order does not matter, each record says when it was decided. */
  #returnGroup(): void {
    this.#publisher = undefined;
    const group = this.#group;
    this.#group = [];
    for (const waiting of group) this.#enqueue(waiting);
  }

  async #publishGroup(): Promise<void> {
    const publisher = (this.#publisher ??= this.#deps.broker.bulkPublisher({ window: GROUP_MAX + 1 }));
    let burst = BURST_MAX;
    for (const recordable of this.#group) {
      // The window holds a whole group; what comes back is a refusal.
      await publisher.publish(recordable.subject, Buffer.from(recordable.json()), recordable.id);
      if (--burst > 0) continue;
      burst = BURST_MAX;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await publisher.flush();
  }
}
