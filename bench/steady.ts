import { ownMemory } from "./own-memory.ts";
import { pacedLoad, startProducer } from "./processes.ts";
import { type BenchOptions, type BenchResult, type Figures, numberArg } from "./report.ts";

const CONNECTIONS = 100;
const RATE_PER_S = 2_000;
const QUICK_RATE_PER_S = 500;
const INGEST_PER_S = 1_000;
/** Before it caches fill and code is compiled. */
const WARMUP_SHARE = 0.2;
const PARTS = 10;

/** The same load for minutes: whether memory and latency stay as they are. */
export async function run(options: BenchOptions): Promise<BenchResult> {
  const minutes = numberArg(options, "minutes", options.quick ? 0.3 : 10);
  const rate = options.quick ? QUICK_RATE_PER_S : RATE_PER_S;
  const platform = await options.platform({ keys: true });
  try {
    const producer = await startProducer(platform.nats_url, INGEST_PER_S);
    try {
      const { url, key, courses, serve_pid } = platform;
      const calls = { url, path: "/optimize_price", bodies: "course", key, courses, connections: CONNECTIONS, rate } as const;
      await pacedLoad({ ...calls, seconds: minutes * 60 * WARMUP_SHARE, seed: 0 });
      const parts: Figures[] = [];
      let errors = 0;
      for (let part = 0; part < PARTS; part++) {
        const result = await pacedLoad({ ...calls, seconds: (minutes * 60) / PARTS, warmup_s: 0, seed: 1 + part });
        errors += result.errors + result.refused + result.unanswered;
        parts.push({ memory_mb: ownMemory(serve_pid), p99_ms: result.p99_ms, rps: result.rps });
      }
      return verdict(parts, errors, minutes, rate);
    } finally {
      producer.stop();
    }
  } finally {
    await platform.stop();
  }
}

function mean(parts: readonly Figures[], name: string): number {
  return parts.reduce((sum, part) => sum + (part[name] ?? 0), 0) / parts.length;
}

function verdict(parts: readonly Figures[], errors: number, minutes: number, rate: number): BenchResult {
  const third = Math.floor(PARTS / 3);
  const first = parts.slice(0, third);
  const last = parts.slice(-third);
  return {
    metrics: {
      minutes,
      memory_growth: mean(last, "memory_mb") / mean(first, "memory_mb") - 1,
      p99_first_ms: mean(first, "p99_ms"),
      p99_last_ms: mean(last, "p99_ms"),
      errors,
      parts,
    },
    check: `${PARTS}`,
    notes: [
      `${CONNECTIONS} connections, ${rate} requests a second, ${INGEST_PER_S} events a second, after ${WARMUP_SHARE * minutes} minutes of the same; first and last: means over a third of the time`,
      "memory: what is the serving process's own, mapped files left out",
    ],
    ...(errors > 0 ? { failure: `${errors} failed requests` } : {}),
  };
}
