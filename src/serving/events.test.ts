import * as fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { EVENT_BATCH_BYTES_MAX, type EventBatchAnswer, eventBatchAnswerSchema, eventBatchProblemSchema } from "../contracts/event-batch.ts";
import { EVENT_BYTES_MAX, EVENT_FUTURE_MAX_MS } from "../contracts/events.ts";
import { problemSchema } from "../contracts/problem.ts";
import type { PublishAck } from "../ingest/broker-message.ts";
import { formatTime } from "../lib/time.ts";
import { elementsOf, linesOf } from "./event-body.ts";
import { BODIES_BYTES_MAX, PUBLICATIONS_MAX } from "./event-intake.ts";
import { START_MS, TestEngine } from "./testing.ts";

const NDJSON = "application/x-ndjson";
const JSON_TYPE = "application/json";
const encoder = new TextEncoder();

let engine: TestEngine;

beforeEach(() => {
  engine = new TestEngine();
});

const view = (id: string, more: object = {}): object => ({ id, type: "exposure.viewed", time: formatTime(START_MS), course_id: "c1", learner_id: "l1", price: 30, ...more });
const ndjson = (...events: unknown[]): string => events.map((event) => JSON.stringify(event)).join("\n");

async function send(body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>, type = NDJSON, headers: Record<string, string> = {}): Promise<Response> {
  const init = { method: "POST", body, headers: { "content-type": type, ...headers }, ...(body instanceof ReadableStream ? { duplex: "half" as const } : {}) };
  return engine.app.request("/events", init);
}

async function accepted(response: Response): Promise<EventBatchAnswer> {
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return eventBatchAnswerSchema.strict().parse(JSON.parse(text));
}

async function problem(response: Response): Promise<unknown> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  return response.json();
}

/** Publications that wait until the test answers them. */
function holdPublications(): { answer(outcome: PublishAck | Error): void; readonly waiting: number } {
  const waiting: ((outcome: PublishAck | Error) => void)[] = [];
  engine.broker.publish = () =>
    new Promise((resolve, reject) => {
      waiting.push((outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)));
    });
  return {
    answer: (outcome) => waiting.shift()?.(outcome),
    get waiting() {
      return waiting.length;
    },
  };
}

describe("events that are taken in", () => {
  test.each([
    [NDJSON, (a: string, b: string) => `\n${a}\r\n\n  ${b} \n`],
    [`${NDJSON}; charset=utf-8`, (a: string, b: string) => `${a}\n${b}`],
    [JSON_TYPE, (a: string, b: string) => ` [ ${a} ,\n${b}\t] `],
  ])("of %s are published as they were written, to their subjects, under their ids", async (type, body) => {
    // Unknown fields, order and number format are the producer's own.
    const first = `{"note":"a, \\"b] \u00e9\\\\","id":"a1","type":"exposure.viewed","time":"${formatTime(START_MS)}","course_id":"c1","learner_id":"l1","price":3.0e1,"extra":[{"x":[1]}]}`;
    const second = JSON.stringify({ id: "a2", type: "token.earned", time: formatTime(START_MS), learner_id: "l2", amount: 5 });
    const answer = await accepted(await send(body(first, second), type));
    expect(answer).toEqual({
      accepted: 2,
      duplicates: 0,
      rejected: 0,
      results: [
        { id: "a1", status: "accepted", sequence: 1 },
        { id: "a2", status: "accepted", sequence: 2 },
      ],
    });
    expect(engine.broker.published).toEqual([
      { subject: "events.exposure.c1", text: first, message_id: "a1" },
      { subject: "events.token.l2", text: second, message_id: "a2" },
    ]);
  });

  test("have a verdict each, in order; those that are not valid are not published", async () => {
    const publish = engine.broker.publish.bind(engine.broker);
    engine.broker.publish = async (subject, data, options) => (options?.message_id === "twice" ? { sequence: 77, duplicate: true } : publish(subject, data, options));
    const future = formatTime(START_MS + EVENT_FUTURE_MAX_MS + 1);
    const body = [
      JSON.stringify(view("ok")),
      "{not json",
      JSON.stringify(view("twice")),
      JSON.stringify(view("bad", { price: -1 })),
      JSON.stringify(view("odd", { type: "exposure.hovered" })),
      JSON.stringify(view("early", { time: future })),
      JSON.stringify(view("a b")),
      JSON.stringify(view("large", { pad: "x".repeat(EVENT_BYTES_MAX) })),
      JSON.stringify(view("soon", { time: formatTime(START_MS + EVENT_FUTURE_MAX_MS) })),
    ].join("\n");
    const answer = await accepted(await send(body));
    expect(answer).toMatchObject({ accepted: 2, duplicates: 1, rejected: 6 });
    expect(answer.results).toMatchObject([
      { id: "ok", status: "accepted", sequence: 1 },
      { id: null, status: "rejected", reason: "not_json" },
      { id: "twice", status: "duplicate", sequence: 77 },
      { id: "bad", status: "rejected", reason: "invalid_field", field: "price", detail: expect.any(String) },
      { id: "odd", status: "rejected", reason: "unknown_type", field: "type" },
      { id: "early", status: "rejected", reason: "time_in_future", field: "time" },
      { id: null, status: "rejected", reason: "invalid_field", field: "id" },
      { id: null, status: "rejected", reason: "too_large" },
      { id: "soon", status: "accepted", sequence: 2 },
    ]);
    expect(engine.broker.published.map(({ message_id }) => message_id)).toEqual(["ok", "soon"]);
    const metrics = await (await engine.app.request("/metrics")).text();
    expect(metrics).toMatch(/tidemark_events_accepted_total 2\n/);
    expect(metrics).toMatch(/tidemark_events_duplicates_total 1\n/);
    expect(metrics).toContain('tidemark_events_rejected_total{reason="invalid_field"} 2');
    expect(metrics).toContain('tidemark_http_request_duration_seconds_count{method="POST",route="/events",status="200"} 1');
  });

  test("the largest batch and the largest event are taken, one more is not", async () => {
    const many = Array.from({ length: 1_000 }, (_, i) => view(`m${i}`));
    expect(await accepted(await send(JSON.stringify(many), JSON_TYPE))).toMatchObject({ accepted: 1_000 });
    expect(engine.broker.published.map(({ message_id }) => message_id)).toEqual(many.map((_, i) => `m${i}`));
    for (const [body, type] of [[JSON.stringify([...many, view("one")]), JSON_TYPE], [ndjson(...many, view("one")), NDJSON]] as const) {
      const response = await send(body, type);
      expect(response.status).toBe(422);
      expect(await problem(response)).toMatchObject({ code: "invalid_field", field: "body" });
    }
    expect(engine.broker.published.length).toBe(1_000);
    const pad = (bytes: number): string => {
      const bare = JSON.stringify(view("p", { pad: "" })).length;
      return JSON.stringify([view("p", { pad: "x".repeat(bytes - bare) }), view("q")]);
    };
    expect(await accepted(await send(pad(EVENT_BYTES_MAX), JSON_TYPE))).toMatchObject({ accepted: 2 });
    expect((await accepted(await send(pad(EVENT_BYTES_MAX + 1), JSON_TYPE))).results[0]).toMatchObject({ status: "rejected", reason: "too_large" });
  });
});

describe("bodies that are refused", () => {
  test.each([
    ["", JSON_TYPE],
    ["[", JSON_TYPE],
    [`[${JSON.stringify(view("a"))},]`, JSON_TYPE],
    [`[${JSON.stringify(view("a"))}] x`, JSON_TYPE],
    [`\ufeff[${JSON.stringify(view("a"))}]`, JSON_TYPE],
    ["", NDJSON],
    ["\n \r\n", NDJSON],
    ["not\njson", NDJSON],
  ])("%j of %s is not JSON", async (body, type) => {
    const response = await send(body, type);
    expect(response.status).toBe(400);
    expect(problemSchema.strict().parse(await problem(response)).code).toBe("invalid_json");
    expect(engine.broker.published).toEqual([]);
  });

  test.each([["{}"], ["5"], ["null"], ["[]"], [JSON.stringify(view("a"))]])("%s is no array of events", async (body) => {
    const response = await send(body, JSON_TYPE);
    expect(response.status).toBe(422);
    expect(problemSchema.strict().parse(await problem(response))).toMatchObject({ code: "invalid_field", field: "body" });
  });

  test("when no event is valid, the problem carries the verdicts", async () => {
    for (const [body, type] of [["[1,null,[]]", JSON_TYPE], [ndjson(view("a", { price: 1.5 }), {}, 7), NDJSON]] as const) {
      const response = await send(body, type);
      expect(response.status).toBe(422);
      const answer = eventBatchProblemSchema.strict().parse(await problem(response));
      expect(answer).toMatchObject({ code: "events_rejected", accepted: 0, duplicates: 0, rejected: 3 });
      expect(answer.results.length).toBe(3);
    }
    engine.broker.connected = false;
    expect((await send(ndjson({}))).status).toBe(422);
  });

  test("other content types, methods and sizes have their own status", async () => {
    for (const type of ["text/plain", "application/jsonl", ""]) expect((await send(ndjson(view("a")), type)).status).toBe(415);
    const zipped = await send(ndjson(view("a")), NDJSON, { "content-encoding": "gzip" });
    expect([zipped.status, await problem(zipped)]).toMatchObject([415, { field: "content-encoding" }]);
    expect((await send(ndjson(view("a")), NDJSON, { "content-encoding": "identity" })).status).toBe(200);
    const get = await engine.app.request("/events");
    expect([get.status, get.headers.get("allow")]).toEqual([405, "POST"]);
    const declared = await send("[]", JSON_TYPE, { "content-length": String(EVENT_BATCH_BYTES_MAX + 1) });
    expect([declared.status, declared.headers.get("connection")]).toEqual([413, "close"]);
    expect((await send(ndjson(view("a")), NDJSON, { "content-length": "4194304" })).status).toBe(200);
  });

  test("a body of unknown length is counted, and given up at the limit", async () => {
    const stream = (chunks: number): { body: ReadableStream<Uint8Array>; pulled: () => number } => {
      let pulled = 0;
      const line = encoder.encode(`${JSON.stringify(view("s", { pad: "x".repeat(60_000) }))}\n`);
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (pulled++ < chunks) controller.enqueue(line);
          else controller.close();
        },
      });
      return { body, pulled: () => pulled };
    };
    expect(await accepted(await send(stream(60).body))).toMatchObject({ accepted: 60 });
    const endless = stream(1_000_000);
    expect((await send(endless.body)).status).toBe(413);
    expect(endless.pulled()).toBeLessThan(80);
    expect(engine.events.body_bytes).toBe(0);
  });

  test("nothing that is sent makes a 5xx, and what is answered is what was published", { timeout: 30_000 }, async () => {
    const scalar = fc.oneof(fc.integer(), fc.double(), fc.string({ unit: "binary" }), fc.constantFrom(null, true, "__proto__", -1, 1e9 + 1), fc.jsonValue());
    const event = fc.record(
      {
        id: fc.oneof(fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/), scalar),
        type: fc.oneof(fc.constantFrom("exposure.viewed", "token.earned", "__proto__", "constructor"), scalar),
        time: fc.oneof(fc.constant(formatTime(START_MS)), scalar),
        course_id: fc.oneof(fc.constantFrom("c1", "c2"), scalar),
        learner_id: fc.oneof(fc.constant("l1"), scalar),
        price: fc.oneof(fc.integer({ min: 0, max: 100 }), scalar),
        amount: fc.oneof(fc.integer({ min: 0, max: 100 }), scalar),
      },
      { requiredKeys: ["id", "type", "time"] },
    );
    const item = fc.oneof({ weight: 4, arbitrary: event }, scalar);
    const body = fc.oneof(
      fc.array(item, { maxLength: 40 }).map((items) => ({ type: JSON_TYPE, body: encoder.encode(JSON.stringify(items)) })),
      fc.array(item, { maxLength: 40 }).map((items) => ({ type: NDJSON, body: encoder.encode(ndjson(...items)) })),
      fc.tuple(fc.constantFrom(JSON_TYPE, NDJSON), fc.uint8Array({ maxLength: 200 })).map(([type, bytes]) => ({ type, body: Uint8Array.from(bytes) })),
      fc.tuple(fc.constantFrom(JSON_TYPE, NDJSON), fc.string({ unit: fc.constantFrom(..."[]{},\":\n 1a\\") })).map(([type, text]) => ({ type, body: encoder.encode(text) })),
    );
    await fc.assert(
      fc.asyncProperty(body, async ({ type, body }) => {
        const before = engine.broker.published.length;
        const response = await send(body, type);
        expect([200, 400, 422]).toContain(response.status);
        const schema = response.status === 200 ? eventBatchAnswerSchema.strict() : z.union([problemSchema.strict(), eventBatchProblemSchema.strict()]);
        const answer = schema.parse(await response.json());
        expect("accepted" in answer ? answer.accepted : 0).toBe(engine.broker.published.length - before);
      }),
      { numRuns: 300 },
    );
  });
});

describe("while the broker is slow or away", () => {
  test("the answer waits for every acknowledgement", async () => {
    const held = holdPublications();
    const state = { answered: false };
    const answer = send(ndjson(view("a"), view("b"))).then((response) => {
      state.answered = true;
      return response;
    });
    while (held.waiting < 2) await engine.clock.sleep();
    held.answer({ sequence: 5, duplicate: false });
    for (let i = 0; i < 5; i++) await engine.clock.sleep();
    expect(state.answered).toBe(false);
    expect(engine.events.publications).toBe(2);
    held.answer({ sequence: 6, duplicate: false });
    expect((await accepted(await answer)).results.map(({ sequence }) => sequence)).toEqual([5, 6]);
    expect([engine.events.publications, engine.events.body_bytes]).toEqual([0, 0]);
  });

  test("503 with Retry-After: nothing of the call is acknowledged, and a repeat is", async () => {
    engine.broker.connected = false;
    const away = await send(ndjson(view("a"), {}));
    expect([away.status, away.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(problemSchema.strict().parse(await problem(away)).code).toBe("broker_unavailable");
    engine.broker.connected = true;
    engine.broker.failures = 1;
    const many = ndjson(...Array.from({ length: 100 }, (_, i) => view(`e${i}`)));
    expect((await send(many)).status).toBe(503);
    // It stopped at the failure instead of publishing the rest in vain.
    expect(engine.broker.published.length).toBeLessThan(70);
    expect(await accepted(await send(many))).toMatchObject({ accepted: 100 });
    expect([engine.events.unavailable, engine.events.publications, engine.events.body_bytes]).toEqual([2, 0, 0]);
  });

  test("an unforeseen failure is a plain 500, and no promise is left unhandled", async () => {
    engine.broker.publish = () => Promise.reject(new TypeError("secret"));
    const response = await send(ndjson(...Array.from({ length: 100 }, (_, i) => view(`e${i}`))));
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
  });

  test("429 with Retry-After once too many publications or bytes are under way", async () => {
    const held = holdPublications();
    const body = ndjson(...Array.from({ length: 1_000 }, (_, i) => view(`e${i}`)));
    const calls = Array.from({ length: PUBLICATIONS_MAX / 1_000 }, () => send(body));
    while (held.waiting < PUBLICATIONS_MAX) await engine.clock.sleep();
    const shed = await send(ndjson(view("one")));
    expect([shed.status, shed.headers.get("retry-after")]).toEqual([429, "1"]);
    expect(problemSchema.strict().parse(await problem(shed)).code).toBe("too_many_events");
    while (held.waiting > 0) held.answer({ sequence: 1, duplicate: false });
    for (const call of calls) await accepted(await call);

    const rooms = Array.from({ length: BODIES_BYTES_MAX / EVENT_BATCH_BYTES_MAX }, () => engine.events.openBody());
    for (const room of rooms) room.claim(EVENT_BATCH_BYTES_MAX);
    // Whether it says its length or not, and however long that is.
    const without = [await send(ndjson(view("two")), NDJSON, { "content-length": "150" }), await send(ndjson(view("two"))), await send(ndjson(view("two")), NDJSON, { "content-length": "50000" })];
    expect(without.map(({ status, headers }) => [status, headers.get("retry-after"), headers.get("connection")])).toEqual(without.map(() => [429, "1", "close"]));
    for (const room of rooms) room.release();
    const last = send(ndjson(view("two")), NDJSON, { "content-length": "150" });
    while (held.waiting === 0) await engine.clock.sleep();
    held.answer({ sequence: 1, duplicate: false });
    await accepted(await last);
    expect([engine.events.shed, engine.events.publications, engine.events.body_bytes]).toEqual([4, 0, 0]);
  });
});

describe("splitting", () => {
  const pieces = (body: string): string[] => elementsOf(encoder.encode(body)).map(({ bytes }) => new TextDecoder().decode(bytes));

  test("an array's elements are found in its text, whatever they hold", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { maxLength: 8 }), fc.constantFrom("", " ", "\n\t", "  "), (values, space) => {
        const texts = values.map((value) => JSON.stringify(value));
        expect(pieces(`${space}[${space}${texts.join(`${space},${space}`)}${space}]${space}`)).toEqual(texts);
        expect(pieces(JSON.stringify(values, null, 2)).map((text) => JSON.parse(text) as unknown)).toEqual(values.map((value) => JSON.parse(JSON.stringify(value)) as unknown));
      }),
    );
  });

  test("nesting as deep as the body allows is no event and no failure", async () => {
    const deep = 2_000_000;
    expect((await send(`[${"[".repeat(deep)}${"]".repeat(deep)}]`, JSON_TYPE)).status).toBe(422);
    expect((await send("[".repeat(deep), JSON_TYPE)).status).toBe(400);
  });

  test("lines end at newlines alone", () => {
    expect(linesOf(encoder.encode('{"a":"\u2028"}\n\n{"b":1}\r\n')).map(({ bytes }) => new TextDecoder().decode(bytes))).toEqual(['{"a":"\u2028"}', '{"b":1}']);
  });
});
