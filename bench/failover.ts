import { type ChildProcess, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventSubject } from "../src/contracts/subjects.ts";
import type { Event } from "../src/contracts/events.ts";
import { EntityReader, entityFeatureNames } from "../src/features/entity-reader.ts";
import { openLmdbStore } from "../src/features/lmdb-store.ts";
import { type EmbeddedBroker, startEmbeddedBroker } from "../src/ingest/embedded-broker.ts";
import { Broker } from "../src/ingest/nats.ts";
import { must } from "../src/lib/assert.ts";
import { systemClock } from "../src/lib/clock.ts";
import { silentLogger } from "../src/lib/log.ts";
import { Prng } from "../src/lib/prng.ts";
import { createWorld } from "../src/simulator/world.ts";
import { sampleTraffic } from "../src/simulator/traffic.ts";
import type { BenchOptions, BenchResult } from "./report.ts";
import { shortHistory } from "./scaled-platform.ts";

const processPath = fileURLToPath(new URL("../src/ingest/ingest-process.js", import.meta.url));

/** Publications under way at a time. */
const PUBLISHERS = 256;
/** What the platform's days count, and the events that each counts. */
const counted = { exposures: "exposure.viewed", enrollments: "enrollment.created", completions: "enrollment.completed", refunds: "enrollment.refunded" } as const;
const counts = Object.keys(counted) as (keyof typeof counted)[];

interface Drill {
  readonly drill: string;
  readonly kills: number;
  readonly acknowledged: number;
  readonly lost: number;
  readonly duplicated: number;
  /** The longest from a kill to the next commit. */
  readonly recovery_ms: number;
}

/** kill -9 at random points under load: of ingest, then of the broker. What was acknowledged is folded once, and the store is the one that a single fold gives. */
export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const events = sampleTraffic(createWorld(shortHistory), { seed: "failover", start_ms: shortHistory.end_ms, rate_per_s: 1_000 });
  const drills = [await drill("ingest", quick ? 10 : 100, events), await drill("broker", quick ? 3 : 20, events)];
  const worst = (of: (drill: Result) => number): number => Math.max(...drills.map(of));
  const unequal = drills.filter(({ equal }) => !equal).map(({ drill: name }) => `after the kills of ${name} the store is not what one clean fold gives`);
  const metrics = { acknowledged: drills.reduce((sum, { acknowledged }) => sum + acknowledged, 0), lost: worst(({ lost }) => lost), duplicated: worst(({ duplicated }) => duplicated), recovery_ms: worst(({ recovery_ms }) => recovery_ms) };
  if (metrics.lost > 0) unequal.push(`${metrics.lost} acknowledged events are lost`);
  if (metrics.duplicated > 0) unequal.push(`${metrics.duplicated} events are folded more than once`);
  return {
    metrics: { ...metrics, drills: drills.map(({ drill: _drill, equal: _equal, ...figures }) => figures) },
    check: drills.map(({ drill: name, kills }) => `${name} ${kills}`).join(),
    notes: [
      ...drills.map(({ drill: name, kills, equal }) => `${kills} × kill -9 of ${name} at random moments while events are published and folded; store equal to a clean fold, key by key and byte by byte: ${equal ? "yes" : "NO"}`),
      "lost, duplicated: events acknowledged to the producer against what the platform's days count; producers repeat what was not acknowledged",
      "recovery_ms: the longest from a kill to the next durable commit",
    ],
    ...(unequal.length > 0 ? { failure: unequal.join("; ") } : {}),
  };
}

interface Result extends Drill {
  readonly equal: boolean;
}

async function drill(name: "ingest" | "broker", kills: number, events: Iterator<Event, never>): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-bench-"));
  const embedded = await startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger });
  const broker = await Broker.connect({ url: embedded.url, name: "bench" });
  try {
    await broker.ensureStreams();
    const producer = new Producer(broker, events);
    const fold = new Fold(embedded.url, join(directory, "killed"));
    fold.start();
    await fold.commitsAfter(0);
    const random = new Prng(`failover/${name}`);
    let recovery_ms = 0;
    for (let kill = 0; kill < kills; kill++) {
      await systemClock.sleep(random.integer(300));
      const killed_ms = performance.now();
      if (name === "ingest") await fold.killAndRestart();
      else await killBroker(embedded, broker);
      await fold.commitsAfter(killed_ms);
      recovery_ms = Math.max(recovery_ms, performance.now() - killed_ms);
    }
    const acknowledged = await producer.stop();
    const last = must(await broker.streamInfo("EVENTS"), "EVENTS").last_sequence;
    await fold.finish(last);
    const clean = new Fold(embedded.url, join(directory, "clean"));
    clean.start();
    await clean.finish(last);
    const { lost, duplicated } = await compare(join(directory, "killed"), acknowledged);
    const equal = (await digest(join(directory, "killed"))) === (await digest(join(directory, "clean")));
    return { drill: name, kills, acknowledged: acknowledged.total, lost, duplicated, recovery_ms, equal };
  } finally {
    await broker.close();
    await embedded.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function killBroker(embedded: EmbeddedBroker, broker: Broker): Promise<void> {
  const pid = embedded.pid();
  process.kill(pid, "SIGKILL");
  while (embedded.pid() === pid || !broker.connected) await systemClock.sleep(2);
}

type Acknowledged = Record<keyof typeof counted, number> & { total: number };

/** Publishes without pause, each event until it is acknowledged, as a producer does that must not lose any. */
class Producer {
  readonly #acknowledged: Acknowledged = { total: 0, exposures: 0, enrollments: 0, completions: 0, refunds: 0 };
  readonly #publishers: Promise<void>[];
  #stopped = false;

  constructor(broker: Broker, events: Iterator<Event, never>) {
    this.#publishers = Array.from({ length: PUBLISHERS }, () => this.#publish(broker, events));
  }

  async stop(): Promise<Acknowledged> {
    this.#stopped = true;
    await Promise.all(this.#publishers);
    return this.#acknowledged;
  }

  async #publish(broker: Broker, events: Iterator<Event, never>): Promise<void> {
    while (!this.#stopped) {
      const event = events.next().value;
      const data = Buffer.from(JSON.stringify(event));
      // Repeated without a message id for the broker to tell it by: the fold has to.
      while (!(await broker.publish(eventSubject(event), data).then(() => true, () => false))) await systemClock.sleep(20);
      this.#acknowledged.total++;
      for (const count of counts) if (counted[count] === event.type) this.#acknowledged[count]++;
    }
  }
}

/** The fold as a process of its own, which says every sequence that it committed. */
class Fold {
  readonly #args: string[];
  #child: ChildProcess | undefined;
  #committed = 0;
  #committed_ms = 0;

  constructor(url: string, path: string) {
    this.#args = [url, path];
  }

  start(): void {
    const child = fork(processPath, this.#args, { stdio: ["ignore", "pipe", "inherit", "ipc"] });
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const sequence = Number(text.trimEnd().split("\n").at(-1));
      if (sequence > this.#committed) this.#committed_ms = performance.now();
      this.#committed = Math.max(this.#committed, sequence);
    });
    this.#child = child;
  }

  async killAndRestart(): Promise<void> {
    await this.#end("SIGKILL");
    this.start();
  }

  async commitsAfter(time_ms: number): Promise<void> {
    while (this.#committed_ms <= time_ms) await systemClock.sleep(1);
  }

  /** Ends it once it has committed everything up to `last`. */
  async finish(last: number): Promise<void> {
    while (this.#committed < last) await systemClock.sleep(10);
    await this.#end("SIGTERM");
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = must(this.#child, "a fold that was started");
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }
}

/** What the days of the platform count against what was acknowledged: sums of what is missing, and of what is too much. */
async function compare(path: string, acknowledged: Acknowledged): Promise<{ lost: number; duplicated: number }> {
  const store = openLmdbStore(path, { readonly: true });
  const reader = new EntityReader(store);
  const folded = { exposures: 0, enrollments: 0, completions: 0, refunds: 0 };
  for (const day of store.ids("platform")) {
    const { values } = must(reader.read("platform", day, shortHistory.end_ms), day);
    for (const count of counts) folded[count] += values[entityFeatureNames.platform.indexOf(count)]!;
  }
  await store.close();
  const difference = counts.map((count) => folded[count] - acknowledged[count]);
  return { lost: difference.reduce((sum, more) => sum + Math.max(0, -more), 0), duplicated: difference.reduce((sum, more) => sum + Math.max(0, more), 0) };
}

async function digest(path: string): Promise<string> {
  const store = openLmdbStore(path, { readonly: true });
  const hash = createHash("sha256");
  for (const { database, key, value } of store.dump()) hash.update(`${database}\0${key}\0${value.length}\0`).update(value);
  await store.close();
  return hash.digest("hex");
}
