import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { expect, test } from "vitest";
import { silentLogger } from "../lib/log.ts";
import { TestEngine } from "./testing.ts";
import { startTracing } from "./tracing.ts";

interface SentSpan {
  readonly name: string;
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string; readonly intValue?: number } }[];
  readonly status: { readonly code?: number };
}
interface Export {
  readonly resourceSpans: readonly { readonly resource: { readonly attributes: SentSpan["attributes"] }; readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[] }[];
}

test("a collector gets a span of every request, below the one that asked", async () => {
  const exports: Export[] = [];
  const collector = createServer((request, response) => {
    void json(request).then((body) => {
      exports.push(body as Export);
      response.end("{}");
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  const tracing = await startTracing(`http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`, "1.2.3");
  const engine = new TestEngine({ tracing });
  engine.foldCatalogue();
  const trace = "0af7651916cd43dd8448eb211c80319c";
  await engine.app.request("/courses/c1", { headers: { traceparent: `00-${trace}-b7ad6b7169203331-01`, "x-request-id": "r1" } });
  await engine.app.request("/courses/nobody", { headers: { traceparent: "00-nonsense" } });
  engine.features.current!.reader.courseSequence = () => {
    throw new Error("broken");
  };
  expect((await engine.post("/optimize_price", { course_id: "c1" })).status).toBe(500);
  await tracing.stop();
  collector.close();
  const spans = exports.flatMap(({ resourceSpans }) => resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
  const attribute = (span: SentSpan | undefined, key: string): string | number | undefined => {
    const value = span?.attributes.find((one) => one.key === key)?.value;
    return value?.stringValue ?? value?.intValue;
  };
  expect(spans.map(({ name, status, ...span }) => [name, attribute({ name, status, ...span }, "http.response.status_code"), status.code ?? 0])).toEqual([
    ["GET /courses/:id", 200, 0],
    ["GET /courses/:id", 404, 0],
    ["POST /optimize_price", 500, 2],
  ]);
  expect(spans[0]).toMatchObject({ traceId: trace, parentSpanId: "b7ad6b7169203331" });
  expect(attribute(spans[0], "http.request.header.x-request-id")).toBe("r1");
  expect(spans[1]?.parentSpanId).toBeUndefined();
  expect(exports[0]?.resourceSpans[0]?.resource.attributes).toContainEqual({ key: "service.name", value: { stringValue: "tidemark-serve" } });
});

test("a line a request, only where it is asked for", async () => {
  const lines: object[] = [];
  const engine = new TestEngine({ request_log: { ...silentLogger, debug: (fields) => void lines.push(fields) } });
  engine.foldCatalogue();
  await engine.app.request("/courses/c1", { headers: { "x-request-id": "r1" } });
  await engine.post("/optimize_price", { course_id: "nobody" });
  expect(lines).toMatchObject([
    { request_id: "r1", method: "GET", route: "/courses/:id", path: "/courses/c1", status: 200 },
    { request_id: expect.stringMatching(/^[0-9a-f-]{36}$/), route: "/optimize_price", status: 404, code: "unknown_course" },
  ]);
});
