import { BATCH_COURSES, type Bodies } from "./children/load-options.ts";
import { runLiveLoad } from "./live-load.ts";
import type { Platform } from "./platform.ts";
import { load, type LoadResult, pacedLoad, type PacedLoadResult, startBareHono, startProducer } from "./processes.ts";
import { missingPeers, startPriceApi } from "./python-peers.ts";
import { decisionShare } from "./quotes.ts";
import type { BenchOptions, BenchResult, Metric } from "./report.ts";
import { headersOf } from "./roles.ts";
import { median } from "./stats.ts";

const CONNECTIONS = 64;
const INGEST_PER_S = 5_000;
const FIXED_RATE = 10_000;
const QUICK_FIXED_RATE = 1_000;
/** Two thousand quotes take less. */
const LOCKING_S = 5;

/** Calls whose rate is held against the bare framework's echo of the same bodies. */
const kinds = {
  optimize: { bodies: "course", path: "/optimize_price" },
  predict: { bodies: "predict", path: "/predict_enrollments" },
  predict_unique: { bodies: "unique", path: "/predict_enrollments" },
  personalized_locked: { bodies: "locked", path: "/personalized_pricing" },
  personalized_new: { bodies: "new", path: "/personalized_pricing" },
} as const satisfies Record<string, { readonly bodies: Bodies; readonly path: string }>;
type Kind = keyof typeof kinds;

/** The price call over the bare framework's echo, in turn, both while events stream in and are folded; with --url the load test of a platform that runs. */
export async function run(options: BenchOptions): Promise<BenchResult> {
  if (options.args["url"] !== undefined) return runLiveLoad(options);
  const platform = await options.platform({ keys: true });
  try {
    const bare = await startBareHono();
    const producer = await startProducer(platform.nats_url, INGEST_PER_S);
    try {
      return await new ServeBench(platform, bare.url, options.quick).run(producer.rate_per_s);
    } finally {
      producer.stop();
      bare.stop();
    }
  } finally {
    await platform.stop();
  }
}

class ServeBench {
  readonly #platform: Platform;
  readonly #bare_url: string;
  readonly #quick: boolean;
  readonly #fixed_rate: number;
  readonly #ratios = new Map<Kind, number[]>();
  readonly #bare_rps: number[] = [];
  readonly #optimize_rps: number[] = [];
  #seed = 0;
  readonly #failures: string[] = [];
  #errors = 0;

  constructor(platform: Platform, bare_url: string, quick: boolean) {
    this.#platform = platform;
    this.#bare_url = bare_url;
    this.#quick = quick;
    this.#fixed_rate = quick ? QUICK_FIXED_RATE : FIXED_RATE;
  }

  async run(producerRate: () => number): Promise<BenchResult> {
    const rounds = this.#quick ? 2 : 5;
    const missing = await this.#missingKinds();
    // Not measured: it makes the quotes that are locked from then on.
    if (!missing.has("personalized_locked")) await this.#engine("locked", kinds.personalized_locked.path, LOCKING_S);
    await this.#engine("course", "/optimize_price");
    for (let round = 0; round < rounds; round++) {
      const { bare, engine } = await this.#pair("optimize");
      this.#bare_rps.push(bare.rps);
      this.#optimize_rps.push(engine.rps);
      if (round >= (this.#quick ? 1 : 2)) continue;
      for (const kind of ["predict", "predict_unique", "personalized_locked", "personalized_new"] as const) if (!missing.has(kind)) await this.#pair(kind);
    }
    const batch = await this.#engine("batch", "/price_batch");
    const fixed = await this.#paced(this.#platform.url, "/optimize_price");
    const bare_fixed = await this.#paced(this.#bare_url, "/");
    const fastapi_ratio = await this.#fastapiRatio();
    const share = await decisionShare(this.#platform);
    const ratio = (kind: Kind): Metric => missing.get(kind) ?? median(this.#ratios.get(kind) ?? []);
    const seconds = this.#quick ? 1 : 10;
    return {
      metrics: {
        bare_hono_rps: median(this.#bare_rps),
        optimize_rps: median(this.#optimize_rps),
        optimize_ratio: ratio("optimize"),
        optimize_p50_ms: fixed.p50_ms,
        optimize_p99_ms: fixed.p99_ms,
        fixed_rate_rps: fixed.rps,
        fixed_rate_refused_share: (fixed.refused + fixed.unanswered) / fixed.total,
        bare_hono_p99_ms: bare_fixed.p99_ms,
        predict_ratio: ratio("predict"),
        predict_unique_ratio: ratio("predict_unique"),
        personalized_locked_ratio: ratio("personalized_locked"),
        personalized_new_ratio: ratio("personalized_new"),
        batch_prices_per_s: batch.rps * BATCH_COURSES,
        fastapi_ratio,
        errors: this.#errors,
        quotes_logged_share: share.share,
        decisions: share.decisions,
        ingest_events_per_s: producerRate(),
      },
      check: `${this.#platform.courses}`,
      notes: [
        `autocannon, ${CONNECTIONS} connections, ${seconds} s a run, ${rounds} rounds in turn (${this.#quick ? 1 : 2} of all but optimize); one serving worker, keys and metrics on; courses uniform over all ${this.#platform.courses}`,
        `load generator, nats-server, ingest and producer share the cores with both servers; latencies at ${this.#fixed_rate} requests a second, each sent at its own moment and timed from it, so that what the load generator was late counts as well`,
        "fastapi_ratio: over the same call on FastAPI, uvicorn and a scikit-learn gradient boosting model that is asked at ten price points; optimize_rps of the turn before it",
      ],
      ...(this.#errors > 0 ? { failure: `${this.#errors} failed requests: ${this.#failures.join("; ")}` } : {}),
    };
  }

  /** Endpoints that this engine does not have. */
  async #missingKinds(): Promise<ReadonlyMap<Kind, { unavailable: string }>> {
    const { url, key } = this.#platform;
    const missing = new Map<Kind, { unavailable: string }>();
    for (const [kind, { path }] of Object.entries(kinds) as [Kind, { path: string }][]) {
      const { status } = await fetch(`${url}${path}`, { method: "POST", headers: headersOf(key), body: "{}" });
      if (status === 404) missing.set(kind, { unavailable: `POST ${path} does not exist yet` });
    }
    return missing;
  }

  async #pair(kind: Kind): Promise<{ bare: LoadResult; engine: LoadResult }> {
    const { bodies, path } = kinds[kind];
    const bare = await this.#load(this.#bare_url, bodies, "/");
    const engine = await this.#engine(bodies, path);
    this.#ratios.set(kind, [...(this.#ratios.get(kind) ?? []), engine.rps / bare.rps]);
    return { bare, engine };
  }

  #engine(bodies: Bodies, path: string, seconds?: number): Promise<LoadResult> {
    return this.#load(this.#platform.url, bodies, path, seconds);
  }

  async #paced(url: string, path: string): Promise<PacedLoadResult> {
    const { key, courses } = this.#platform;
    const result = await pacedLoad({ url, path, bodies: "course", rate: this.#fixed_rate, seconds: this.#quick ? 1 : 10, connections: CONNECTIONS, courses, seed: this.#seed++, key });
    this.#count(`${path} at a fixed rate`, result);
    return result;
  }

  async #load(url: string, bodies: Bodies, path: string, seconds = this.#quick ? 1 : 10): Promise<LoadResult> {
    const { key, courses } = this.#platform;
    const result = await load({ url, path, bodies, seconds, connections: CONNECTIONS, courses, seed: this.#seed++, key });
    this.#count(`${bodies} on ${new URL(path, url).href}`, result);
    return result;
  }

  #count(what: string, { errors, failed }: Pick<LoadResult, "errors" | "failed">): void {
    this.#errors += errors;
    if (errors > 0) this.#failures.push(`${what} ${JSON.stringify(failed)}`);
  }

  async #fastapiRatio(): Promise<Metric> {
    if (this.#quick) return { unavailable: "left out of a quick run" };
    const missing = await missingPeers("api");
    if (missing !== undefined) return { unavailable: missing };
    const api = await startPriceApi();
    try {
      const peer = await this.#load(api.url, "course", "/optimize_price");
      const engine = await this.#engine("course", "/optimize_price");
      return engine.rps / peer.rps;
    } finally {
      api.stop();
    }
  }
}
