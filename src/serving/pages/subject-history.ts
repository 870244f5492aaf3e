import { STREAM_EVENTS } from "../../contracts/subjects.ts";
import type { BrokerMessage, ConsumeOptions, Consumption, DeliveredMessage, MessageQuery } from "../../ingest/broker-message.ts";

/** Reading a history takes no longer than this, or goes without. */
const READ_MAX_MS = 2_000;
/** The newest of a key. */
const EVENTS_MAX = 200;
const KEYS_KEPT_MAX = 64;

export interface HistoryBroker {
  getMessage(stream: string, which: MessageQuery): Promise<BrokerMessage | undefined>;
  consume(stream: string, options: ConsumeOptions, onMessage: (message: DeliveredMessage) => void): Promise<Consumption>;
}

interface Kept<Event> {
  /** Sequences of the last message of each subject: nothing was added as long as they are the same. */
  readonly last: string;
  readonly events: readonly Event[];
}

/** Events of a few subjects, read from the stream: what the fold keeps no history of. What only the archive holds is not in it. */
export class SubjectHistory<Event extends { readonly time: string }> {
  readonly #broker: HistoryBroker;
  readonly #kept = new Map<string, Kept<Event>>();

  constructor(broker: HistoryBroker) {
    this.#broker = broker;
  }

  /** Of `events.<tail>` and `backfill.<tail>`, newest first, the newest 200 that `parse` takes; undefined while the broker is away or slow. */
  protected async read(key: string, tail: string, parse: (event: unknown) => Event | undefined): Promise<readonly Event[] | undefined> {
    try {
      const subjects = ["backfill", "events"].map((root) => `${root}.${tail}`);
      const lasts = await Promise.all(subjects.map(async (subject) => (await this.#broker.getMessage(STREAM_EVENTS, { last_by_subject: subject }))?.sequence ?? 0));
      const last = lasts.join();
      const kept = this.#kept.get(key);
      if (kept?.last === last) return kept.events;
      const parts = await Promise.all(subjects.map((subject, i) => this.#consume(subject, lasts[i]!, parse)));
      const events = parts
        .flat()
        .toSorted((a, b) => (a.time < b.time ? 1 : -1))
        .slice(0, EVENTS_MAX);
      this.#kept.delete(key);
      this.#kept.set(key, { last, events });
      if (this.#kept.size > KEYS_KEPT_MAX) this.#kept.delete(this.#kept.keys().next().value ?? "");
      return events;
    } catch {
      return undefined;
    }
  }

  async #consume(subject: string, last_sequence: number, parse: (event: unknown) => Event | undefined): Promise<Event[]> {
    if (last_sequence === 0) return [];
    const events: Event[] = [];
    let done = (): void => undefined;
    const ended = new Promise<void>((resolve) => (done = resolve));
    const consumption = await this.#broker.consume(STREAM_EVENTS, { start_sequence: 1, subject }, ({ sequence, data }) => {
      const event = parse(JSON.parse(new TextDecoder().decode(data)));
      if (event !== undefined) events.push(event);
      if (events.length > EVENTS_MAX) events.shift();
      if (sequence >= last_sequence) done();
    });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<Error>((resolve) => (timer = setTimeout(() => resolve(new Error("the broker is slow")), READ_MAX_MS)));
    const end = await Promise.race([ended, late, consumption.closed]);
    clearTimeout(timer);
    await consumption.stop();
    if (end instanceof Error) throw end;
    return events;
  }
}
