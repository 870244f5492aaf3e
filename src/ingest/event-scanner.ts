import type { Event } from "../contracts/events.ts";
import { parseFormattedTime, parseTime } from "../lib/time.ts";
import { BOOLEAN, ID, NUMBER, OBJECT, ONE_OF, TEXT, TIME } from "./event-rules.ts";
import { InternedIds, isId } from "./interned-ids.ts";
import { eventPlans, type EventPlan, type Level, type PlannedField, slots_count, topLevel, typeNames } from "./scan-plan.ts";
import { ScannedEvent, scannedFields } from "./scanned-event.ts";

const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;
const DOT = 46;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const BACKSLASH = 92;
const OPEN = 123;
const CLOSE = 125;

/** Digits that a double holds exactly, and powers of ten that it does: their quotient is the nearest double (Clinger 1990). */
const EXACT_DIGITS = 15;
const powers = Array.from({ length: EXACT_DIGITS + 1 }, (_, i) => Number(`1e${i}`));

/** What a slot holds, above the base of the message that is read; below it, the slot was set by an earlier one and is empty. */
const STRING = 0;
const NUMERAL = 1;
const LITERAL = 2;
const NESTED = 3;
const KINDS = 4;
const BASE_MAX = 2 ** 30;

/** 1 for bytes that stand for themselves in a string: printable ASCII but quote and backslash. */
const plain = new Uint8Array(256);
for (let byte = SPACE; byte < 127; byte++) plain[byte] = byte === QUOTE || byte === BACKSLASH ? 0 : 1;

const literals: readonly (readonly [text: Uint8Array, value: boolean | null])[] = [
  [Buffer.from("true"), true],
  [Buffer.from("false"), false],
  [Buffer.from("null"), null],
];

const TYPE_SLOT = scannedFields.indexOf("type");
const TIME_SLOT = scannedFields.indexOf("time");
const KNOWN_AT_SLOT = scannedFields.indexOf("known_at");
const NEVER = Number.NaN;

/**
 * Reads events as producers usually write them straight from their bytes: one pass notes where the values of known
 * fields are, a second checks those that the event's type has. Whatever is not plain (escapes, bytes beyond ASCII, lists,
 * exponents, a field twice) and whatever breaks a rule is not read at all: then JSON.parse and the schema decide, and say what
 * is wrong. What is read is exactly what they would have given.
 */
export class EventScanner {
  /** Of the last event that was read: its type's plan, its time, and its known_at, NaN without one. */
  plan: EventPlan = eventPlans[0]!;
  time_ms = 0;
  known_at_ms = 0;
  readonly #ids = new InternedIds();
  #base = 0;
  readonly #kinds = new Int32Array(slots_count).fill(-1);
  readonly #starts = new Int32Array(slots_count);
  readonly #ends = new Int32Array(slots_count);
  readonly #numbers = new Float64Array(slots_count);
  readonly #literals = new Array<boolean | null>(slots_count).fill(null);
  readonly #values = new Array<unknown>(scannedFields.length).fill(undefined);
  #data: Buffer = Buffer.alloc(0);
  #text = "";
  #number = 0;

  /** Undefined where it is for the schema to say. */
  scan(bytes: Uint8Array): Event | undefined {
    const data = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#data = data;
    this.#begin();
    if (data[0] !== OPEN || this.#members(data, 1, topLevel) !== data.length || this.#kind(TYPE_SLOT) !== STRING) return undefined;
    const plan = eventPlans[typeNames.index(data, this.#starts[TYPE_SLOT]!, this.#ends[TYPE_SLOT]!)];
    if (plan === undefined) return undefined;
    this.plan = plan;
    this.known_at_ms = NEVER;
    this.#text = data.toString("latin1");
    const values = this.#values;
    const { fields } = plan;
    let filled = 0;
    for (; filled < fields.length; filled++) {
      const field = fields[filled]!;
      const value = this.#value(field);
      if (value === undefined && (field.required || this.#kind(field.slot) >= 0)) break;
      values[field.slot] = value;
    }
    const event = filled === fields.length ? new ScannedEvent(values) : undefined;
    for (let i = 0; i < filled; i++) values[fields[i]!.slot] = undefined;
    // Checked field by field, as its type has them.
    return event as unknown as Event | undefined;
  }

  /** Empties all slots. */
  #begin(): void {
    this.#base += KINDS;
    if (this.#base < BASE_MAX) return;
    this.#kinds.fill(-1);
    this.#base = 0;
  }

  /** What a slot holds; negative if nothing. */
  #kind(slot: number): number {
    return this.#kinds[slot]! - this.#base;
  }

  /** Notes the members of an object, from after its brace; the position after the closing one, or -1. */
  #members(data: Buffer, at: number, level: Level): number {
    const end = data.length;
    const { names, first_slot } = level;
    for (;;) {
      while (at < end && data[at] === SPACE) at++;
      if (at >= end || data[at] !== QUOTE) return -1;
      const name = ++at;
      while (at < end && plain[data[at]!] === 1) at++;
      if (at >= end || data[at] !== QUOTE) return -1;
      const index = names.index(data, name, at);
      const slot = index < 0 ? -1 : first_slot + index;
      // The last of two would count.
      if (slot >= 0 && this.#kind(slot) >= 0) return -1;
      at++;
      while (at < end && data[at] === SPACE) at++;
      if (at >= end || data[at] !== COLON) return -1;
      at++;
      while (at < end && data[at] === SPACE) at++;
      if (at >= end) return -1;
      const first = data[at]!;
      let kind: number;
      if (first === QUOTE) {
        const start = ++at;
        while (at < end && plain[data[at]!] === 1) at++;
        if (at >= end || data[at] !== QUOTE) return -1;
        if (slot >= 0) {
          this.#starts[slot] = start;
          this.#ends[slot] = at;
        }
        kind = STRING;
        at++;
      } else if (first >= ZERO && first <= NINE) {
        at = this.#numeral(data, at);
        if (at < 0) return -1;
        if (slot >= 0) this.#numbers[slot] = this.#number;
        kind = NUMERAL;
      } else if (first === OPEN) {
        const inside = index < 0 ? undefined : level.nested[index];
        if (inside === undefined) return -1;
        at = this.#members(data, at + 1, inside);
        if (at < 0) return -1;
        kind = NESTED;
      } else {
        at = this.#literal(data, at, slot);
        if (at < 0) return -1;
        kind = LITERAL;
      }
      if (slot >= 0) this.#kinds[slot] = this.#base + kind;
      while (at < end && data[at] === SPACE) at++;
      if (at >= end) return -1;
      if (data[at] === CLOSE) return at + 1;
      if (data[at] !== COMMA) return -1;
      at++;
    }
  }

  /** Reads digits, and digits after a point, into #number; the position after them, or -1. */
  #numeral(data: Buffer, at: number): number {
    const end = data.length;
    const start = at;
    let mantissa = 0;
    while (at < end && data[at]! >= ZERO && data[at]! <= NINE) mantissa = mantissa * 10 + data[at++]! - ZERO;
    let digits = at - start;
    if (digits > 1 && data[start] === ZERO) return -1;
    let decimals = 0;
    if (at < end && data[at] === DOT) {
      const point = at++;
      while (at < end && data[at]! >= ZERO && data[at]! <= NINE) mantissa = mantissa * 10 + data[at++]! - ZERO;
      decimals = at - point - 1;
      if (decimals === 0) return -1;
      digits += decimals;
    }
    // An exponent follows, and ends the scan where a comma or brace is expected.
    if (digits <= EXACT_DIGITS) this.#number = decimals === 0 ? mantissa : mantissa / powers[decimals]!;
    else this.#number = Number(data.toString("latin1", start, at));
    return at;
  }

  #literal(data: Buffer, at: number, slot: number): number {
    for (const [text, value] of literals) {
      let length = 0;
      while (length < text.length && data[at + length] === text[length]) length++;
      if (length < text.length) continue;
      if (slot >= 0) this.#literals[slot] = value;
      return at + length;
    }
    return -1;
  }

  /** A field's value if it keeps the rule; otherwise, or when there is none, undefined. */
  #value(field: PlannedField): unknown {
    const { slot } = field;
    const kind = this.#kind(slot);
    const start = this.#starts[slot]!;
    const end = this.#ends[slot]!;
    switch (field.kind) {
      case ID:
        if (kind !== STRING) return undefined;
        if (field.recurring) return this.#ids.get(this.#data, start, end);
        return isId(this.#data, start, end) ? this.#text.slice(start, end) : undefined;
      case NUMBER: {
        if (kind !== NUMERAL) return undefined;
        const number = this.#numbers[slot]!;
        const within = number >= field.min && number <= field.max && !(field.above && number === field.min);
        return within && (!field.whole || Number.isSafeInteger(number)) ? number : undefined;
      }
      case TIME:
        return kind === STRING ? this.#time(slot, start, end) : undefined;
      case ONE_OF:
        if (kind !== STRING) return undefined;
        if (slot === TYPE_SLOT) return this.plan.type;
        return field.options.find((option) => option === this.#text.slice(start, end));
      case TEXT:
        return kind === STRING && end - start <= field.length_max ? this.#text.slice(start, end) : undefined;
      case BOOLEAN:
        return kind === LITERAL ? (this.#literals[slot] ?? undefined) : undefined;
      case OBJECT:
        return kind === NESTED ? this.#object(field.fields) : undefined;
      default:
        return undefined;
    }
  }

  #time(slot: number, start: number, end: number): string | undefined {
    const text = this.#text.slice(start, end);
    let time_ms = parseFormattedTime(this.#data, start, end);
    if (Number.isNaN(time_ms)) time_ms = parseTime(text);
    if (Number.isNaN(time_ms)) return undefined;
    if (slot === TIME_SLOT) this.time_ms = time_ms;
    else if (slot === KNOWN_AT_SLOT) this.known_at_ms = time_ms;
    return text;
  }

  #object(fields: readonly PlannedField[]): object | undefined {
    const object: Record<string, unknown> = {};
    for (const field of fields) {
      const value = this.#value(field);
      if (value === undefined && (field.required || this.#kind(field.slot) >= 0)) return undefined;
      if (value !== undefined) object[field.name] = value;
    }
    return object;
  }
}
