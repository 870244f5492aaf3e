import { getEventListeners } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { afterEach, expect, test } from "vitest";
import { silentLogger } from "../lib/log.ts";
import { EngineClient } from "./engine-client.ts";

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function client(answer: RequestListener): Promise<EngineClient> {
  const started = createServer((request, response) => request.resume().once("end", () => answer(request, response)));
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  const address = started.address();
  return new EngineClient(`http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`, silentLogger);
}

/** What the run's signal holds on to: listeners, and the set of dependent signals that AbortSignal.any keeps on it. */
function keptBy(signal: AbortSignal): number {
  const own = Object.getOwnPropertySymbols(signal).map((key): unknown => Reflect.get(signal, key));
  const sizes = own.map((value) => (typeof value === "object" && value !== null && "size" in value ? Number(value.size) : 0));
  return getEventListeners(signal, "abort").length + sizes.reduce((sum, size) => sum + size, 0);
}

test("a quote leaves nothing behind on the signal of the run, however it ends", async () => {
  const { signal } = new AbortController();
  let answers = 0;
  const engine = await client((_request, response) => {
    if (answers++ % 2 === 0) response.end('{"quote_id":"q","optimal_price":5,"current_price":4}');
    else response.writeHead(503).end("{}");
  });
  for (let i = 0; i < 4; i++) await engine.quote("C00001", signal);
  expect(engine).toMatchObject({ answered: 2, failed: 2 });
  expect(keptBy(signal)).toBe(0);
});

test("the end of the run ends a request under way, which counts as no failure", async () => {
  const stop = new AbortController();
  const engine = await client(() => stop.abort());
  expect(await engine.quote("C00001", stop.signal)).toBeUndefined();
  expect(await engine.quote("C00001", stop.signal)).toBeUndefined();
  expect(engine).toMatchObject({ answered: 0, failed: 0 });
});
