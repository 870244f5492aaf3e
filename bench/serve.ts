import type { LoadOptions } from "./children/load-options.ts";
import { type Platform, startPlatform } from "./platform.ts";
import { load, type LoadResult, startBareHono, startProducer } from "./processes.ts";
import { decisionShare } from "./quotes.ts";
import type { BenchOptions, BenchResult } from "./report.ts";
import { median } from "./stats.ts";

const CONNECTIONS = 64;
const INGEST_PER_S = 5_000;
const FIXED_RATE = 10_000;

/** The price call over the bare framework's echo, in turn, both while events stream in and are folded. */
export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const platform = await startPlatform(quick);
  try {
    const bare = await startBareHono();
    const producer = await startProducer(platform.nats_url, INGEST_PER_S);
    try {
      return await measure(platform, bare.url, producer.rate_per_s, quick);
    } finally {
      producer.stop();
      bare.stop();
    }
  } finally {
    await platform.stop();
  }
}

async function measure(platform: Platform, bareUrl: string, producerRate: () => number, quick: boolean): Promise<BenchResult> {
  const seconds = quick ? 2 : 10;
  const rounds = quick ? 2 : 5;
  let seed = 0;
  const results: LoadResult[] = [];
  const call = async (target: "bare" | "engine", bodies: LoadOptions["bodies"], path: string, rate = 0): Promise<LoadResult> => {
    const url = target === "bare" ? bareUrl : platform.url;
    const result = await load({ url, path, bodies, rate, seconds, connections: CONNECTIONS, courses: platform.courses, seed: seed++ });
    results.push(result);
    return result;
  };

  const ratios: Record<"optimize" | "predict" | "unique", number[]> = { optimize: [], predict: [], unique: [] };
  const bare_rps: number[] = [];
  const optimize_rps: number[] = [];
  if (!quick) await call("bare", "course", "/");
  await call("engine", "course", "/optimize_price");
  for (let round = 0; round < rounds; round++) {
    const bare = await call("bare", "course", "/");
    const optimize = await call("engine", "course", "/optimize_price");
    bare_rps.push(bare.rps);
    optimize_rps.push(optimize.rps);
    ratios.optimize.push(optimize.rps / bare.rps);
    if (round < (quick ? 1 : 2)) {
      const barePredict = await call("bare", "predict", "/");
      const predict = await call("engine", "predict", "/predict_enrollments");
      ratios.predict.push(predict.rps / barePredict.rps);
      const unique = await call("engine", "unique", "/predict_enrollments");
      ratios.unique.push(unique.rps / barePredict.rps);
    }
  }
  const fixed = await call("engine", "course", "/optimize_price", FIXED_RATE);
  const errors = results.reduce((sum, result) => sum + result.errors, 0);
  const share = await decisionShare(platform);

  return {
    metrics: {
      bare_hono_rps: median(bare_rps),
      optimize_rps: median(optimize_rps),
      optimize_ratio: median(ratios.optimize),
      optimize_p50_ms: fixed.p50_ms,
      optimize_p99_ms: fixed.p99_ms,
      fixed_rate_rps: fixed.rps,
      predict_ratio: median(ratios.predict),
      predict_unique_ratio: median(ratios.unique),
      personalized_locked_ratio: { unavailable: "POST /personalized_pricing does not exist yet" },
      personalized_new_ratio: { unavailable: "POST /personalized_pricing does not exist yet" },
      batch_prices_per_s: { unavailable: "POST /price_batch does not exist yet" },
      fastapi_ratio: { unavailable: "the reference stack is not part of this bench yet" },
      errors,
      quotes_logged_share: share.share,
      decisions: share.decisions,
      ingest_events_per_s: producerRate(),
    },
    check: `${platform.courses}`,
    notes: [
      `autocannon, ${CONNECTIONS} connections, ${seconds} s a run, ${rounds} rounds in turn (${quick ? 1 : 2} of predictions); one serving worker, metrics on, no API keys yet; courses uniform over all ${platform.courses}`,
      "load generator, nats-server, ingest and producer share the cores with both servers; latency is measured by autocannon in whole milliseconds",
    ],
    ...(errors > 0 ? { failure: `${errors} failed requests` } : {}),
  };
}
