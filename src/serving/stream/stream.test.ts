import * as fc from "fast-check";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { streamEventSchema } from "../../contracts/live-stream.ts";
import { problemSchema } from "../../contracts/problem.ts";
import { STREAM_CONTROL, STREAM_QUOTES, STREAM_SIGNALS } from "../../contracts/subjects.ts";
import { TestEngine } from "../testing.ts";
import { parsePositions, positionsText } from "./positions.ts";
import { BUFFER_BYTES_MAX, STALLED_MS } from "./stream-client.ts";
import { STREAM_CLIENTS_MAX } from "./stream-hub.ts";
import { SentEvents } from "./testing.ts";

let engine: TestEngine;

beforeEach(() => {
  engine = new TestEngine();
  engine.foldCatalogue();
});

async function listen(query = "", headers: Readonly<Record<string, string>> = {}): Promise<SentEvents> {
  const response = await engine.app.request(`/stream${query}`, { headers });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  return new SentEvents(response.body!);
}

const decision = (course_id: string): object => ({ id: "d1", kind: "course", decided_at: "2026-03-01T12:00:00Z", optimal_price: 110, inputs: { course_id, current_price: 100, policy_version: "default-1", features: "x".repeat(500), degraded: [] } });

describe("topics", () => {
  test("each message goes to those that listen to its topic, with what it says", async () => {
    const last = engine.sequence;
    const listener = await listen("?topics=decisions,models,segments");
    expect(await listener.next()).toEqual({ name: "ready", id: `C${last}.S${last}.Q${last}`, data: { topics: ["decisions", "models", "segments"] } });
    engine.broker.deliver(STREAM_CONTROL, "control.policy.default", 901, { type: "policy.activated" });
    engine.broker.deliver(STREAM_CONTROL, "control.key.k1", 902, { type: "key.created", hash: "secret" });
    engine.broker.deliver(STREAM_CONTROL, "control.model.elasticity", 903, { type: "model.promoted", version: "v2" });
    engine.broker.deliver(STREAM_QUOTES, "quotes.course.c1", 904, decision("c1"));
    engine.broker.deliver(STREAM_QUOTES, "quotes.course.c2", 905, "no JSON");
    engine.broker.deliver(STREAM_SIGNALS, "signals.segment.l1", 906, '{\n "type": "segment.changed",\n "to": "hot" }');
    const [model, quote, segment] = [await listener.next(), await listener.next(), await listener.next()];
    expect(model).toMatchObject({ name: "models", id: `C903.S${last}.Q${last}`, data: { sequence: 903, data: { version: "v2" } } });
    expect(quote).toMatchObject({ name: "decisions", data: { subject: "quotes.course.c1", data: { quote_id: "d1", course_id: "c1", optimal_price: 110, policy: "default-1" } } });
    expect(JSON.stringify(quote)).not.toContain("xxx");
    expect(segment).toMatchObject({ name: "segments", id: "C903.S906.Q905", data: { data: { to: "hot" } } });
    for (const event of [model, quote, segment]) streamEventSchema.strict().parse(event?.data);
  });

  test("a message is read once, however many are told of it", async () => {
    const listeners = await Promise.all([listen("?topics=models"), listen("?topics=models"), listen("?topics=models,segments")]);
    for (const listener of listeners) await listener.next();
    const parse = vi.spyOn(JSON, "parse");
    engine.broker.deliver(STREAM_CONTROL, "control.model.elasticity", 903, { type: "model.promoted", version: "v2" });
    expect(parse).toHaveBeenCalledTimes(1);
    parse.mockRestore();
    const last = engine.sequence;
    const events = await Promise.all(listeners.map((listener) => listener.next()));
    for (const event of events) expect(event).toMatchObject({ name: "models", data: { sequence: 903, data: { version: "v2" } } });
    expect(events.map((event) => event?.id)).toEqual(["C903", "C903", `C903.S${last}`]);
  });

  test("decisions and prices of one course", async () => {
    const listener = await listen("?topics=decisions,prices&course_id=c2");
    await listener.next();
    for (const course of ["c1", "c2", "c22"]) {
      engine.broker.deliver(STREAM_QUOTES, `quotes.course.${course}`, 700, decision(course));
      engine.broker.deliver(STREAM_CONTROL, `control.price.${course}`, 701, { type: "price.accepted", course_id: course });
    }
    expect(await listener.next()).toMatchObject({ data: { subject: "quotes.course.c2" } });
    expect(await listener.next()).toMatchObject({ data: { subject: "control.price.c2" } });
    engine.stream.close();
    expect((await listener.next())?.name).toBe("closing");
    expect(await listener.next()).toBeUndefined();
  });

  test.each(["?topics=", "?topics=prices,", "?topics=everything", "?topics=__proto__", "?course_id=a.b", "?after=x", "?after=C1.C2", "?after=C-1", `?topics=${"prices,".repeat(50)}`])("%s is refused", async (query) => {
    const response = await engine.app.request(`/stream${query}`);
    expect(response.status).toBe(422);
    expect(problemSchema.strict().parse(await response.json()).code).toBe("invalid_field");
  });
});

describe("positions", () => {
  test("an id is read back as it was written, and no other text is", () => {
    const position = fc.option(fc.nat({ max: 1e15 - 1 }), { nil: undefined });
    fc.assert(
      fc.property(position, position, position, (control, signals, quotes) => {
        const positions = new Map([[STREAM_CONTROL, control], [STREAM_SIGNALS, signals], [STREAM_QUOTES, quotes]].flatMap(([stream, sequence]) => (sequence === undefined ? [] : [[stream as string, sequence as number] as const])));
        expect(parsePositions(positionsText(positions))).toEqual(positions.size === 0 ? undefined : positions);
      }),
      { seed: 3 },
    );
    fc.assert(fc.property(fc.string(), (text) => fc.pre(!/^[CSQ]\d+(\.[CSQ]\d+)*$/.test(text)) ?? parsePositions(text) === undefined), { seed: 3 });
  });

  test("what is not kept any more, or never was, is said", async () => {
    engine.broker.stream = { created: "x", first_sequence: 50, last_sequence: 60, messages: 11, bytes: 0 };
    const old = await listen("?topics=models", { "last-event-id": "C10.S3" });
    expect(await old.next()).toMatchObject({ name: "ready", id: "C49" });
    expect(await old.next()).toMatchObject({ name: "gap", data: { stream: STREAM_CONTROL, after: 10, next: 50 } });
    const ahead = await listen("?topics=models&after=C1000");
    expect(await ahead.next()).toMatchObject({ name: "ready", id: "C60" });
    expect(await ahead.next()).toMatchObject({ name: "gap", data: { after: 1000, next: 61 } });
    const kept = await listen("?topics=models&after=C55");
    expect(await kept.next()).toMatchObject({ name: "ready", id: "C55" });
    engine.broker.deliver(STREAM_CONTROL, "control.model.elasticity", 61, { version: "v2" });
    expect(await kept.next()).toMatchObject({ name: "models", id: "C61" });
  });
});

describe("limits", () => {
  const big = (sequence: number): void => engine.broker.deliver(STREAM_CONTROL, "control.model.elasticity", sequence, { filler: "x".repeat(100_000) });

  test("nothing more is asked for a client that does not read, until it does", async () => {
    const listener = await listen("?topics=models");
    await listener.next();
    const consumers = (): number => engine.broker.consumers(STREAM_CONTROL);
    expect(consumers()).toBe(1);
    for (let i = 0; i < 3 && consumers() > 0; i++) big(1_000 + i);
    expect(consumers()).toBe(0);
    for (let read = 0; consumers() === 0 && read < 5; read++) expect((await listener.next())?.name).toBe("models");
    expect(consumers()).toBe(1);
  });

  test("one that reads nothing for long, or has too much waiting, is dropped, and told so", async () => {
    const stalled = await listen("?topics=models");
    big(1_000);
    engine.stream.beat();
    engine.clock.time_ms += STALLED_MS + 1;
    engine.stream.beat();
    expect(engine.stream.clients).toBe(0);
    const names: (string | undefined)[] = [];
    for (let event = await stalled.next(); event !== undefined; event = await stalled.next()) names.push(event.name);
    expect(names).toEqual(["ready", "models", "dropped"]);
    // A broker that had a whole answer under way when it was paused.
    const flooded = await listen("?topics=models");
    const { consume } = engine.broker;
    engine.broker.consume = async (stream, options, onMessage) => ({ ...(await consume.call(engine.broker, stream, options, onMessage)), pause: () => undefined });
    const other = await listen("?topics=models");
    for (let i = 0; i < BUFFER_BYTES_MAX / 100_000 + 2; i++) big(2_000 + i);
    expect(engine.stream.dropped).toBe(2);
    expect(engine.stream.clients).toBe(1);
    await Promise.all([flooded.cancel(), other.cancel()]);
  });

  test("one that went away, or asked for the headers alone, leaves nothing behind", async () => {
    expect((await engine.app.request("/stream", { method: "HEAD" })).headers.get("content-type")).toBe("text/event-stream");
    expect(engine.stream.clients).toBe(0);
    const listener = await listen("?topics=models,segments");
    expect(engine.stream.clients).toBe(1);
    await listener.cancel();
    expect(engine.stream.clients).toBe(0);
    expect(engine.broker.consumers(STREAM_CONTROL) + engine.broker.consumers(STREAM_SIGNALS)).toBe(0);
    engine.broker.deliver(STREAM_CONTROL, "control.model.elasticity", 1, {});
    engine.stream.beat();
  });

  test("so many clients, and no more; without a broker none", async () => {
    const listeners = await Promise.all(Array.from({ length: STREAM_CLIENTS_MAX + 3 }, () => engine.app.request("/stream")));
    expect(listeners.filter(({ status }) => status === 200)).toHaveLength(STREAM_CLIENTS_MAX);
    expect(listeners.filter(({ status }) => status === 503)).toHaveLength(3);
    expect(listeners.find(({ status }) => status === 503)?.headers.get("retry-after")).toBe("2");
    expect(engine.stream.refused).toBe(3);
    await listeners[0]!.body!.cancel();
    engine.broker.connected = false;
    expect(problemSchema.parse(await (await engine.app.request("/stream")).json()).code).toBe("broker_unavailable");
    engine.broker.connected = true;
    engine.stream.close();
    expect(engine.stream.clients).toBe(0);
    expect(problemSchema.parse(await (await engine.app.request("/stream")).json()).code).toBe("draining");
  });
});
