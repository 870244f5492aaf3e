import type { DeadLetterReason } from "../contracts/dead-letter.ts";
import { type Event, EVENT_BYTES_MAX, EVENT_FUTURE_MAX_MS, eventSchemas, type StreamEvent } from "../contracts/events.ts";
import { eventSubject } from "../contracts/subjects.ts";
import { parseTime } from "../lib/time.ts";
import type { BrokerMessage } from "./broker-message.ts";

/** Why a message cannot be folded. */
export interface Refusal {
  readonly reason: DeadLetterReason;
  /** The field at fault, such as `price` or `jitter.sigma`. */
  readonly field?: string;
  readonly detail: string;
}

export function isRefusal(decoded: StreamEvent | Refusal): decoded is Refusal {
  return "reason" in decoded;
}

const BACKFILL = "backfill.";
const DETAIL_CHARS_MAX = 500;
// Strict: a byte order mark or bytes that are not UTF-8 are not JSON.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const schemas = new Map(Object.entries(eventSchemas));

/**
 * Bytes of the stream to an event, or why not. A pure function of the message, so that every replica refuses the same
 * ones. Never throws.
 */
export function decodeEvent(message: BrokerMessage): StreamEvent | Refusal {
  const { data } = message;
  if (data.length > EVENT_BYTES_MAX) return { reason: "too_large", detail: `${data.length} bytes, at most ${EVENT_BYTES_MAX} are accepted` };
  const body = parseJson(data);
  if (typeof body === "string") return { reason: "not_json", detail: body };
  const { type } = body;
  const schema = typeof type === "string" ? schemas.get(type) : undefined;
  if (schema === undefined) return { reason: "unknown_type", field: "type", detail: `type is ${describe(type)}` };
  const parsed = schema.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return { reason: "invalid_field", field: cut(issue?.path.join(".") ?? ""), detail: cut(issue?.message ?? "invalid") };
  }
  return place(message, parsed.data);
}

/** What the schemas cannot say: the subject and the times must fit the message that carried the event. */
function place(message: BrokerMessage, event: Event): StreamEvent | Refusal {
  const backfill = message.subject.startsWith(BACKFILL);
  const subject = eventSubject(event, backfill ? "backfill" : "events");
  if (subject !== message.subject) return { reason: "subject_mismatch", detail: `an event with these fields belongs on ${subject}` };
  const event_time_ms = parseTime(event.time);
  const latest_ms = message.time_ms + EVENT_FUTURE_MAX_MS;
  if (event_time_ms > latest_ms) return inFuture("time", event_time_ms - message.time_ms, "the broker's timestamp");
  let known_at_ms = message.time_ms;
  if (backfill) {
    known_at_ms = event.known_at === undefined ? event_time_ms : parseTime(event.known_at);
    if (known_at_ms > latest_ms) return inFuture("known_at", known_at_ms - message.time_ms, "the broker's timestamp");
    // Known before it happened: a dataset would count it among what was known, and so leak it into features.
    if (event_time_ms > known_at_ms + EVENT_FUTURE_MAX_MS) return inFuture("time", event_time_ms - known_at_ms, "known_at");
  }
  return { sequence: message.sequence, broker_time_ms: message.time_ms, event_time_ms, known_at_ms, event };
}

function inFuture(field: string, ahead_ms: number, of: string): Refusal {
  return { reason: "time_in_future", field, detail: `${ahead_ms} ms after ${of}, at most ${EVENT_FUTURE_MAX_MS} are accepted` };
}

/** The object, or what is wrong with the text. */
function parseJson(data: Uint8Array): Record<string, unknown> | string {
  let body: unknown;
  try {
    body = JSON.parse(utf8.decode(data));
  } catch (error) {
    return cut(error instanceof Error ? error.message : "not JSON");
  }
  return typeof body === "object" && body !== null && !Array.isArray(body) ? (body as Record<string, unknown>) : "not a JSON object";
}

/** Never spells out an object: one that is nested thousands deep would overflow the stack. */
function describe(type: unknown): string {
  if (type === undefined) return "missing";
  if (typeof type === "object" && type !== null) return Array.isArray(type) ? "a list" : "an object";
  return cut(JSON.stringify(type));
}

function cut(text: string): string {
  return text.length <= DETAIL_CHARS_MAX ? text : `${text.slice(0, DETAIL_CHARS_MAX)}…`;
}
