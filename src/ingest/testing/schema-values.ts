import * as fc from "fast-check";
import type { z } from "zod";
import { eventSchemas, eventTypes } from "../../contracts/events.ts";
import { eventSubject } from "../../contracts/subjects.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";

/** The broker's time of every message made here. */
export const BROKER_TIME_MS = Date.UTC(2026, 0, 31, 12);

/** Values that no field expects, or hardly any. */
const foreign: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, "", " ", "a b", "a.b", "../x", "é", "\u0000", "💥", "x".repeat(65), "x".repeat(5_000), -1, -0, 0.5, 1e300, -1e300, 2 ** 53, 1_000_000_001, [], [[]], {}, { a: { b: {} } }, "__proto__", "constructor", "2026-02-30T00:00:00Z", "2999-01-01T00:00:00Z", "2026-01-01", "NaN"),
  fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<unknown>,
);

const time = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 300 * DAY_MS }).map((ago) => formatTime(BROKER_TIME_MS - ago)) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 * DAY_MS }).map((ahead) => formatTime(BROKER_TIME_MS + ahead)) },
);

/** What of zod's description of a schema is read here. */
interface Definition {
  readonly type: string;
  readonly values?: readonly unknown[];
  readonly entries?: Record<string, unknown>;
  readonly innerType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly shape?: Record<string, z.ZodType>;
}

/** Values that a schema may well accept, from its own description; what it says of ranges is met more often than not. */
function ordinary(schema: z.ZodType, name: string): fc.Arbitrary<unknown> {
  const definition = schema.def as unknown as Definition;
  switch (definition.type) {
    case "literal":
      return fc.constantFrom(...definition.values!);
    case "enum":
      return fc.constantFrom(...Object.values(definition.entries!));
    case "optional":
      return fc.option(ordinary(definition.innerType!, name), { nil: undefined });
    case "boolean":
      return fc.boolean();
    case "number":
      // One is within every range.
      return fc.oneof({ weight: 8, arbitrary: fc.constant(1) }, { weight: 2, arbitrary: fc.constantFrom(0, 1.5, 5, 100, 1440, 1_000_000_000) }, { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) });
    case "array":
      return fc.array(ordinary(definition.element!, name), { maxLength: 3 });
    case "record":
      return fc.dictionary(fc.string({ maxLength: 8 }), ordinary(definition.valueType!, name), { maxKeys: 3 });
    case "union":
      return fc.oneof(...definition.options!.map((option) => ordinary(option, name)));
    case "object":
      return fc.record(Object.fromEntries(Object.entries(definition.shape!).map(([key, inner]) => [key, ordinary(inner, key)])));
    case "string":
      if (name === "time" || name.endsWith("_at")) return time;
      // Few, so that events meet one another, and ids come again.
      return fc.constantFrom("a", "b", "c1");
    default:
      throw new Error(`no values are known for a ${definition.type}`);
  }
}

/** A message as a producer gone wrong may send it. */
export interface Sent {
  readonly subject: string;
  readonly data: Uint8Array;
}

const kinds = ["course", "learner", "teacher", "exposure", "enrollment", "token", "activity", "market"];
/** Of no event in particular. */
const anySubject = fc.tuple(fc.constantFrom("events", "backfill"), fc.constantFrom(...kinds), fc.constantFrom("a", "b", "c1", "zz")).map((parts) => parts.join("."));
const encoder = new TextEncoder();

/** The subject that the event belongs on, as far as it can be told. */
function subjectOf(event: Record<string, unknown>, stream: "events" | "backfill"): string {
  try {
    const subject = eventSubject(event as unknown as Parameters<typeof eventSubject>[0], stream);
    return /^[a-z]+\.[a-z]+\.[\w-]{1,64}$/.test(subject) ? subject : `${stream}.course.a`;
  } catch {
    return `${stream}.course.a`;
  }
}

const elsewhere = fc.oneof({ weight: 12, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: anySubject });

/** Every type; of its fields, `spoilt` are of another kind, missing, or unknown. Bytes may be cut short, and subjects wrong. */
export const sentMessage: fc.Arbitrary<Sent> = fc.constantFrom(...eventTypes).chain((type) => {
  const { shape } = eventSchemas[type];
  const names = Object.keys(shape);
  const fields = fc.record(Object.fromEntries(Object.entries(shape).map(([name, schema]) => [name, name === "id" ? fc.integer({ min: 0, max: 400 }).map((n) => `e${n}`) : ordinary(schema as z.ZodType, name)])));
  const spoilt = fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 4, arbitrary: fc.array(fc.tuple(fc.constantFrom(...names, "more", "__proto__"), fc.option(foreign, { nil: undefined })), { minLength: 1, maxLength: 2 }) });
  const damage = fc.oneof({ weight: 30, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.tuple(fc.nat(400), fc.nat(255)) });
  return fc.tuple(fields, spoilt, damage, fc.constantFrom("events" as const, "backfill" as const), elsewhere).map(([event, changes, broken, stream, astray]) => {
    const made: Record<string, unknown> = { ...event };
    for (const [name, value] of changes) Object.defineProperty(made, name, { value, enumerable: true, configurable: true, writable: true });
    const data = encoder.encode(JSON.stringify(made));
    if (broken !== undefined) data[broken[0] % data.length] = broken[1];
    return { subject: astray ?? subjectOf(made, stream), data };
  });
});
