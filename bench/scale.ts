import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BUCKET_MODELS } from "../src/contracts/subjects.ts";
import type { ModelPromoted } from "../src/contracts/control.ts";
import { layoutIdentity } from "../src/features/feature-set.ts";
import { StoreDirectory } from "../src/features/store-directory.ts";
import { freePort } from "../src/ingest/broker-config.ts";
import { promoteModel } from "../src/ingest/control.ts";
import { startEmbeddedBroker } from "../src/ingest/embedded-broker.ts";
import { Broker } from "../src/ingest/nats.ts";
import { must } from "../src/lib/assert.ts";
import { TidemarkError } from "../src/lib/errors.ts";
import { silentLogger } from "../src/lib/log.ts";
import { publishHistory } from "../src/simulator/publish-history.ts";
import { elasticityRegistry } from "../src/training/elasticity/evaluation-stage.ts";
import { runChild } from "./child.ts";
import { ownMemory } from "./own-memory.ts";
import { pacedLoad } from "./processes.ts";
import type { BenchOptions, BenchResult } from "./report.ts";
import { firstPrice, Roles } from "./roles.ts";
import { shortHistory } from "./scaled-platform.ts";
import { type SecondHost, secondHost } from "./second-host.ts";

const SERVE_RATE = 2_000;
/** Of the platform, at which a second host is made from a snapshot; quick, at its own size. */
const SECOND_HOST_SCALE = 10;
const READY_S_MAX = 30;

interface Preloaded {
  readonly learners: number;
  readonly courses: number;
  readonly bytes_record_p90: number;
  readonly bytes_p90: number;
  readonly bytes_course_p90: number;
}

interface Size {
  readonly scale: number;
  readonly learners: number;
  readonly courses: number;
  readonly lmdb_mb: number;
  readonly bytes_per_learner: number;
  readonly bytes_learner_record: number;
  readonly bytes_per_course: number;
  readonly fold_per_s: number;
  readonly fold_uniform_per_s: number;
  readonly ingest_rss_mb: number;
  readonly ingest_own_mb: number;
  readonly read_p99_us: number;
  readonly read_features_p99_us: number;
  readonly optimize_p99_ms: number;
  readonly serve_rss_mb: number;
}

interface Champion {
  readonly promotion: ModelPromoted;
  readonly bytes: Uint8Array;
}

/** Fold, reads and prices on stores of the platform enlarged 1, 10 and 100 times; and a second host, which must agree with the first. */
export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const champion = await trainChampion();
  const scales = quick ? [1, 10] : [1, 10, 100];
  const at = quick ? 1 : SECOND_HOST_SCALE;
  const sizes: Size[] = [];
  let second: SecondHost | undefined;
  for (const scale of scales) {
    const measured = await measure(scale, champion, quick, scale === at);
    sizes.push(measured.size);
    second ??= measured.second;
  }
  const largest = must(sizes.at(-1), "a size");
  const { scale: _, ...metrics } = largest;
  const { digests_equal, ...of_second } = must(second, "a second host");
  const failures = [
    ...(quick ? [] : missed(largest)),
    ...(digests_equal ? [] : ["the host from a snapshot has another state than the one that the snapshot is of"]),
    ...(of_second.prices_unequal > 0 ? [`two hosts answer ${of_second.prices_unequal} of ${of_second.prices_compared} requests differently`] : []),
    ...(!quick && of_second.snapshot_ready_s > READY_S_MAX ? [`a host from a snapshot is ready after ${of_second.snapshot_ready_s.toFixed(1)} s, more than ${READY_S_MAX}`] : []),
  ];
  return {
    metrics: { ...metrics, ...of_second, sizes: sizes.map((size) => ({ ...size })) },
    check: sizes.map(({ learners, courses }) => `${learners} ${courses}`).join(),
    notes: [
      "store: the records of the platform's own history, once per copy under new ids, with their enrollments and a full window of event ids",
      "fold: the shipped ingest on top of it, durable, all features; live traffic by the simulator's laws of who looks at what (fold_per_s), then learners and courses drawn uniformly; opening included",
      "bytes_per_learner: 90th percentile of a learner's record and records with courses, keys and node headers included, pages taken as full; bytes_per_course: the same of a course's record, profile and price history",
      "reads: learners and courses drawn uniformly, one at a time; read_p99_us the record, read_features_p99_us also all its features",
      "ingest_rss_mb with the pages of the store that are in memory, twice where its file was mapped anew as it grew; ingest_own_mb without them",
      `prices: ${SERVE_RATE} calls a second on one worker, courses drawn uniformly; serve_rss_mb without the pages of the store, which are the system's`,
      `second host, at ×${at}: snapshot restored, what came since folded, every stream's end reached, serving; then its store against the first one's, every key and byte at one sequence: ${digests_equal ? "equal" : "NOT EQUAL"}; prices_compared: random requests for prices and forecasts of random courses, whole answers compared`,
    ],
    ...(failures.length > 0 ? { failure: failures.join("; ") } : {}),
  };
}

/** What the largest size must keep. */
function missed({ fold_per_s, fold_uniform_per_s, bytes_per_learner, read_p99_us }: Size): string[] {
  return [
    ...(fold_per_s < 15_000 ? [`fold ${Math.round(fold_per_s)} of 15,000 events/s`] : []),
    ...(fold_uniform_per_s < 8_000 ? [`uniform fold ${Math.round(fold_uniform_per_s)} of 8,000 events/s`] : []),
    ...(bytes_per_learner > 1_536 ? [`${Math.round(bytes_per_learner)} bytes a learner, more than 1.5 KiB`] : []),
    ...(read_p99_us > 50 ? [`read p99 ${read_p99_us.toFixed(1)} µs, more than 50`] : []),
  ];
}

/** A model for the prices, from the short history: its contents make no difference to their speed. */
async function trainChampion(): Promise<Champion> {
  return withBroker(async (directory, url, broker) => {
    await publishHistory(broker, shortHistory, {});
    const roles = new Roles({ data_dir: directory, nats_url: url, port: await freePort() });
    await roles.orFailure(once(roles.spawn("train"), "exit"));
    const promotion = must(await elasticityRegistry(broker).promoted(), "a champion");
    return { promotion, bytes: must(await broker.getObject(BUCKET_MODELS, promotion.artifact), "its artifact") };
  });
}

async function withBroker<T>(use: (directory: string, url: string, broker: Broker) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-bench-"));
  const embedded = await startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger });
  try {
    const broker = await Broker.connect({ url: embedded.url, name: "bench" });
    await broker.ensureStreams();
    const result = await use(directory, embedded.url, broker);
    await broker.close();
    return result;
  } finally {
    await embedded.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

function measure(scale: number, champion: Champion, quick: boolean, with_second: boolean): Promise<{ readonly size: Size; readonly second: SecondHost | undefined }> {
  return withBroker(async (directory, url, broker) => {
    const stores = new StoreDirectory(join(directory, "features"));
    const { path: features } = stores.prepare(layoutIdentity);
    const mode = quick ? "quick" : "full";
    const preloaded = await runChild<Preloaded>("preload", [features, String(scale), mode], 300_000);
    await broker.putObject(BUCKET_MODELS, champion.promotion.artifact, champion.bytes);
    await promoteModel(broker, champion.promotion);
    const events = quick ? 50_000 : 400_000;
    const simulated = await fold(broker, url, features, [scale, "simulated", events, mode]);
    const uniform = await fold(broker, url, features, [scale, "uniform", events / 2, mode]);
    const { learners, courses } = preloaded;
    const reads = await runChild<{ record_p99_us: number; features_p99_us: number; missing: number }>("read-latency", [features, String(learners), String(courses)], 120_000);
    // Nothing is found faster than what is not there.
    if (reads.missing > 0) throw new TidemarkError("bench_scale", `${reads.missing} of the records that were read are not in the store`);
    const size = {
      scale,
      learners,
      courses,
      lmdb_mb: (await stat(join(features, "data.mdb"))).size / 2 ** 20,
      bytes_per_learner: preloaded.bytes_p90,
      bytes_learner_record: preloaded.bytes_record_p90,
      bytes_per_course: preloaded.bytes_course_p90,
      fold_per_s: simulated.per_s,
      fold_uniform_per_s: uniform.per_s,
      ingest_rss_mb: Math.max(simulated.rss_mb, uniform.rss_mb),
      ingest_own_mb: Math.max(simulated.own_mb, uniform.own_mb),
      read_p99_us: reads.record_p99_us,
      read_features_p99_us: reads.features_p99_us,
      ...(await serve(directory, url, courses, quick)),
    };
    if (!with_second) return { size, second: undefined };
    const tail = [scale, "uniform", quick ? 1_000 : 20_000, mode, "tail"];
    return { size, second: await secondHost({ broker, nats_url: url, data_dir: directory, courses, tail, prices: quick ? 500 : 10_000 }) };
  });
}

async function fold(broker: Broker, url: string, features: string, traffic: readonly (string | number)[]): Promise<{ per_s: number; rss_mb: number; own_mb: number }> {
  const before = must(await broker.streamInfo("EVENTS"), "EVENTS").last_sequence;
  await runChild("publish-traffic", [url, ...traffic.map(String)], 300_000);
  const last = must(await broker.streamInfo("EVENTS"), "EVENTS").last_sequence;
  const { seconds, rss_mb, own_mb } = await runChild<{ seconds: number; rss_mb: number; own_mb: number }>("fold", [url, String(last), features], 300_000);
  return { per_s: (last - before) / seconds, rss_mb, own_mb };
}

async function serve(directory: string, nats_url: string, courses: number, quick: boolean): Promise<{ optimize_p99_ms: number; serve_rss_mb: number }> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const roles = new Roles({ data_dir: directory, nats_url, port });
  try {
    const child = roles.spawn("serve");
    await roles.orFailure(firstPrice(url));
    const calls = { url, path: "/optimize_price", bodies: "course", rate: SERVE_RATE, seconds: quick ? 2 : 10, connections: 64, courses } as const;
    // A process that has just begun is still being compiled.
    await pacedLoad({ ...calls, seed: 0 });
    const result = await pacedLoad({ ...calls, seed: 1 });
    return { optimize_p99_ms: result.p99_ms, serve_rss_mb: ownMemory(must(child.pid, "pid")) };
  } finally {
    await roles.stop();
  }
}
