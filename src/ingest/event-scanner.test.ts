import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EVENT_FUTURE_MAX_MS, eventSchemas, eventTypes, type EventType } from "../contracts/events.ts";
import { formatTime, parseTime } from "../lib/time.ts";
import { decodeBytes, decodeEvent, decodeWhole, isRefusal } from "./decode.ts";
import { eventRules, FOREIGN } from "./event-rules.ts";
import { EventScanner } from "./event-scanner.ts";
import { scannedFields } from "./scanned-event.ts";

// Everything here is text of JSON, or nearly: what a parser makes of it is the question.
const NOW_MS = Date.UTC(2026, 0, 31, 12);
const quoted = (arbitrary: fc.Arbitrary<string>): fc.Arbitrary<string> => arbitrary.map((text) => `"${text}"`);
const id = quoted(fc.oneof({ weight: 5, arbitrary: fc.constantFrom("c1", "c1", "c1", "A_b-9") }, { weight: 1, arbitrary: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/) }));
const time = quoted(
  fc.oneof(
    fc.integer({ min: NOW_MS - 400 * 86_400_000, max: NOW_MS + 2 * EVENT_FUTURE_MAX_MS }).map(formatTime),
    fc.constantFrom("2024-02-29T23:59:59Z", "2026-01-31T12:00:00.1Z", "2026-01-31T11:59:59.123456Z", "0000-01-01T00:00:00.000Z", "1969-12-31T23:59:59.999Z"),
  ),
);
const whole = fc.oneof(fc.integer({ min: 0, max: 1_000_000_000 }).map(String), fc.constantFrom("0", "1", "5.0", "1000000000", "1000000000.000"));
const share = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }).map(String), fc.constantFrom("0", "1", "0.5", "0.10", "0.1000000000000000055511151231257827", "1.0"));
const jitter = fc.tuple(fc.double({ min: 1e-3, max: 1e9, noNaN: true }).map(String), share, share).map(([base, sigma, p]) => `{"base":${base},"sigma": ${sigma},"probability":${p}}`);

const good: Record<string, fc.Arbitrary<string>> = {
  time,
  known_at: time,
  launched_at: time,
  registered_at: time,
  price: whole,
  base_price: whole,
  amount: whole,
  min_price: whole,
  max_price: whole,
  minutes: fc.oneof(whole, fc.constantFrom("34.5", "1440", "1440.1", "0.000000001")),
  rating: fc.constantFrom("1", "5", "3.7", "0.99", "5.01"),
  score: share,
  quality_score: share,
  submitted: fc.constantFrom("true", "false"),
  difficulty_level: fc.constantFrom('"beginner"', '"expert"', '"hard"'),
  quality_tier: fc.constantFrom('"basic"', '"elite"', '"gold"'),
  title: quoted(fc.stringMatching(/^[ -!#-[\]-~]{0,210}$/)),
  country: fc.constantFrom('"DE"', '""', '"DEU"'),
  jitter,
  prerequisites: fc.constantFrom("[]", '["c1","c2"]'),
  attributes: fc.constantFrom("{}", '{"a":1}'),
};

const hostileTexts: readonly string[] = [
  "-0", "-1", "1e2", "1E400", "-1e400", "01", "00", "1.", ".5", "1.5e1", "0x10", "NaN", "Infinity", "+1", "1_000",
  "9007199254740991", "9007199254740993", "123456789012345678901234567890", "0.30000000000000004", "999999999999999.9", `1${"0".repeat(400)}`,
  "true", "tru", "truex", "false", "null", "nul", "undefined", "''", "[]", "[1]", "{}", '{"a":1}', '{"base":1,"sigma":0,"probability":1}', '{"base":0,"sigma":0,"probability":1}',
  '{"base":1,"sigma":0,"probability":1,"base":2}', '{"base":1,"sigma":0,"probability":1,"id":"x"}', '{"base":1,"sigma":0}', '{"base":{"base":1},"sigma":0,"probability":1}',
  '""', '"a b"', '"a.b"', '"é"', '"\\u0041"', '"a\\"b"', '"a\\\\"', '"\u007f"', '"\u0000"', '"\n"', '"💥"', '"', '"a', `"${"x".repeat(64)}"`, `"${"x".repeat(65)}"`, `"${"x".repeat(201)}"`,
  '"2026-02-30T00:00:00.000Z"', '"2025-02-29T00:00:00.000Z"', '"2026-13-01T00:00:00.000Z"', '"2026-00-10T00:00:00.000Z"', '"2026-01-00T00:00:00.000Z"',
  '"2026-01-01T24:00:00.000Z"', '"2026-01-01T00:60:00.000Z"', '"2026-01-01T00:00:60.000Z"', '"2026-01-01 00:00:00.000Z"', '"2026-01-01T00:00:00.000z"', '"2026-01-01T00:00:00,000Z"', '"2026-01-01T00:00:0/.000Z"', '"2026-01-01T00:00:00.00:Z"',
];
const hostile = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...hostileTexts) }, { weight: 1, arbitrary: fc.json() });

const names = [...new Set([...eventTypes.flatMap((type) => Object.keys(eventSchemas[type].shape)), "base", "sigma"])];
const space = fc.oneof({ weight: 90, arbitrary: fc.constant("") }, { weight: 15, arbitrary: fc.constant(" ") }, { weight: 1, arbitrary: fc.constantFrom("  ", "\n", "\t", "\r\n", "\u00a0") });
const key = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...names) },
  { weight: 1, arbitrary: fc.constantFrom("", "unknown", "__proto__", "constructor", "toString", "\\u0069d", "ID", "idx", "tim", "pricé", "x".repeat(300)) },
);

function fieldsOf(type: EventType): readonly string[] {
  return Object.keys(eventSchemas[type].shape).filter((name) => name !== "type");
}

/** The text of an event: mostly right, in any order, with what does not belong there mixed in. */
function eventText(type: EventType): fc.Arbitrary<string> {
  const member = (name: string): fc.Arbitrary<string> => fc.tuple(space, space, fc.oneof({ weight: 50, arbitrary: good[name] ?? id }, { weight: 1, arbitrary: hostile })).map(([a, b, value]) => `"${name}"${a}:${b}${value}`);
  const own = fc.tuple(...fieldsOf(type).map((name) => fc.option(member(name), { freq: 12, nil: undefined })));
  const extra = fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(fc.tuple(key, fc.oneof(hostile, id, whole)).map(([name, value]) => `"${name}":${value}`), { maxLength: 2 }) });
  return fc
    .tuple(own, extra, fc.oneof({ weight: 20, arbitrary: fc.constantFrom(",", ", ", " , ") }, { weight: 1, arbitrary: fc.constantFrom(",\n", ";", ",,") }), space, fc.boolean())
    .chain(([own, extra, comma, around, shuffled]) => {
      const members = [`"type":"${type}"`, ...own.filter((text) => text !== undefined), ...extra];
      const order = shuffled ? fc.shuffledSubarray(members, { minLength: members.length }) : fc.constant(members);
      return order.map((members) => `{${around}${members.join(comma)}${around}}`);
    });
}

const end = (...odd: string[]): fc.Arbitrary<string> => fc.oneof({ weight: 15, arbitrary: fc.constant("") }, { weight: 1, arbitrary: fc.constantFrom(...odd) });

/** Now and then a byte is another one, or something stands before or after. */
function bytesOf(text: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array> {
  const change = fc.oneof(
    { weight: 6, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), fc.oneof(fc.constantFrom(...Buffer.from('{}[]",:\\ 0-9.eE')), fc.nat(255))) },
  );
  return fc.tuple(text, change, end("\ufeff", " "), end(" ", "x", "}", "\n")).map(([text, change, before, after]) => {
    const bytes = Buffer.from(before + text + after);
    if (change !== undefined) bytes[Math.floor(change[0] * bytes.length)] = change[1];
    return bytes;
  });
}

const anyEvent = fc.constantFrom(...eventTypes).chain(eventText);

describe("EventScanner", () => {
  const scanner = new EventScanner();
  const defined = (event: object): object => Object.fromEntries(Object.entries(event).filter(([, value]) => value !== undefined));

  it("reads what it reads exactly as JSON.parse and the schema do, and leaves enough to them", () => {
    let read = 0;
    let refused = 0;
    fc.assert(
      fc.property(bytesOf(anyEvent), (bytes) => {
        const event = scanner.scan(bytes);
        const decoded = decodeBytes(bytes);
        if (isRefusal(decoded)) refused++;
        if (event === undefined) return;
        read++;
        expect(decoded).toStrictEqual(defined(event));
        expect(scanner.time_ms).toBe(parseTime(event.time));
        expect(scanner.known_at_ms).toBe(event.known_at === undefined ? Number.NaN : parseTime(event.known_at));
        expect(scanner.plan.type).toBe(event.type);
      }),
      { numRuns: 6_000 },
    );
    // The property must have seen plenty of both.
    expect(read).toBeGreaterThan(800);
    expect(refused).toBeGreaterThan(800);
  });

  it("changes nothing of what becomes of a message", () => {
    const subject = (type: EventType): fc.Arbitrary<string> =>
      fc.oneof(
        { weight: 8, arbitrary: fc.constant(`${type.split(".")[0]}.c1`) },
        { weight: 1, arbitrary: fc.constantFrom("exposure.c", "exposure.c11", "exposurec1", "exposure..c1", "", "course.c2", "token.c1.x") },
      );
    const message = fc.constantFrom(...eventTypes).chain((type) => fc.tuple(bytesOf(eventText(type)), subject(type)));
    let accepted = 0;
    fc.assert(
      fc.property(message, fc.constantFrom("events.", "backfill.", "events.", "backfill.", "event.", "backfillevents."), ([data, subject], root) => {
        const message = { subject: root + subject, sequence: 7, time_ms: NOW_MS, data };
        const decoded = decodeEvent(message);
        if (!isRefusal(decoded)) accepted++;
        expect(isRefusal(decoded) ? decoded : { ...decoded, event: defined(decoded.event) }).toStrictEqual(decodeWhole(message));
      }),
      { numRuns: 6_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  const plainValue: Record<string, unknown> = { time: formatTime(NOW_MS), price: 5, amount: 5, base_price: 5, rating: 5, difficulty_level: "expert", quality_tier: "elite" };
  /** An event with its required fields, as the texts of its members. */
  const plainMembers = (type: EventType): [name: string, value: string][] =>
    Object.entries(eventSchemas[type].shape)
      .filter(([name, field]) => name === "type" || !field.safeParse(undefined).success)
      .map(([name]) => [name, JSON.stringify(name === "type" ? type : name.endsWith("_at") ? formatTime(0) : (plainValue[name] ?? "x1"))]);
  const textOf = (members: readonly (readonly [string, string])[], comma = ",", colon = ":"): string => `{${members.map(([name, value]) => `"${name}"${colon}${value}`).join(comma)}}`;
  const compare = (text: string): boolean => {
    const bytes = Buffer.from(text);
    const event = scanner.scan(bytes);
    if (event !== undefined) expect(decodeBytes(bytes), text).toStrictEqual(defined(event));
    return event !== undefined;
  };

  it("reads events of every type as producers write them", () => {
    for (const type of eventTypes) {
      const members = plainMembers(type);
      expect(compare(textOf(members)), type).toBe(true);
      expect(compare(textOf(members.toReversed(), ", ", ": ")), type).toBe(true);
    }
  });

  it("agrees with the schema on every hostile value in every field, alone and beside another", () => {
    let read = 0;
    for (const type of eventTypes) {
      const members = plainMembers(type);
      for (const name of [...Object.keys(eventSchemas[type].shape), "__proto__", "unknown", "\\u0069d"]) {
        const others = members.filter(([other]) => other !== name);
        for (const value of [...hostileTexts, '"x1"', "5"]) {
          if (compare(textOf([...others, [name, value]]))) read++;
          if (compare(textOf([[name, value], ...members]))) read++;
          if (compare(textOf([...members, [name, value]]))) read++;
        }
      }
    }
    expect(read).toBeGreaterThan(3_000);
  });

  it("takes no member of an object that a later one of the same name replaces", () => {
    const text = textOf([...plainMembers("course.repriced"), ["jitter", '{"base":1,"sigma":0,"probability":1}'], ["jitter", '{"base":1,"sigma":0}']]);
    expect(compare(text)).toBe(false);
  });

  it("knows the rules of every field but those of lists and free records", () => {
    const foreign = eventRules.flatMap(({ type, fields }) => fields.filter((field) => field.kind === FOREIGN).map((field) => `${type} ${field.name}`));
    expect(foreign).toEqual(["course.upserted prerequisites", "learner.upserted attributes"]);
    expect(eventRules.length).toBe(eventTypes.length);
    const roomless = eventRules.flatMap(({ fields }) => fields).filter((field) => field.kind !== FOREIGN && !scannedFields.some((name) => name === field.name));
    expect(roomless).toEqual([]);
  });

  it("keeps nothing of one message for the next", () => {
    const full = `{"id":"a","type":"enrollment.created","time":"2026-01-01T00:00:00.000Z","enrollment_id":"e","course_id":"c","learner_id":"l","price":5,"quote_id":"q"}`;
    const bare = `{"id":"b","type":"exposure.viewed","time":"2026-01-01T00:00:00.000Z","course_id":"c","learner_id":"l","price":6}`;
    const first = scanner.scan(Buffer.from(full));
    scanner.scan(Buffer.from(full.slice(0, -1)));
    scanner.scan(Buffer.from(full.replace('"price":5', '"price":-5')));
    const second = scanner.scan(Buffer.from(bare));
    expect(defined(second ?? {})).toStrictEqual(JSON.parse(bare));
    expect(defined(first ?? {})).toStrictEqual(JSON.parse(full));
    expect(scanner.scan(Buffer.from(bare.replace('"course_id":"c",', "")))).toBeUndefined();
  });
});
