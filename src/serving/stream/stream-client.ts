import type { StreamNotice, Topic } from "../../contracts/live-stream.ts";
import type { Consumption, DeliveredMessage } from "../../ingest/broker-message.ts";
import type { Clock } from "../../lib/clock.ts";
import { type Positions, positionsText } from "./positions.ts";
import type { SharedEvents } from "./shared-events.ts";
import { topicSources } from "./topics.ts";

/** What waits for a client before nothing more is asked of the broker for it. */
const PAUSE_BYTES = 64 * 1024;
/** What may wait at most: a whole answer of the broker that was under way when it was full. */
export const BUFFER_BYTES_MAX = 4 * 1024 * 1024;
/** A client that has read nothing for so long while something waited is dropped. */
export const STALLED_MS = 30_000;
export const RETRY_MS = 2_000;

const encoder = new TextEncoder();

function noticeText(name: StreamNotice, positions: Positions, data: object): string {
  return `event: ${name}\nid: ${positionsText(positions)}\ndata: ${JSON.stringify(data)}\n\n`;
}

export interface StreamClientDeps {
  readonly topics: readonly Topic[];
  readonly course_id: string | undefined;
  readonly positions: Positions;
  readonly events: SharedEvents;
  readonly clock: Clock;
  readonly onTold: () => void;
  readonly onEnd: (dropped: boolean) => void;
}

/** One connection of GET /stream: messages of the broker go in, events come out as the client reads them. */
export class StreamClient {
  readonly body: ReadableStream<Uint8Array>;
  readonly #deps: StreamClientDeps;
  readonly #consumptions: Consumption[] = [];
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #paused = false;
  #read_ms: number;

  constructor(deps: StreamClientDeps) {
    this.#deps = deps;
    this.#read_ms = deps.clock.now_ms();
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (this.#controller = controller),
        pull: () => this.#onRead(),
        cancel: () => this.#end(false),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: PAUSE_BYTES }),
    );
    this.#send(`retry: ${RETRY_MS}\n\n`);
    this.notice("ready", { topics: deps.topics });
  }

  get ended(): boolean {
    return this.#controller === undefined;
  }

  /** What stops and goes on with this client. */
  attach(consumption: Consumption): void {
    if (this.ended) {
      void consumption.stop();
      return;
    }
    this.#consumptions.push(consumption);
    if (this.#paused) consumption.pause();
  }

  /** A message of one of its streams; those that nobody here asked for move the position alone. */
  receive(stream: string, message: DeliveredMessage): void {
    if (this.ended) return;
    const { positions, topics, course_id, events, onTold } = this.#deps;
    const { subject } = message;
    positions.set(stream, message.sequence);
    const topic = topics.find((name) => topicSources[name].stream === stream && subject.startsWith(topicSources[name].prefix));
    if (topic === undefined) return;
    if (course_id !== undefined && topicSources[topic].by_course === true && subject !== `${topicSources[topic].prefix}${course_id}`) return;
    const data = events.of(topic, message);
    if (data === undefined) return;
    this.#send(`event: ${topic}\nid: ${positionsText(positions)}\n`, data);
    onTold();
  }

  notice(name: StreamNotice, data: object): void {
    this.#send(noticeText(name, this.#deps.positions, data));
  }

  /** Keeps the connection open through whatever stands between, and lets go of a client that reads nothing. */
  beat(): void {
    if (this.#waiting() > 0 && this.#deps.clock.now_ms() - this.#read_ms > STALLED_MS) this.#drop();
    else this.#send(": \n\n");
  }

  /** Says why, and ends after what waits is read. */
  close(notice: StreamNotice, data: object): void {
    if (this.ended) return;
    this.#write(noticeText(notice, this.#deps.positions, data));
    this.#end(notice === "dropped");
  }

  #drop(): void {
    this.close("dropped", { reason: "The client read too slowly. Last-Event-ID goes on from the last event that arrived." });
  }

  #onRead(): void {
    this.#read_ms = this.#deps.clock.now_ms();
    if (!this.#paused) return;
    this.#paused = false;
    for (const consumption of this.#consumptions) consumption.resume();
  }

  /** `shared`: the rest of an event, the same for other clients. */
  #send(text: string, shared?: Uint8Array): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    this.#write(text);
    if (shared !== undefined) controller.enqueue(shared);
    if (this.#waiting() > BUFFER_BYTES_MAX) this.#drop();
    else if (!this.#paused && (controller.desiredSize ?? 0) <= 0) {
      this.#paused = true;
      for (const consumption of this.#consumptions) consumption.pause();
    }
  }

  #write(text: string): void {
    this.#controller?.enqueue(encoder.encode(text));
  }

  #waiting(): number {
    return PAUSE_BYTES - (this.#controller?.desiredSize ?? PAUSE_BYTES);
  }

  #end(dropped: boolean): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    this.#controller = undefined;
    for (const consumption of this.#consumptions) void consumption.stop();
    try {
      controller.close();
    } catch {
      // The client went away by itself.
    }
    this.#deps.onEnd(dropped);
  }
}
