import type { StreamEvent, Topic } from "../../contracts/live-stream.ts";
import type { DeliveredMessage } from "../../ingest/broker-message.ts";
import { formatTime } from "../../lib/time.ts";
import { told, topicSources } from "./topics.ts";

/** Clients get a message within moments of each other: the newest are enough. */
const KEPT_MAX = 256;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function parse(data: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const message: unknown = JSON.parse(decoder.decode(data));
    return typeof message === "object" && message !== null && !Array.isArray(message) ? (message as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** What messages say as events, read and encoded once for however many clients are told of them. */
export class SharedEvents {
  readonly #kept = new Map<string, Uint8Array | undefined>();

  /** The event's `data` line with what ends it; undefined: the message is no JSON object. */
  of(topic: Topic, message: DeliveredMessage): Uint8Array | undefined {
    // A stream that was made anew begins its sequences anew, too.
    const key = `${topicSources[topic].stream}/${message.sequence}/${topic}/${message.time_ms}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined || this.#kept.has(key)) return kept;
    const made = this.#encode(topic, message);
    this.#kept.set(key, made);
    if (this.#kept.size > KEPT_MAX) this.#kept.delete(this.#kept.keys().next().value ?? "");
    return made;
  }

  #encode(topic: Topic, { subject, sequence, time_ms, data }: DeliveredMessage): Uint8Array | undefined {
    const message = parse(data);
    if (message === undefined) return undefined;
    const event: StreamEvent = { topic, sequence, time: formatTime(time_ms), subject, data: told(topic, message) };
    return encoder.encode(`data: ${JSON.stringify(event)}\n\n`);
  }
}
