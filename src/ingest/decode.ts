import type { DeadLetterReason } from "../contracts/dead-letter.ts";
import { type Event, EVENT_BYTES_MAX, EVENT_FUTURE_MAX_MS, eventSchemas, type StreamEvent } from "../contracts/events.ts";
import { eventSubject } from "../contracts/subjects.ts";
import { parseTime } from "../lib/time.ts";
import type { BrokerMessage } from "./broker-message.ts";
import { EventScanner } from "./event-scanner.ts";

/** Why a message cannot be folded. */
export interface Refusal {
  readonly reason: DeadLetterReason;
  /** The field at fault, such as `price` or `jitter.sigma`. */
  readonly field?: string;
  readonly detail: string;
}

export function isRefusal(decoded: StreamEvent | Event | Refusal): decoded is Refusal {
  return "reason" in decoded;
}

const BACKFILL = "backfill.";
const BROKER_TIME = "the broker's timestamp";
const DETAIL_CHARS_MAX = 500;
// Strict: a byte order mark or bytes that are not UTF-8 are not JSON.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const schemas = new Map(Object.entries(eventSchemas));
const scanner = new EventScanner();

/**
 * A message of the stream to an event, or why not. A pure function of the message, so that every replica refuses the
 * same ones. Never throws.
 */
export function decodeEvent(message: BrokerMessage): StreamEvent | Refusal {
  return scanEvent(message) ?? decodeWhole(message);
}

/** Undefined where anything is out of the ordinary: then the schema decides, and says what is wrong. */
function scanEvent(message: BrokerMessage): StreamEvent | undefined {
  const { data, subject, sequence, time_ms } = message;
  const event = data.length <= EVENT_BYTES_MAX ? scanner.scan(data) : undefined;
  if (event === undefined) return undefined;
  const { plan, time_ms: event_time_ms } = scanner;
  const backfill = subject.startsWith(BACKFILL);
  const prefix = backfill ? plan.backfill_subject : plan.subject;
  const key = event[plan.key as keyof Event];
  if (key === undefined || !isJoined(subject, prefix, key)) return undefined;
  const known_at_ms = !backfill ? time_ms : event.known_at === undefined ? event_time_ms : scanner.known_at_ms;
  if (event_time_ms - time_ms > EVENT_FUTURE_MAX_MS || known_at_ms - time_ms > EVENT_FUTURE_MAX_MS || event_time_ms - known_at_ms > EVENT_FUTURE_MAX_MS) return undefined;
  return { sequence, broker_time_ms: time_ms, event_time_ms, known_at_ms, event };
}

/** Whether a text is two others in a row, without putting them together. */
function isJoined(text: string, first: string, second: string): boolean {
  const middle = first.length;
  if (text.length !== middle + second.length) return false;
  for (let i = 0; i < middle; i++) if (text.charCodeAt(i) !== first.charCodeAt(i)) return false;
  for (let i = 0; i < second.length; i++) if (text.charCodeAt(middle + i) !== second.charCodeAt(i)) return false;
  return true;
}

/** Exported for tests: what `decodeEvent` gives, without the quick way to it. */
export function decodeWhole(message: BrokerMessage): StreamEvent | Refusal {
  const event = decodeBytes(message.data);
  return isRefusal(event) ? event : place(message, event);
}

/** The bytes of one event, wherever they came from, to the event that they say, or why not. Never throws. */
export function decodeBytes(data: Uint8Array): Event | Refusal {
  if (data.length > EVENT_BYTES_MAX) return tooLarge(data.length);
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(data));
  } catch (error) {
    return { reason: "not_json", detail: cut(error instanceof Error ? error.message : "not JSON") };
  }
  return decodeValue(value, data.length);
}

/** The same of a value that is parsed already, from text of `bytes` bytes. */
export function decodeValue(value: unknown, bytes: number): Event | Refusal {
  if (bytes > EVENT_BYTES_MAX) return tooLarge(bytes);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { reason: "not_json", detail: "not a JSON object" };
  const { type } = value as { type?: unknown };
  const schema = typeof type === "string" ? schemas.get(type) : undefined;
  if (schema === undefined) return { reason: "unknown_type", field: "type", detail: `type is ${describe(type)}` };
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return { reason: "invalid_field", field: cut(issue?.path.join(".") ?? ""), detail: cut(issue?.message ?? "invalid") };
}

/** Refuses a live event whose time lies too far after `now_ms` by the clock of who takes it in. */
export function checkTime(event: Event, now_ms: number): Refusal | undefined {
  return tooEarly("time", parseTime(event.time), now_ms, "the engine's clock");
}

/** What the schemas cannot say: the subject and the times must fit the message that carried the event. */
function place(message: BrokerMessage, event: Event): StreamEvent | Refusal {
  const backfill = message.subject.startsWith(BACKFILL);
  const subject = eventSubject(event, backfill ? "backfill" : "events");
  if (subject !== message.subject) return { reason: "subject_mismatch", detail: `an event with these fields belongs on ${subject}` };
  const event_time_ms = parseTime(event.time);
  const early = tooEarly("time", event_time_ms, message.time_ms, BROKER_TIME);
  if (early !== undefined) return early;
  let known_at_ms = message.time_ms;
  if (backfill) {
    known_at_ms = event.known_at === undefined ? event_time_ms : parseTime(event.known_at);
    // The last: known before it happened, a dataset would count it among what was known, and so leak it into features.
    const refusal = tooEarly("known_at", known_at_ms, message.time_ms, BROKER_TIME) ?? tooEarly("time", event_time_ms, known_at_ms, "known_at");
    if (refusal !== undefined) return refusal;
  }
  return { sequence: message.sequence, broker_time_ms: message.time_ms, event_time_ms, known_at_ms, event };
}

function tooEarly(field: string, time_ms: number, than_ms: number, than: string): Refusal | undefined {
  const ahead_ms = time_ms - than_ms;
  if (ahead_ms <= EVENT_FUTURE_MAX_MS) return undefined;
  return { reason: "time_in_future", field, detail: `${ahead_ms} ms after ${than}, at most ${EVENT_FUTURE_MAX_MS} are accepted` };
}

function tooLarge(bytes: number): Refusal {
  return { reason: "too_large", detail: `${bytes} bytes, at most ${EVENT_BYTES_MAX} are accepted` };
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
