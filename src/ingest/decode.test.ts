import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Event, EVENT_BYTES_MAX, EVENT_FUTURE_MAX_MS, eventTypes, type EventType } from "../contracts/events.ts";
import { eventSubject } from "../contracts/subjects.ts";
import { formatTime } from "../lib/time.ts";
import type { BrokerMessage } from "./broker-message.ts";
import { decodeEvent, isRefusal, type Refusal } from "./decode.ts";

const NOW_MS = Date.UTC(2026, 0, 31, 12);
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const message = (subject: string, data: Uint8Array): BrokerMessage => ({ subject, sequence: 7, time_ms: NOW_MS, data });

const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const tokens = fc.integer({ min: 1, max: 1_000_000_000 });
const unit = fc.double({ min: 0, max: 1, noNaN: true });
const time = fc.integer({ min: 0, max: NOW_MS }).map(formatTime);

interface Field {
  readonly valid: fc.Arbitrary<unknown>;
  readonly invalid: readonly unknown[];
  readonly optional?: boolean;
}
const idField: Field = { valid: id, invalid: ["", "a b", "a.b", "x".repeat(65), "é", 5, null, {}] };
const timeField: Field = { valid: time, invalid: ["yesterday", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00+01:00", 0, null] };
const tokensField: Field = { valid: tokens, invalid: [-1, 1.5, 1_000_000_001, "5", null] };
const unitField: Field = { valid: unit, invalid: [-0.1, 1.1, "1", null] };
const optional = (field: Field): Field => ({ ...field, optional: true });

const learnerCourse = { learner_id: idField, course_id: idField };
const enrollment = { enrollment_id: idField, ...learnerCourse };
const amount = { learner_id: idField, amount: tokensField, course_id: optional(idField) };
const ratingField: Field = { valid: fc.double({ min: 1, max: 5, noNaN: true }), invalid: [0, 6, "5", null] };
const activity = {
  learner_id: idField,
  course_id: optional(idField),
  minutes: optional({ valid: fc.double({ min: 0, max: 1440, noNaN: true }), invalid: [-1, 1441, "5", null] }),
  submitted: optional({ valid: fc.boolean(), invalid: [0, "yes", null] }),
  score: optional(unitField),
  rating: optional(ratingField),
};

// Written by hand from the contract's prose, not from its schemas: a slip in a schema shows here.
const fields: Record<EventType, Record<string, Field>> = {
  "course.upserted": {
    course_id: idField,
    teacher_id: idField,
    category: idField,
    difficulty_level: { valid: fc.constantFrom("beginner", "intermediate", "advanced", "expert"), invalid: ["hard", 1, null] },
    quality_tier: { valid: fc.constantFrom("basic", "standard", "premium", "elite"), invalid: ["gold", 1, null] },
    base_price: { ...tokensField, invalid: [...tokensField.invalid, 0] },
    launched_at: timeField,
    title: optional({ valid: fc.string({ maxLength: 200 }), invalid: [5, null, "x".repeat(201)] }),
    prerequisites: optional({ valid: fc.array(id, { maxLength: 50 }), invalid: ["c1", null, new Array(51).fill("c1")] }),
  },
  "course.repriced": {
    course_id: idField,
    price: { ...tokensField, invalid: [...tokensField.invalid, 0] },
    jitter: optional({ valid: fc.record({ base: fc.double({ min: 0.01, max: 1e9, noNaN: true }), sigma: unit, probability: unit }), invalid: [5, null, "x"] }),
  },
  "learner.upserted": {
    learner_id: idField,
    registered_at: timeField,
    country: optional({ valid: fc.constantFrom("DE", "FR"), invalid: ["Germany", 5, null] }),
    attributes: optional({ valid: fc.dictionary(fc.stringMatching(/^[a-z]{1,20}$/), fc.oneof(fc.boolean(), fc.string({ maxLength: 200 }))), invalid: [5, null, "x"] }),
  },
  "learner.erased": { learner_id: idField },
  "teacher.upserted": { teacher_id: idField, quality_score: optional(unitField), min_price: optional(tokensField), max_price: optional(tokensField) },
  "exposure.viewed": { ...learnerCourse, price: tokensField, quote_id: optional(idField) },
  "enrollment.created": { ...enrollment, price: tokensField, quote_id: optional(idField) },
  "enrollment.completed": enrollment,
  "enrollment.dropped": enrollment,
  "enrollment.refunded": enrollment,
  "token.purchased": amount,
  "token.earned": amount,
  "token.spent": amount,
  "token.refunded": amount,
  "token.expired": amount,
  "activity.session": activity,
  "activity.assignment": activity,
  "activity.forum": activity,
  "activity.rating": { ...activity, rating: ratingField },
  "market.competitor_price": { category: idField, price: { ...tokensField, invalid: [...tokensField.invalid, 0] }, course_id: optional(idField) },
};

function shape(type: EventType): Record<string, Field> {
  return { id: idField, time: timeField, ...fields[type] };
}

function validEvent(type: EventType): fc.Arbitrary<Event> {
  const required: Record<string, fc.Arbitrary<unknown>> = {};
  const requiredKeys: string[] = ["type"];
  for (const [name, field] of Object.entries(shape(type))) {
    required[name] = field.valid;
    if (field.optional !== true) requiredKeys.push(name);
  }
  return fc.record({ type: fc.constant(type), ...required }, { requiredKeys: requiredKeys as never[] }) as fc.Arbitrary<never>;
}

function refused(decoded: ReturnType<typeof decodeEvent>): Refusal {
  if (!isRefusal(decoded)) throw new Error(`accepted ${JSON.stringify(decoded.event)}`);
  return decoded;
}

describe.each(eventTypes)("%s", (type) => {
  it("is accepted when valid, with the stream's facts and without unknown fields", () => {
    fc.assert(
      fc.property(validEvent(type), (event) => {
        const decoded = decodeEvent(message(eventSubject(event), encode({ ...event, unknown: 1 })));
        if (isRefusal(decoded)) throw new Error(JSON.stringify(decoded));
        expect(decoded).toMatchObject({ sequence: 7, broker_time_ms: NOW_MS, known_at_ms: NOW_MS, event_time_ms: Date.parse(event.time) });
        expect(decoded.event).toEqual(JSON.parse(JSON.stringify(event)));
      }),
      { numRuns: 25 },
    );
  });

  it("is refused with the field named when one field is wrong or missing", () => {
    const names = Object.keys(shape(type));
    fc.assert(
      fc.property(validEvent(type), fc.constantFrom(...names), fc.nat(), (event, name, pick) => {
        const field = shape(type)[name];
        if (field === undefined) throw new Error(name);
        const subject = eventSubject(event);
        const bad = { ...event, [name]: field.invalid[pick % field.invalid.length] };
        const refusal = refused(decodeEvent(message(subject, encode(bad))));
        expect(refusal.reason).toBe("invalid_field");
        expect(refusal.field?.split(".")[0]).toBe(name);
        if (field.optional === true) return;
        const missing: Record<string, unknown> = { ...event };
        delete missing[name];
        expect(refused(decodeEvent(message(subject, encode(missing))))).toMatchObject({ reason: "invalid_field", field: name });
      }),
      { numRuns: 60 },
    );
  });
});

describe("refusals", () => {
  const event = { id: "e1", type: "exposure.viewed", time: formatTime(NOW_MS), course_id: "c1", learner_id: "l1", price: 5 } as const;
  const decode = (body: unknown, subject = "events.exposure.c1") => decodeEvent(message(subject, encode(body)));

  it("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.string(), (data, subject) => {
        expect(isRefusal(decodeEvent(message(subject, data)))).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(isRefusal(decodeEvent(message("events.x.y", new TextEncoder().encode(json))))).toBe(true);
      }),
    );
  });

  it.each([["constructor"], ["__proto__"], ["toString"], ["exposure"], [""], [5], [null], [undefined], [["exposure.viewed"]]])("refuses the type %j", (type) => {
    expect(decode({ ...event, type })).toMatchObject({ reason: "unknown_type", field: "type" });
  });

  it("does not stumble over a type that is nested as deep as a body can be", () => {
    const nested = `{"type":${"[".repeat(32_000)}${"]".repeat(32_000)}}`;
    expect(decodeEvent(message("events.exposure.c1", new TextEncoder().encode(nested)))).toEqual({ reason: "unknown_type", field: "type", detail: "type is a list" });
  });

  it("keeps the name of the field at fault short", () => {
    const attributes = { ["k".repeat(60_000)]: 1 };
    const body = { id: "e1", type: "learner.upserted", time: event.time, learner_id: "l1", registered_at: event.time, attributes };
    const refusal = decode(body, "events.learner.l1");
    expect(refusal).toMatchObject({ reason: "invalid_field" });
    expect(JSON.stringify(refusal).length).toBeLessThan(2_000);
  });

  it("survives values nested as deep as the size allows beside the type", () => {
    const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
    const text = JSON.stringify(event);
    expect(decodeEvent(message("events.exposure.c1", new TextEncoder().encode(`${text.slice(0, -1)},"price":${deep(32_000)}}`)))).toMatchObject({ reason: "invalid_field", field: "price" });
    expect(decodeEvent(message("events.exposure.c1", new TextEncoder().encode(`${text.slice(0, -1)},"note":${deep(32_000)}}`)))).toHaveProperty("event");
  });

  it.each([["{"], ["[]"], ["5"], ["null"], [""], ['"text"'], ['\ufeff{"type":"exposure.viewed"}']])("calls %j not JSON", (text) => {
    expect(decodeEvent(message("events.exposure.c1", new TextEncoder().encode(text)))).toMatchObject({ reason: "not_json" });
  });

  it("calls bytes that are not UTF-8 not JSON", () => {
    const data = encode({ ...event, note: "aaa" });
    data[data.length - 3] = 0xff;
    expect(decodeEvent(message("events.exposure.c1", data))).toMatchObject({ reason: "not_json" });
  });

  it("accepts the largest body and refuses one byte more", () => {
    const padded = (bytes: number) => ({ ...event, pad: "x".repeat(bytes - encode({ ...event, pad: "" }).length) });
    expect(encode(padded(EVENT_BYTES_MAX)).length).toBe(EVENT_BYTES_MAX);
    expect(decode(padded(EVENT_BYTES_MAX))).toHaveProperty("event");
    expect(decode(padded(EVENT_BYTES_MAX + 1))).toMatchObject({ reason: "too_large" });
  });

  it("takes an event five minutes ahead of the broker, and none further, backfilled or not", () => {
    const at = (ms: number) => ({ ...event, time: formatTime(NOW_MS + ms) });
    for (const root of ["events", "backfill"]) {
      expect(decode(at(EVENT_FUTURE_MAX_MS), `${root}.exposure.c1`)).toHaveProperty("event");
      expect(decode(at(EVENT_FUTURE_MAX_MS + 1), `${root}.exposure.c1`)).toMatchObject({ reason: "time_in_future", field: "time" });
    }
  });

  it("honours known_at on backfill alone", () => {
    const time_ms = NOW_MS - 1_000_000;
    const known = { ...event, time: formatTime(time_ms), known_at: formatTime(time_ms + 5) };
    expect(decode(known)).toMatchObject({ known_at_ms: NOW_MS });
    expect(decode(known, "backfill.exposure.c1")).toMatchObject({ known_at_ms: time_ms + 5 });
    expect(decode({ ...event, time: formatTime(time_ms) }, "backfill.exposure.c1")).toMatchObject({ known_at_ms: time_ms });
    expect(decode({ ...known, known_at: formatTime(NOW_MS + EVENT_FUTURE_MAX_MS + 1) }, "backfill.exposure.c1")).toMatchObject({ reason: "time_in_future", field: "known_at" });
  });

  it("takes no event further ahead of the broker because it says to have been known ahead of it", () => {
    const ahead = { ...event, time: formatTime(NOW_MS + 2 * EVENT_FUTURE_MAX_MS), known_at: formatTime(NOW_MS + EVENT_FUTURE_MAX_MS) };
    expect(decode(ahead, "backfill.exposure.c1")).toMatchObject({ reason: "time_in_future", field: "time" });
  });

  it("refuses history that was known before it happened", () => {
    const known = (ms: number) => decode({ ...event, known_at: formatTime(NOW_MS - ms) }, "backfill.exposure.c1");
    expect(known(EVENT_FUTURE_MAX_MS)).toHaveProperty("event");
    expect(known(EVENT_FUTURE_MAX_MS + 1)).toMatchObject({ reason: "time_in_future", field: "time", detail: expect.stringContaining("known_at") });
  });

  it.each([["events.exposure.c2"], ["events.enrollment.c1"], ["backfill.exposure.c2"], ["events.exposure.c1.x"], ["backfillx.exposure.c1"]])(
    "refuses an event of course c1 on %s",
    (subject) => {
      expect(decode(event, subject)).toMatchObject({ reason: "subject_mismatch" });
    },
  );
});
