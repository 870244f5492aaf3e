import { once } from "node:events";
import { Agent, request } from "node:http";
import type { ClientRequest, IncomingHttpHeaders } from "node:http";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Hono } from "hono";
import { systemClock } from "../lib/clock.ts";
import { EVENT_BATCH_BYTES_MAX } from "../contracts/event-batch.ts";
import { problemSchema } from "../contracts/problem.ts";
import { formatTime } from "../lib/time.ts";
import { BODIES_BYTES_MAX } from "./event-intake.ts";
import { HttpServer } from "./http-server.ts";
import { START_MS, TestEngine } from "./testing.ts";

let engine: TestEngine;
let server: HttpServer;
let port: number;
let drained: Promise<void> | undefined;

const drain = (): Promise<void> => (drained ??= server.drain());

beforeEach(async () => {
  engine = new TestEngine();
  engine.foldCatalogue();
  drained = undefined;
  server = new HttpServer(engine.app, systemClock);
  port = await server.listen("127.0.0.1", 0);
});

afterEach(() => drain());

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Once a later connection is answered, the server has taken the ones before it: it accepts them in order. */
async function underWay(written: Promise<void>): Promise<void> {
  await written;
  expect((await price(new Agent())).status).toBe(200);
}

function send(agent: Agent, path: string, write: (sent: ClientRequest) => void): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: "127.0.0.1", path, method: "POST", agent, headers: { "content-type": "application/json" } }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }), reject);
    });
    sent.on("error", reject);
    write(sent);
  });
}

const price = (agent: Agent): Promise<Answer> => send(agent, "/optimize_price", (sent) => sent.end('{"course_id":"c1"}'));

/** What a bare socket gets for `bytes`. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    socket.on("data", (chunk) => (got += chunk.toString()));
    socket.on("close", () => resolve(got));
    socket.on("error", reject);
  });
}

function problemIn(answer: string): unknown {
  expect(answer).toMatch(/content-type: application\/problem\+json/i);
  return problemSchema.parse(JSON.parse(answer.slice(answer.indexOf("{"))));
}

describe("over a real socket", () => {
  test("a price, in one piece with its length and its headers", async () => {
    const { status, headers, body } = await price(new Agent());
    expect(status).toBe(200);
    expect(headers).toMatchObject({ "content-type": "application/json", "x-content-type-options": "nosniff", "content-length": String(Buffer.byteLength(body)) });
    expect(headers["transfer-encoding"]).toBeUndefined();
  });

  test("a body with its length is answered as one without, which the framework itself reads", async () => {
    const bodies: readonly (string | Buffer)[] = [
      '{"course_id":"c1"}',
      '{ "course_id": "c1", "current_price": 90 }',
      '{"course_id":"c1","course_id":"c2"}',
      '\ufeff{"course_id":"c1"}',
      '{"course_id":"nobody"}',
      '{"course_id":"c\u0031"}',
      '{"course_id":"é"}',
      '{"course_features":{"category":"programming","base_price":90}}',
      '{"__proto__":{"course_id":"c1"}}',
      "{}",
      "[]",
      "null",
      "",
      '{"course_id":',
      Buffer.from([0x7b, 0xff, 0xfe, 0x7d]),
    ];
    const agent = new Agent();
    for (const path of ["/optimize_price", "/predict_enrollments", "/propensity_batch", "/nothing"]) {
      for (const body of bodies) {
        const plain = ({ status, headers: { date: _date, ...headers }, body: text }: Answer): object => ({ status, headers, text: text.replace(/"freshness_ms":\d+/, "") });
        const whole = await send(agent, path, (sent) => sent.setHeader("x-request-id", "r-1").setHeader("content-length", Buffer.byteLength(body)).end(body));
        const chunked = await send(agent, path, (sent) => {
          sent.setHeader("x-request-id", "r-1");
          sent.write(body);
          sent.end();
        });
        expect(plain(whole), `${path} ${body.toString()}`).toEqual(plain(chunked));
        expect(whole.headers["x-request-id"]).toBe("r-1");
      }
    }
  });

  test("a megabyte is refused with and without its length, and the next call is answered", async () => {
    const mebibyte = Buffer.alloc(1024 * 1024, 32);
    const agent = new Agent();
    const declared = await send(agent, "/optimize_price", (sent) => sent.setHeader("content-length", mebibyte.length).end(mebibyte));
    expect(declared).toMatchObject({ status: 413, headers: { connection: "close" } });
    const chunked = await send(agent, "/predict_enrollments", (sent) => {
      for (let i = 0; i < 9; i++) sent.write(mebibyte.subarray(0, 8 * 1024));
      sent.end();
    });
    expect(chunked.status).toBe(413);
    expect((await price(agent)).status).toBe(200);
  });

  test("what is not HTTP, or names no valid host, gets a problem and no more", async () => {
    expect(problemIn(await raw("HELO there\r\n\r\n"))).toMatchObject({ status: 400, code: "invalid_request" });
    expect(problemIn(await raw("GET / HTTP/1.1\r\nhost: a b/c\r\nconnection: close\r\n\r\n"))).toMatchObject({ status: 400, code: "invalid_request" });
    const long = await raw(`GET / HTTP/1.1\r\nhost: x\r\nlong: ${"x".repeat(20_000)}\r\n\r\n`);
    expect(long).toMatch(/^HTTP\/1.1 431 Request Header Fields Too Large\r\n/);
    expect(problemIn(long)).toMatchObject({ status: 431, code: "headers_too_large" });
  });

  test("an expectation that nobody knows does not keep a call from its answer", async () => {
    const body = '{"course_id":"nobody"}';
    const answer = await raw(`POST /optimize_price HTTP/1.1\r\nhost: x\r\nexpect: the-best\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    expect(problemIn(answer)).toMatchObject({ status: 404, code: "unknown_course" });
  });

  test("a connection beyond the limit is closed and counted, and those before it are served", async () => {
    const small = new HttpServer(engine.app, systemClock, { connections_max: 1 });
    const at = await small.listen("127.0.0.1", 0);
    engine.metrics.watchServer(small);
    const first = connect(at, "127.0.0.1");
    await once(first, "connect");
    const second = connect(at, "127.0.0.1");
    await once(second, "close");
    expect(small.refused).toBe(1);
    first.write("GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    expect(await text(first)).toMatch(/tidemark_http_connections_refused_total 1\n/);
    await small.drain();
  });

  test("a taken port is said clearly", async () => {
    const second = new HttpServer(new Hono(), systemClock);
    await expect(second.listen("127.0.0.1", port)).rejects.toMatchObject({ code: "address_in_use" });
  });
});

describe("bodies that come slowly or not at all", () => {
  const event = JSON.stringify({ id: "e", type: "exposure.viewed", time: formatTime(START_MS), course_id: "c1", learner_id: "l1", price: 30 });
  const head = (path: string, length: string, type: string): string => `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\n${length}\r\n\r\n`;
  const CHUNKED = "transfer-encoding: chunked";

  /** Begins requests whose bodies do not end. */
  async function begin(path: string, type: string, lengths: readonly string[]): Promise<Socket[]> {
    return Promise.all(
      lengths.map(async (length) => {
        const socket = connect(port, "127.0.0.1");
        await once(socket, "connect");
        socket.write(`${head(path, length, type)}${length.startsWith("content") ? "" : "5\r\n"}{"id"`);
        return socket;
      }),
    );
  }

  test("keep nobody else from sending events", async () => {
    const slow = await begin("/events", "application/x-ndjson", Array.from({ length: 4 * (BODIES_BYTES_MAX / EVENT_BATCH_BYTES_MAX) }, (_, i) => (i % 2 === 0 ? CHUNKED : `content-length: ${EVENT_BATCH_BYTES_MAX}`)));
    while (engine.events.body_bytes < 5 * slow.length) await systemClock.sleep(1);
    const answer = await raw(`${head("/events", `content-length: ${event.length}\r\nconnection: close`, "application/x-ndjson")}${event}`);
    expect(answer).toMatch(/^HTTP\/1.1 200 OK/);
    for (const socket of slow) socket.destroy();
    while (engine.events.body_bytes > 0) await systemClock.sleep(1);
  });

  test.each([
    ["/events", "application/x-ndjson"],
    ["/optimize_price", "application/json"],
  ])("are no failure of the engine when the client goes away: %s", async (path, type) => {
    const lengths = [CHUNKED, "content-length: 100", "content-length: 50000"];
    const gone = await begin(path, type, lengths);
    await underWay(Promise.resolve());
    for (const socket of gone) socket.destroy();
    const told = async (): Promise<string> => (await engine.app.request("/metrics")).text();
    await vi.waitFor(async () => expect(await told()).toContain(`count{method="POST",route="${path}",status="400"} ${lengths.length}`));
    expect(await told()).not.toContain('status="500"');
  });
});

describe("draining", () => {
  test("finishes what is in flight, closes every connection by its answer, then refuses new ones", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    expect((await price(agent)).headers.connection).toBe("keep-alive");
    // Half a body is under way when the end is asked for.
    let finish = (): void => undefined;
    let slow: Promise<Answer> | undefined;
    const written = new Promise<void>((resolve) => {
      slow = send(agent, "/optimize_price", (sent) => {
        sent.write('{"course_id":', () => resolve());
        finish = () => void sent.end('"c1"}');
      });
    });
    await underWay(written);
    const ended = drain();
    const during = await price(agent);
    expect(during).toMatchObject({ status: 200, headers: { connection: "close" } });
    finish();
    expect(await slow).toMatchObject({ status: 200, headers: { connection: "close" } });
    await ended;
    await expect(price(agent)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("does not wait for ever for a client that does not finish", async () => {
    let failed: Promise<string> | undefined;
    const written = new Promise<void>((resolve) => {
      failed = send(new Agent(), "/optimize_price", (sent) => void sent.write("{", () => resolve())).then(
        () => "answered",
        () => "cut",
      );
    });
    await underWay(written);
    await drain();
    expect(await failed).toBe("cut");
  });
});
