import { systemClock } from "../src/lib/clock.ts";
import type { Platform } from "./platform.ts";
import { Probe } from "./probe.ts";
import { load, type LoadResult } from "./processes.ts";
import type { BenchOptions, BenchResult } from "./report.ts";

const CONNECTIONS = 64;
const TIMES = 3;
/** Far more than anybody's pool: what is admitted is then a fraction of what waits. */
const FLOOD_CONNECTIONS = 512;
/** Answers of a process that has recovered. */
const CALM_MS = 25;
const AFTER_S = 3;

/** Three times the load that the engine can answer: how much of it is answered all the same, how fast, and how soon afterwards everything is as before. */
export async function run({ quick, platform: start }: BenchOptions): Promise<BenchResult> {
  const platform = await start({ keys: true });
  try {
    return await measure(platform, quick);
  } finally {
    await platform.stop();
  }
}

async function measure(platform: Platform, quick: boolean): Promise<BenchResult> {
  const { url, key, courses } = platform;
  const seconds = quick ? 3 : 15;
  const calls = (connections: number, seed: number): Promise<LoadResult> => load({ url, path: "/optimize_price", bodies: "course", key, courses, connections, seconds, seed });
  // A process that has just begun is still being compiled.
  await calls(CONNECTIONS, 0);
  const before = await calls(CONNECTIONS, 1);
  const probe = new Probe(url, key);
  const overload = await calls(TIMES * CONNECTIONS, 2);
  await systemClock.sleep(AFTER_S * 1_000);
  const recovery_ms = probe.lastAbove(CALM_MS, overload.ended_ms) - overload.ended_ms;
  await probe.stop();
  const after = await calls(CONNECTIONS, 3);
  const flood = await calls(FLOOD_CONNECTIONS, 4);
  // What the machine can do may change meanwhile: the peak is that of before and after.
  const peak_rps = (before.good_rps + after.good_rps) / 2;
  const broken = overload.errors - overload.refused + flood.errors - flood.refused;
  const errors = before.errors + after.errors + broken;
  return {
    metrics: {
      peak_rps,
      offered_rps: overload.rps,
      goodput_rps: overload.good_rps,
      goodput_ratio: overload.good_rps / peak_rps,
      admitted_p50_ms: overload.good_p50_ms,
      admitted_p99_ms: overload.good_p99_ms,
      refused_share: overload.refused / overload.total,
      recovery_ms: Math.max(0, recovery_ms),
      flood_goodput_ratio: flood.good_rps / peak_rps,
      flood_admitted_p99_ms: flood.good_p99_ms,
      errors,
    },
    check: `${courses}`,
    notes: [
      `peak: ${CONNECTIONS} connections as fast as they are answered; overload: ${TIMES} times as many, ${seconds} s; flood: ${FLOOD_CONNECTIONS}; one serving worker, keys on, no events meanwhile; the load generator shares the cores`,
      `a connection asks again when it is answered: offered_rps is what came. recovery_ms: from the end of the overload to the last probe (50 a second) that failed or took more than ${CALM_MS} ms`,
    ],
    ...(errors > 0 ? { failure: `${errors} requests got neither a price nor a refusal` } : {}),
  };
}
