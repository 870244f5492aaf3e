import { eventSubject } from "../../src/contracts/subjects.ts";
import type { Event } from "../../src/contracts/events.ts";
import type { Broker } from "../../src/ingest/nats.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { AcknowledgedEvents } from "../acknowledged.ts";

/** Publishes without pause, each event until it is acknowledged, as a producer does that must not lose any. */
export class Producer {
  readonly #acknowledged = new AcknowledgedEvents();
  readonly #publishers: Promise<void>[];
  readonly #pause_ms: number;
  #stopped = false;

  /** So many publications under way at a time, `pause_ms` apart. */
  constructor(broker: Broker, events: Iterator<Event, never>, publishers: number, pause_ms = 0) {
    this.#pause_ms = pause_ms;
    this.#publishers = Array.from({ length: publishers }, () => this.#publish(broker, events));
  }

  async stop(): Promise<AcknowledgedEvents> {
    this.#stopped = true;
    await Promise.all(this.#publishers);
    return this.#acknowledged;
  }

  async #publish(broker: Broker, events: Iterator<Event, never>): Promise<void> {
    while (!this.#stopped) {
      const event = events.next().value;
      const data = Buffer.from(JSON.stringify(event));
      // Repeated without a message id for the broker to tell it by: the fold has to.
      while (!(await broker.publish(eventSubject(event), data).then(() => true, () => false))) await systemClock.sleep(20);
      this.#acknowledged.add(event);
      if (this.#pause_ms > 0) await systemClock.sleep(this.#pause_ms);
    }
  }
}
