import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { runChild } from "./child.ts";
import type { LoadOptions, PacedLoadOptions } from "./children/load-options.ts";

export interface LoadResult {
  readonly rps: number;
  readonly total: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** Answers with a status below 300, a second; and their latencies alone, in tenths of a millisecond. */
  readonly good_rps: number;
  readonly good_p50_ms: number;
  readonly good_p99_ms: number;
  /** Answers with 503. */
  readonly refused: number;
  /** Every answer that is not one of the good, and what got none. */
  readonly errors: number;
  /** The errors by status, or `broken` and `timeout`. */
  readonly failed: Readonly<Record<string, number>>;
  /** When the last run of it ended. */
  readonly ended_ms: number;
}

/** As fast as they are answered. */
export function load(options: LoadOptions): Promise<LoadResult> {
  return runChild<LoadResult>("load", [JSON.stringify(options)], (options.seconds + 30) * 1000);
}

export interface PacedLoadResult {
  /** Good answers a second. */
  readonly rps: number;
  readonly total: number;
  /** Of good answers, from when the request was due, so that what held back its sending counts as well. */
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** Answers with 503. */
  readonly refused: number;
  /** Requests that got no answer in time, or were not sent since a second's worth of others waited. */
  readonly unanswered: number;
  /** Other answers that are not good, and broken connections. */
  readonly errors: number;
  /** The errors by status, or by undici's code. */
  readonly failed: Readonly<Record<string, number>>;
}

/** At a fixed rate. */
export function pacedLoad(options: PacedLoadOptions): Promise<PacedLoadResult> {
  return runChild<PacedLoadResult>("paced-load", [JSON.stringify(options)], (options.seconds + 30) * 1000);
}

function start(script: string, args: readonly string[]): ChildProcess {
  return fork(fileURLToPath(new URL(`./children/${script}.js`, import.meta.url)), args, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
}

export interface Producer {
  /** Events a second since the start. */
  rate_per_s(): number;
  stop(): void;
}

/** Live-like events at a steady rate, published by a process of their own. */
export async function startProducer(nats_url: string, rate_per_s: number): Promise<Producer> {
  const child = start("producer", [nats_url, String(rate_per_s)]);
  await once(child, "message");
  let latest = { published: 0, seconds: 1 };
  child.on("message", (message) => {
    latest = message as typeof latest;
  });
  return { rate_per_s: () => latest.published / latest.seconds, stop: () => child.kill("SIGTERM") };
}

/** The bare framework, in a process of its own. */
export async function startBareHono(): Promise<{ url: string; stop(): void }> {
  const child = start("bare-hono", []);
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return { url: `http://127.0.0.1:${port}`, stop: () => child.kill("SIGTERM") };
}
