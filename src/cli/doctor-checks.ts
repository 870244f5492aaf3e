import { mkdir, statfs, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { LEASES_DOCTOR, STREAM_CONTROL, STREAM_EVENTS, STREAM_LEASES } from "../contracts/subjects.ts";
import { openLmdbStore } from "../features/lmdb-store.ts";
import { StoreDirectory } from "../features/store-directory.ts";
import { installedVersion, natsServerPath } from "../ingest/broker-config.ts";
import { Broker } from "../ingest/nats.ts";
import { checkPosition } from "../ingest/position.ts";
import { inScratch } from "../ingest/scratch.ts";
import { streamNames } from "../ingest/streams.ts";
import type { Clock } from "../lib/clock.ts";
import { errorMessage } from "../lib/errors.ts";
import { loadTensors } from "../training/backend.ts";
import { maskUrl } from "./config.ts";
import { brokerUrl, httpUrl } from "./nats-url.ts";
import { checkPort } from "./port-check.ts";
import { formatCount } from "./progress.ts";
import type { Config } from "./settings.ts";
import { readRunning } from "./start-lock.ts";

export type Verdict = "ok" | "warning" | "failure";

export interface Finding {
  readonly verdict: Verdict;
  readonly detail: string;
  /** What to do; empty when nothing is wrong. */
  readonly advice: string;
}

/** What a check looks at. */
export interface DoctorScope {
  readonly config: Config;
  readonly clock: Clock;
  readonly node_version: string;
}

export interface DoctorCheck {
  readonly name: string;
  /** What it throws is a failure. */
  readonly run: (scope: DoctorScope) => Promise<Finding>;
}

const NODE_MIN = [20, 19] as const;
const GIB = 1024 ** 3;
const FREE_LOW_GIB = 5;
const FREE_LEAST_GIB = 0.5;
/** A price call's age and an event's lateness are told from clocks: more than this shows in both. */
const CLOCK_APART_MS = 1_000;
/** Events from clocks further ahead are refused. */
const CLOCK_REFUSED_MS = 5 * 60_000;
const CONNECT_MS = 3_000;
const FSYNC_SLOW_MS = 100;

const ok = (detail: string): Finding => ({ verdict: "ok", detail, advice: "" });
const warning = (detail: string, advice: string): Finding => ({ verdict: "warning", detail, advice });
const failure = (detail: string, advice: string): Finding => ({ verdict: "failure", detail, advice });

async function node({ node_version }: DoctorScope): Promise<Finding> {
  const [major = 0, minor = 0] = node_version.split(".").map(Number);
  const enough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
  return enough ? ok(node_version) : failure(node_version, `install Node.js ${NODE_MIN.join(".")} or newer`);
}

async function natsServer({ config }: DoctorScope): Promise<Finding> {
  const program = natsServerPath();
  try {
    const version = await installedVersion(program);
    return /^2\.[0-9]\./.test(version) ? warning(`${version} (${program})`, "2.10 or newer also writes every message through to the disk before it acknowledges it: a power loss then loses none") : ok(`${version} (${program})`);
  } catch (error) {
    return config.nats_url === null ? failure("not found", errorMessage(error)) : ok("not found, and not needed: TIDEMARK_NATS_URL names a broker");
  }
}

async function permissions({ config: { data_dir } }: DoctorScope): Promise<Finding> {
  try {
    await mkdir(data_dir, { recursive: true });
    return await inScratch(data_dir, ".tidemark-doctor-", async (directory) => {
      await writeFile(join(directory, "probe"), "x");
      return ok(`${data_dir} can be written`);
    });
  } catch (error) {
    return failure(`${data_dir}: ${errorMessage(error)}`, "give this user the directory, or name another with --data-dir");
  }
}

async function disk({ config: { data_dir } }: DoctorScope): Promise<Finding> {
  const { bavail, bsize, ffree } = await statfs(data_dir);
  const free_gib = (bavail * bsize) / GIB;
  const detail = `${free_gib.toFixed(1)} GiB free for ${data_dir}`;
  if (free_gib < FREE_LEAST_GIB || ffree === 0) return failure(`${detail}, ${formatCount(ffree)} files`, "make room: when the disk is full ingest stops, and prices become stale");
  return free_gib < FREE_LOW_GIB ? warning(detail, "streams, archive, features and their snapshots grow; TIDEMARK_EVENTS_MAX_GIB bounds the largest of them") : ok(detail);
}

async function lmdb({ config: { data_dir }, clock }: DoctorScope): Promise<Finding> {
  return inScratch(data_dir, ".tidemark-doctor-", async (directory) => {
    const store = openLmdbStore(join(directory, "features"), { readonly: false });
    try {
      const started_ms = clock.now_ms();
      store.commit((batch) => batch.putLayout("doctor"));
      const took_ms = clock.now_ms() - started_ms;
      if (store.layout() !== "doctor") return failure("what was written could not be read back", "use a local file system that supports mmap: network file systems do not");
      return took_ms > FSYNC_SLOW_MS ? warning(`a durable commit took ${took_ms} ms`, "a slow disk makes fresh prices late: a commit is what they wait for") : ok(`a durable commit took ${took_ms} ms`);
    } finally {
      await store.close();
    }
  });
}

async function port({ config: { host, port: wanted, data_dir } }: DoctorScope): Promise<Finding> {
  const running = readRunning(data_dir)?.url;
  if (running !== undefined) return ok(`a start serves on ${running}`);
  if (wanted === 0) return ok("a free one is taken");
  try {
    await checkPort(host, wanted);
    return ok(`${host}:${wanted} is free`);
  } catch (error) {
    const answer = await fetch(`${httpUrl(host, wanted)}/livez`, { signal: AbortSignal.timeout(CONNECT_MS) }).catch(() => undefined);
    return answer?.ok === true ? ok(`an engine answers on ${host}:${wanted}`) : failure(`${host}:${wanted}`, errorMessage(error));
  }
}

/** Between this machine and the broker, whose timestamps decide what lies in the future: bounded by the round trip. */
async function clockOf(broker: Broker, clock: Clock): Promise<Finding> {
  const before_ms = clock.now_ms();
  const { sequence } = await broker.publish(LEASES_DOCTOR, new TextEncoder().encode("{}"));
  const after_ms = clock.now_ms();
  const time_ms = (await broker.getMessage(STREAM_LEASES, { sequence }))?.time_ms ?? Number.NaN;
  const apart_ms = time_ms < before_ms ? time_ms - before_ms : time_ms > after_ms ? time_ms - after_ms : 0;
  const detail = apart_ms === 0 ? `agrees with the broker's to ${Math.ceil(after_ms - before_ms)} ms` : `the broker's is ${Math.abs(apart_ms)} ms ${apart_ms > 0 ? "ahead" : "behind"}`;
  const advice = "set the clocks by NTP: events from more than five minutes ahead are refused, and ages of prices are told wrongly";
  if (Math.abs(apart_ms) > CLOCK_REFUSED_MS) return failure(detail, advice);
  return Math.abs(apart_ms) > CLOCK_APART_MS ? warning(detail, advice) : ok(detail);
}

async function withBroker(config: Config, work: (broker: Broker, url: string) => Promise<Finding>): Promise<Finding> {
  let url: string;
  try {
    url = brokerUrl(config);
  } catch {
    return ok("none configured, and no start runs here: `tidemark start` brings its own");
  }
  const broker = await Broker.connect({ url, name: "tidemark-doctor", signal: AbortSignal.timeout(CONNECT_MS) }).catch((error: unknown) => errorMessage(error));
  if (typeof broker === "string") return failure(`nothing answers at ${maskUrl(url)}`, "start the broker, or correct TIDEMARK_NATS_URL");
  try {
    return await work(broker, url);
  } finally {
    await broker.close();
  }
}

function brokerAndStreams({ config }: DoctorScope): Promise<Finding> {
  return withBroker(config, async (broker, url) => {
    const missing: string[] = [];
    for (const name of streamNames) if ((await broker.streamInfo(name)) === undefined) missing.push(name);
    const events = await broker.streamInfo(STREAM_EVENTS);
    if (missing.length > 0) return warning(`${maskUrl(url)}, without ${missing.join(", ")}`, "ingest makes the streams when it starts; until then nothing can be published");
    return ok(`${maskUrl(url)}, ${formatCount(events?.messages ?? 0)} events, up to sequence ${formatCount(events?.last_sequence ?? 0)}`);
  });
}

function clocks({ config, clock }: DoctorScope): Promise<Finding> {
  return withBroker(config, async (broker) => {
    if ((await broker.streamInfo(STREAM_LEASES)) === undefined) return ok("not compared: the broker has no streams yet");
    return clockOf(broker, clock);
  });
}

async function features({ config }: DoctorScope): Promise<Finding> {
  const path = new StoreDirectory(join(config.data_dir, "features")).current;
  if (!existsSync(join(path, "data.mdb"))) return ok("nothing folded here yet");
  const store = openLmdbStore(path, { readonly: true });
  try {
    const cursor = store.cursor(STREAM_EVENTS);
    const stands = `folded up to sequence ${formatCount(cursor?.sequence ?? 0)}, CONTROL ${formatCount(store.cursor(STREAM_CONTROL)?.sequence ?? 0)}`;
    if (cursor === undefined) return ok(stands);
    return await withBroker(config, async (broker) => {
      const state = await broker.streamInfo(STREAM_EVENTS);
      try {
        checkPosition(STREAM_EVENTS, cursor, state);
      } catch (error) {
        return failure(stands, errorMessage(error));
      }
      const behind = state.last_sequence - cursor.sequence;
      return ok(`${stands}, ${formatCount(behind)} behind the stream`);
    });
  } finally {
    await store.close();
  }
}

async function tensors({ config: { tf_backend } }: DoctorScope): Promise<Finding> {
  const { backend, gpu, tried } = await loadTensors(tf_backend === "auto" ? undefined : tf_backend);
  const detail = `${backend}${gpu ? " on a GPU" : ""}${tried.length > 0 ? `; ${tried.map((one) => `${one.backend} does not load`).join(", ")}` : ""}`;
  return backend === "cpu" ? warning(detail, "training is ten times slower on plain JavaScript: `npm ci` brings the WASM backend, `npm run native` TensorFlow itself") : ok(detail);
}

/** In the order in which one needs the other. */
export const doctorChecks: readonly DoctorCheck[] = [
  { name: "node", run: node },
  { name: "nats-server", run: natsServer },
  { name: "permissions", run: permissions },
  { name: "disk", run: disk },
  { name: "lmdb", run: lmdb },
  { name: "port", run: port },
  { name: "broker", run: brokerAndStreams },
  { name: "clocks", run: clocks },
  { name: "features", run: features },
  { name: "tensorflow", run: tensors },
];

export async function examine({ run }: DoctorCheck, scope: DoctorScope): Promise<Finding> {
  try {
    return await run(scope);
  } catch (error) {
    return failure(errorMessage(error).split("\n")[0] ?? "", "the checks before this one may say why");
  }
}
