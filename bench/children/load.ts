/** One autocannon run: every connection sends its next request when its last is answered. */
import autocannon from "autocannon";
import { must } from "../../src/lib/assert.ts";
import { answer } from "../child.ts";
import { headersOf } from "../roles.ts";
import type { LoadOptions } from "./load-options.ts";
import { RequestBodies } from "./request-bodies.ts";

const options = JSON.parse(must(process.argv[2], "options")) as LoadOptions;
/** Requests of one connection, in turn; few, because encoding them holds up the first moments of a run. */
const REQUESTS = 32;
/** Not counted: the load generator's own compilation would show as the server's latency. */
const WARMUP_S = 1;
/** Of latencies of answered requests, in tenths of a millisecond; the last holds all beyond. */
const LATENCIES = 20_000;

const good_latencies = new Int32Array(LATENCIES);

function run(seconds: number): Promise<autocannon.Result> {
  const bodies = new RequestBodies(options);
  const request = { method: "POST" as const, path: options.path, headers: headersOf(options.key) };
  good_latencies.fill(0);
  return new Promise((resolve, reject) => {
    const instance = autocannon(
      {
        url: options.url,
        connections: options.connections,
        duration: seconds,
        setupClient: (client) => {
          if (bodies.made_anew) client.setRequests([{ ...request, setupRequest: (sent) => ({ ...sent, body: bodies.next() }) }]);
          else client.setRequests(Array.from({ length: REQUESTS }, () => ({ ...request, body: bodies.next() })));
        },
      },
      (error: Error | null, result) => {
        if (error === null) resolve(result);
        else reject(error);
      },
    );
    instance.on("response", (_client, status, _bytes, latency_ms) => {
      if (status < 300) good_latencies[Math.min(LATENCIES - 1, Math.round(latency_ms * 10))]!++;
    });
  });
}

function goodQuantile(q: number): number {
  const total = good_latencies.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  return good_latencies.findIndex((count) => (seen += count) >= q * total) / 10;
}

const warmup_s = options.warmup_s ?? WARMUP_S;
if (warmup_s > 0) await run(warmup_s);
const result = await run(options.seconds);
const good = result["2xx"];
const failed: Record<string, number> = { ...(result.errors > 0 ? { broken: result.errors } : {}), ...(result.timeouts > 0 ? { timeout: result.timeouts } : {}) };
for (const [status, { count }] of Object.entries(result.statusCodeStats ?? {})) if (!status.startsWith("2")) failed[status] = count ?? 0;
answer({
  rps: result.requests.average,
  total: result.requests.total,
  p50_ms: result.latency.p50,
  p99_ms: result.latency.p99,
  good_rps: good / result.duration,
  good_p50_ms: goodQuantile(0.5),
  good_p99_ms: goodQuantile(0.99),
  refused: result.statusCodeStats?.["503"]?.count ?? 0,
  errors: result.errors + result.timeouts + result.non2xx,
  failed,
  ended_ms: Date.now(),
});
