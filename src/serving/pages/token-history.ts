import { z } from "zod";
import { STREAM_EVENTS } from "../../contracts/subjects.ts";
import type { BrokerMessage, ConsumeOptions, Consumption, DeliveredMessage, MessageQuery } from "../../ingest/broker-message.ts";

/** Reading somebody's history takes no longer than this, or goes without. */
const READ_MAX_MS = 2_000;
/** The newest of a learner. */
const TRANSACTIONS_MAX = 200;
const LEARNERS_KEPT_MAX = 64;

const tokenEventSchema = z.object({
  type: z.enum(["token.purchased", "token.earned", "token.spent", "token.refunded", "token.expired"]),
  time: z.string(),
  amount: z.number(),
  course_id: z.string().optional(),
});
export type TokenEvent = z.infer<typeof tokenEventSchema>;

export interface TokenBroker {
  getMessage(stream: string, which: MessageQuery): Promise<BrokerMessage | undefined>;
  consume(stream: string, options: ConsumeOptions, onMessage: (message: DeliveredMessage) => void): Promise<Consumption>;
}

interface Kept {
  /** Sequences of the last message of each subject: nothing was added as long as they are the same. */
  readonly last: string;
  readonly events: readonly TokenEvent[];
}

/** What a learner's tokens did: read from the stream, since the fold keeps sums, not transactions. */
export class TokenHistory {
  readonly #broker: TokenBroker;
  readonly #kept = new Map<string, Kept>();

  constructor(broker: TokenBroker) {
    this.#broker = broker;
  }

  /** Newest first, at most TRANSACTIONS_MAX; undefined while the broker is away or slow. What only the archive holds is not in it. */
  async of(learner_id: string): Promise<readonly TokenEvent[] | undefined> {
    try {
      const subjects = ["backfill", "events"].map((root) => `${root}.token.${learner_id}`);
      const lasts = await Promise.all(subjects.map(async (subject) => (await this.#broker.getMessage(STREAM_EVENTS, { last_by_subject: subject }))?.sequence ?? 0));
      const last = lasts.join();
      const kept = this.#kept.get(learner_id);
      if (kept?.last === last) return kept.events;
      const parts = await Promise.all(subjects.map((subject, i) => this.#read(subject, lasts[i]!)));
      const events = parts
        .flat()
        .toSorted((a, b) => (a.time < b.time ? 1 : -1))
        .slice(0, TRANSACTIONS_MAX);
      this.#kept.delete(learner_id);
      this.#kept.set(learner_id, { last, events });
      if (this.#kept.size > LEARNERS_KEPT_MAX) this.#kept.delete(this.#kept.keys().next().value ?? "");
      return events;
    } catch {
      return undefined;
    }
  }

  async #read(subject: string, last_sequence: number): Promise<TokenEvent[]> {
    if (last_sequence === 0) return [];
    const events: TokenEvent[] = [];
    let done = (): void => undefined;
    const ended = new Promise<void>((resolve) => (done = resolve));
    const consumption = await this.#broker.consume(STREAM_EVENTS, { start_sequence: 1, subject }, ({ sequence, data }) => {
      const parsed = tokenEventSchema.safeParse(JSON.parse(new TextDecoder().decode(data)));
      if (parsed.success) events.push(parsed.data);
      if (events.length > TRANSACTIONS_MAX) events.shift();
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
