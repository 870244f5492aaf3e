import type { ConsumeOptions, Consumption, DeliveredMessage, StreamState } from "../../ingest/broker-message.ts";
import type { StreamQuery, Topic } from "../../contracts/live-stream.ts";
import type { Clock } from "../../lib/clock.ts";
import { errorMessage } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { ProblemError } from "../problem.ts";
import type { Positions } from "./positions.ts";
import { SharedEvents } from "./shared-events.ts";
import { StreamClient } from "./stream-client.ts";
import { topicSources } from "./topics.ts";

/** Each has consumers of its own in the broker, which keep its place when it falls behind; what it is told is encoded once for all. */
export const STREAM_CLIENTS_MAX = 64;
const RETRY_S = "2";

export interface StreamBroker {
  readonly connected: boolean;
  streamInfo(stream: string): Promise<StreamState | undefined>;
  consume(stream: string, options: ConsumeOptions, onMessage: (message: DeliveredMessage) => void): Promise<Consumption>;
}

export interface StreamHubDeps {
  readonly broker: StreamBroker;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Asked {
  readonly stream: string;
  readonly subject: string;
}

/** One filter a stream: the topic's own where there is one alone, else all of the stream, of which the client takes its part. */
function askedOf({ topics, course_id }: Pick<StreamQuery, "topics" | "course_id">): Asked[] {
  const byStream = new Map<string, Topic[]>();
  for (const topic of topics) byStream.set(topicSources[topic].stream, [...(byStream.get(topicSources[topic].stream) ?? []), topic]);
  return [...byStream].map(([stream, [first, ...others]]) => {
    const { prefix, by_course } = topicSources[first!];
    if (others.length > 0) return { stream, subject: `${prefix.slice(0, prefix.indexOf("."))}.>` };
    return { stream, subject: `${prefix}${by_course === true && course_id !== undefined ? course_id : ">"}` };
  });
}

/** Everybody who listens to this process. */
export class StreamHub {
  readonly #deps: StreamHubDeps;
  readonly #clients = new Set<StreamClient>();
  readonly #events = new SharedEvents();
  #opening = 0;
  #closed = false;
  told = 0;
  dropped = 0;
  refused = 0;

  constructor(deps: StreamHubDeps) {
    this.#deps = deps;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** A body of events from now on, or after the positions that a client had come to. Throws ProblemError. */
  async open(query: StreamQuery, after: Positions | undefined): Promise<ReadableStream<Uint8Array>> {
    if (this.#closed) throw new ProblemError("draining", "This process is stopping: listen elsewhere.");
    if (this.#clients.size + this.#opening >= STREAM_CLIENTS_MAX) {
      this.refused++;
      throw new ProblemError("overloaded", `${STREAM_CLIENTS_MAX} clients listen to this process already.`, { headers: { "retry-after": RETRY_S } });
    }
    this.#opening++;
    try {
      return await this.#open(query, after);
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      this.#deps.logger.warn({ error: errorMessage(error) }, "a stream of events could not be opened");
      throw new ProblemError("broker_unavailable", "The broker does not answer: there is nothing to tell.", { headers: { "retry-after": RETRY_S } });
    } finally {
      this.#opening--;
    }
  }

  async #open(query: StreamQuery, after: Positions | undefined): Promise<ReadableStream<Uint8Array>> {
    const { broker, clock } = this.#deps;
    const asked = askedOf(query);
    const states = await Promise.all(asked.map(({ stream }) => broker.streamInfo(stream)));
    const positions: Positions = new Map();
    const gaps: object[] = [];
    for (const [i, { stream }] of asked.entries()) {
      const state = states[i];
      if (state === undefined) throw new ProblemError("broker_unavailable", "The broker has nothing to tell yet.", { headers: { "retry-after": RETRY_S } });
      const wanted = Math.min(after?.get(stream) ?? state.last_sequence, state.last_sequence);
      // A broker that holds nothing any more says that the first message would be the next one.
      const kept = Math.max(wanted, Math.min(state.first_sequence, state.last_sequence + 1) - 1);
      const ahead = (after?.get(stream) ?? 0) > state.last_sequence;
      if (kept > wanted || ahead) gaps.push({ stream, after: after?.get(stream), next: kept + 1 });
      positions.set(stream, kept);
    }
    const starts = new Map(positions);
    const client: StreamClient = new StreamClient({
      topics: query.topics,
      course_id: query.course_id,
      positions,
      events: this.#events,
      clock,
      onTold: () => void this.told++,
      onEnd: (dropped) => {
        this.#clients.delete(client);
        if (dropped) this.dropped++;
      },
    });
    this.#clients.add(client);
    for (const gap of gaps) client.notice("gap", gap);
    try {
      for (const { stream, subject } of asked) await this.#follow(client, stream, subject, starts.get(stream)! + 1);
    } catch (error) {
      client.close("closing", { reason: "The broker does not answer." });
      throw error;
    }
    return client.body;
  }

  async #follow(client: StreamClient, stream: string, subject: string, start_sequence: number): Promise<void> {
    const consumption = await this.#deps.broker.consume(stream, { start_sequence, subject }, (message) => client.receive(stream, message));
    client.attach(consumption);
    void consumption.closed.then((reason) => {
      if (reason === undefined) return;
      this.#deps.logger.warn({ stream, error: errorMessage(reason) }, "a stream of events ended");
      client.close("closing", { reason: "The broker's stream cannot be followed any further." });
    });
  }

  /** Called every few seconds. */
  beat(): void {
    for (const client of this.#clients) client.beat();
  }

  /** Ends every stream, so that a stopping server waits for none. */
  close(): void {
    this.#closed = true;
    for (const client of this.#clients) client.close("closing", { reason: "This process is stopping: another one goes on from Last-Event-ID." });
  }
}
