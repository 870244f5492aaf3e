import { systemClock } from "../src/lib/clock.ts";
import { openApiDocument } from "../src/serving/docs/openapi.ts";
import { type DocumentedPaths, HostileRequests } from "../src/serving/hostile/hostile-requests.ts";
import { wrongWith } from "../src/serving/hostile/judge.ts";
import { malformed, requestBytes, sendBytes } from "../src/serving/hostile/raw-socket.ts";
import { HttpServer } from "../src/serving/http-server.ts";
import { registered } from "../src/serving/learners/testing.ts";
import { testArtifact, TestEngine } from "../src/serving/testing.ts";
import type { BenchOptions, BenchResult } from "./report.ts";

const SHOWN_MAX = 20;

/**
 * Requests made from the OpenAPI document to break what it describes: `requests` of them through the application in this process, `over_sockets` more as bytes
 * on connections of their own, and every list of bytes that is no request. `errors` counts whatever was answered wrongly, and whatever the engine logged as its own failure.
 */
export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const wrongs: string[] = [];
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: (fields: object) => void wrongs.push(`logged ${JSON.stringify(fields)}`) };
  const engine = new TestEngine({ logger: log });
  engine.clock.passing = true;
  engine.foldCatalogue();
  engine.fold(registered("l1"), registered("L000001"));
  engine.promote(testArtifact());
  await engine.models.check();
  const document = openApiDocument(engine.app.endpoints, { version: "0" }) as unknown as DocumentedPaths;
  const statuses: Record<string, number> = {};
  const count = (status: number): void => void (statuses[status] = (statuses[status] ?? 0) + 1);

  const inProcess = quick ? 2_000 : 20_000;
  const requests = new HostileRequests(document, "bench");
  let unsendable = 0;
  for (let i = 0; i < inProcess; ) {
    const hostile = requests.next();
    const { method, target, headers, body } = hostile;
    let request: Request;
    try {
      request = new Request(`http://localhost${target}`, { method, headers, ...(body === undefined || /^(get|head)$/i.test(method) ? {} : { body }) });
    } catch {
      unsendable++;
      continue;
    }
    i++;
    const response = await engine.app.request(request);
    count(response.status);
    const type = response.headers.get("content-type") ?? "";
    if (type === "text/event-stream") await response.body?.cancel();
    const text = type === "text/event-stream" ? "" : await response.text();
    const wrong = wrongWith(hostile, { status: response.status, type, text }, document);
    if (wrong !== undefined) wrongs.push(`${method} ${target.slice(0, 200)}: ${wrong}`);
  }

  const server = new HttpServer(engine.app, systemClock);
  const port = await server.listen("127.0.0.1", 0);
  const overSockets = quick ? 200 : 4_000;
  try {
    for (let i = 0; i < overSockets; i++) {
      const hostile = requests.next();
      const answer = await sendBytes(port, requestBytes(hostile));
      count(answer.status);
      // What is no HTTP is refused before anybody looks at what it asks for.
      const wrong = [0, 400, 408, 431].includes(answer.status) ? undefined : wrongWith(hostile, answer, document);
      if (wrong !== undefined) wrongs.push(`${hostile.method} ${hostile.target.slice(0, 200)}: ${wrong}`);
    }
    for (const bytes of malformed) {
      const { status } = await sendBytes(port, Buffer.from(bytes, "latin1"));
      if (status >= 500) wrongs.push(`${JSON.stringify(bytes.slice(0, 100))}: status ${status}`);
    }
  } finally {
    await server.drain();
  }
  for (const wrong of wrongs.slice(0, SHOWN_MAX)) console.log(`  ${wrong}`);
  return {
    metrics: { requests: inProcess, over_sockets: overSockets, malformed: malformed.length, errors: wrongs.length, answered_200: statuses["200"] ?? 0 },
    check: JSON.stringify([inProcess, overSockets, unsendable]),
    notes: [
      `Answers by status: ${Object.entries(statuses).map(([status, times]) => `${status === "0" ? "none" : status} ${times}`).join(", ")}.`,
      `${unsendable} more could not be sent in this process: the platform's own Request refuses them.`,
      "The store is in memory and the broker simulated: a broker that fails under a hostile request is not part of it.",
    ],
    ...(wrongs.length > 0 ? { failure: `${wrongs.length} requests were answered wrongly` } : {}),
  };
}
