import { EVENT_BATCH_MAX } from "../contracts/event-batch.ts";
import type { Event } from "../contracts/events.ts";
import { decodeBytes, decodeValue, type Refusal } from "../ingest/decode.ts";
import { ProblemError } from "./problem.ts";

/** One event of a body: the bytes that the producer wrote for it, which are published as they are, and its decoding. */
export interface RawEvent {
  readonly bytes: Uint8Array;
  decode(): Event | Refusal;
}

const NEWLINE = 10;
const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;
const OPEN_BRACKET = 91;
const OPEN_BRACE = 123;
const CLOSE_BRACKET = 93;
const CLOSE_BRACE = 125;
const SPACE = 32;

// Strict, as the fold is: a byte order mark or bytes that are not UTF-8 are not JSON.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// Before anything is made for each: a body of the largest size holds two million of the smallest values.
function checkCount(count: number): void {
  if (count > EVENT_BATCH_MAX) throw new ProblemError("invalid_field", `The body holds more than ${EVENT_BATCH_MAX} events.`, { field: "body" });
}

/** The lines of an NDJSON body; blank ones are none. Throws the problem of a body with too many. */
export function linesOf(body: Uint8Array): RawEvent[] {
  const events: RawEvent[] = [];
  for (let from = 0; from < body.length; ) {
    const newline = body.indexOf(NEWLINE, from);
    const to = newline < 0 ? body.length : newline;
    const bytes = trim(body.subarray(from, to));
    if (bytes.length > 0) events.push({ bytes, decode: () => decodeBytes(bytes) });
    checkCount(events.length);
    from = to + 1;
  }
  return events;
}

/** The elements of a JSON array. Throws the problem of a body that is not JSON, not an array, or one of too many. */
export function elementsOf(body: Uint8Array): RawEvent[] {
  let values: unknown;
  try {
    values = JSON.parse(utf8.decode(body));
  } catch {
    throw new ProblemError("invalid_json", body.length === 0 ? "The body is empty." : "The body is not complete, valid JSON.");
  }
  if (!Array.isArray(values)) throw new ProblemError("invalid_field", "body: must be an array of events", { field: "body" });
  checkCount(values.length);
  const spans = elementSpans(body);
  return values.map((value: unknown, i) => {
    const bytes = spans[i] ?? new Uint8Array(0);
    return { bytes, decode: () => decodeValue(value, bytes.length) };
  });
}

/** Where the elements stand in the text of a valid array: between the commas of its own level that are in no string. */
function elementSpans(text: Uint8Array): Uint8Array[] {
  const spans: Uint8Array[] = [];
  let level = 0;
  let from = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const byte = text[i];
    if (quoted) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) quoted = false;
    } else if (byte === QUOTE) quoted = true;
    else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) {
      if (level++ === 0) from = i + 1;
    } else if (byte === COMMA && level === 1) {
      spans.push(trim(text.subarray(from, i)));
      from = i + 1;
    } else if ((byte === CLOSE_BRACKET || byte === CLOSE_BRACE) && --level === 0) spans.push(trim(text.subarray(from, i)));
  }
  return spans;
}

function trim(text: Uint8Array): Uint8Array {
  let from = 0;
  let to = text.length;
  while (from < to && text[from]! <= SPACE) from++;
  while (to > from && text[to - 1]! <= SPACE) to--;
  return text.subarray(from, to);
}
