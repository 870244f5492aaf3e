import { beforeEach, expect, test } from "vitest";
import { systemClock } from "../../lib/clock.ts";
import { openApiDocument } from "../docs/openapi.ts";
import { HttpServer } from "../http-server.ts";
import { registered } from "../learners/testing.ts";
import { testArtifact, TestEngine } from "../testing.ts";
import { type DocumentedPaths, type HostileRequest, HostileRequests } from "./hostile-requests.ts";
import { wrongWith } from "./judge.ts";
import { malformed, requestBytes, sendBytes } from "./raw-socket.ts";

const REQUESTS = 2_500;
const OVER_SOCKETS = 300;

/** undefined: the platform's own Request does not take it, so that it never gets to the engine. */
async function send(engine: TestEngine, { method, target, headers, body }: HostileRequest): Promise<Response | undefined> {
  let request: Request;
  try {
    request = new Request(`http://localhost${target}`, { method, headers, ...(body === undefined || /^(get|head)$/i.test(method) ? {} : { body }) });
  } catch {
    return undefined;
  }
  return engine.app.request(request);
}

const failures: object[] = [];
const logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: (fields: object) => void failures.push(fields) };
let engine: TestEngine;

beforeEach(async () => {
  failures.length = 0;
  engine = new TestEngine({ logger });
  engine.clock.passing = true;
  engine.foldCatalogue();
  engine.fold(registered("l1"), registered("L000001"));
  engine.promote(testArtifact());
  await engine.models.check();
});

test("whatever is sent to whatever the document names is answered or refused, and the engine goes on", async () => {
  const document = openApiDocument(engine.app.endpoints, { version: "0" }) as unknown as DocumentedPaths;
  const requests = new HostileRequests(document, "hostile");
  const statuses = new Map<number, number>();
  for (let i = 0; i < REQUESTS; i++) {
    const request = requests.next();
    const { method, target, headers, body } = request;
    const response = await send(engine, request);
    if (response === undefined) continue;
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    const type = response.headers.get("content-type") ?? "";
    if (type === "text/event-stream") await response.body?.cancel();
    const text = type === "text/event-stream" ? "" : await response.text();
    const wrong = wrongWith(request, { status: response.status, type, text }, document);
    expect(wrong, `${i}: ${method} ${target.slice(0, 200)} ${JSON.stringify(headers).slice(0, 300)} ${new TextDecoder().decode(body).slice(0, 500)}`).toBeUndefined();
  }
  expect(failures).toEqual([]);
  expect(({} as Record<string, unknown>)["admin"]).toBeUndefined();
  // A fuzz that is refused at the door tests the door alone.
  expect(statuses.get(200) ?? 0).toBeGreaterThan(REQUESTS / 10);
  expect(statuses.get(422) ?? 0).toBeGreaterThan(REQUESTS / 20);
  expect([...statuses.keys()].toSorted()).toEqual(expect.arrayContaining([200, 400, 404, 405, 413, 415, 422]));
  expect((await engine.post("/optimize_price", { course_id: "c1" })).status).toBe(200);
}, 120_000);

test("over sockets, too: hostile requests, and bytes that are none", async () => {
  const server = new HttpServer(engine.app, systemClock);
  const port = await server.listen("127.0.0.1", 0);
  const price = '{"course_id":"c1"}';
  try {
    const document = openApiDocument(engine.app.endpoints, { version: "0" }) as unknown as DocumentedPaths;
    const requests = new HostileRequests(document, "sockets");
    let priced = 0;
    for (let i = 0; i < OVER_SOCKETS; i++) {
      const request = requests.next();
      const answer = await sendBytes(port, requestBytes(request));
      // What is no HTTP is refused before anybody looks at what it asks for.
      const atTheDoor = [0, 400, 408, 431].includes(answer.status);
      const wrong = atTheDoor ? undefined : wrongWith(request, answer, document);
      expect(wrong, `${i}: ${requestBytes(request).toString("latin1").slice(0, 500)}`).toBeUndefined();
      if (answer.status === 200) priced++;
    }
    for (const bytes of malformed) {
      const { status, text } = await sendBytes(port, Buffer.from(bytes, "latin1"));
      expect(status, bytes.slice(0, 200)).toBeLessThan(500);
      expect(text, bytes.slice(0, 200)).not.toMatch(/\n\s+at |nodejs|process_/);
    }
    expect(priced).toBeGreaterThan(OVER_SOCKETS / 10);
    expect(failures).toEqual([]);
    expect((await sendBytes(port, Buffer.from(`POST /optimize_price HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${price.length}\r\n\r\n${price}`))).status).toBe(200);
  } finally {
    await server.drain();
  }
}, 120_000);
