import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventSubject, STREAM_CONTROL, STREAM_EVENTS, STREAM_OFFERS } from "../../src/contracts/subjects.ts";
import type { Event } from "../../src/contracts/events.ts";
import { openLmdbStore } from "../../src/features/lmdb-store.ts";
import { MemoryStore } from "../../src/features/memory-store.ts";
import { type EmbeddedBroker, startEmbeddedBroker } from "../../src/ingest/embedded-broker.ts";
import { foldTo } from "../../src/ingest/fold-to.ts";
import { Broker } from "../../src/ingest/nats.ts";
import { stateDigest } from "../../src/ingest/state-digest.ts";
import { must } from "../../src/lib/assert.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { generateHistory } from "../../src/simulator/history.ts";
import { sampleTraffic } from "../../src/simulator/traffic.ts";
import { createWorld, type World } from "../../src/simulator/world.ts";
import type { AcknowledgedEvents } from "../acknowledged.ts";
import { shortHistory } from "../scaled-platform.ts";
import { NatsCluster } from "./cluster.ts";
import { Host } from "./host.ts";
import { type PriceCounts, PriceProbe } from "./price-probe.ts";
import { Producer } from "./producer.ts";

/** Publications under way at a time, and the pause of each between two: some hundred events a second. */
const PUBLISHERS = 16;
const PAUSE_MS = 20;
const COURSES_ASKED = 50;

/** What a drill says of itself. */
export interface DrillReport {
  readonly recovery_ms: number;
  readonly faults: number;
  readonly remark: string;
}

export interface DrillResult extends DrillReport {
  readonly drill: string;
  readonly acknowledged: number;
  readonly lost: number;
  readonly duplicated: number;
  /** Whether the store is, at the end, what one clean fold of the stream gives. */
  readonly equal: boolean;
  readonly prices: PriceCounts;
}

export interface RigOptions {
  readonly cluster?: boolean;
  /** Where the host keeps its data; in the rig's own directory unless given. */
  readonly data_dir?: (directory: string) => string;
  readonly environment?: NodeJS.ProcessEnv;
  /** When everything has ended, before the directory goes. */
  readonly after?: () => void;
}

/** One broker or three, a host that folds and serves, a producer and somebody who asks for prices all the time. */
export class Rig {
  readonly directory: string;
  readonly broker: Broker;
  readonly host: Host;
  readonly cluster: NatsCluster | undefined;
  /** Another one once a drill has put it in its place. */
  embedded: EmbeddedBroker | undefined;
  readonly events: Iterator<Event, never>;
  producer: Pick<Producer, "stop"> | undefined;
  readonly course_ids: readonly string[];

  constructor(parts: Pick<Rig, "directory" | "broker" | "host" | "cluster" | "embedded" | "events" | "course_ids">) {
    this.directory = parts.directory;
    this.broker = parts.broker;
    this.host = parts.host;
    this.cluster = parts.cluster;
    this.embedded = parts.embedded;
    this.events = parts.events;
    this.course_ids = parts.course_ids;
  }

  get nodes(): NatsCluster {
    return must(this.cluster, "a drill with a cluster");
  }

  produce(): void {
    this.producer = new Producer(this.broker, this.events, PUBLISHERS, PAUSE_MS);
  }

  /** The stream's end, as soon as there is an answer. */
  async lastSequence(): Promise<number> {
    for (;;) {
      const state = await this.broker.streamInfo(STREAM_EVENTS).catch(() => undefined);
      if (state !== undefined) return state.last_sequence;
      await systemClock.sleep(20);
    }
  }

  /** Which node leads EVENTS, as soon as one does. */
  async leader(): Promise<string> {
    for (;;) {
      const leader = await this.broker.streamLeader(STREAM_EVENTS).catch(() => undefined);
      if (leader !== undefined && leader !== "") return leader;
      await systemClock.sleep(20);
    }
  }

  /** From `since_ms` until the host has committed what was published after the broker answered again. */
  async recovered(since_ms: number): Promise<number> {
    await this.host.reaches((await this.lastSequence()) + 1);
    return performance.now() - since_ms;
  }
}


/** Calibrated once for all drills. */
let shared: World | undefined;

/** Runs a drill on a rig of its own: what was acknowledged is counted in the host's store afterwards, and the store compared with a clean fold. */
export async function drillOn(drill: string, options: RigOptions, work: (rig: Rig) => Promise<DrillReport>): Promise<DrillResult> {
  const world = (shared ??= createWorld(shortHistory));
  const directory = await mkdtemp(join(tmpdir(), "tidemark-drill-"));
  const cluster = options.cluster === true ? await NatsCluster.start(directory) : undefined;
  const embedded = cluster === undefined ? await startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger }) : undefined;
  const nats_url = cluster?.url ?? must(embedded, "a broker").url;
  const broker = await Broker.connect({ url: nats_url, name: "drill" });
  const host = await Host.create(options.data_dir?.(directory) ?? join(directory, "host"), nats_url, { TIDEMARK_SERVE_WORKERS: "2", ...options.environment });
  const events = sampleTraffic(world, { seed: `drill-${drill.replaceAll(" ", "-")}`, start_ms: shortHistory.end_ms, rate_per_s: 1_000 });
  let probe: PriceProbe | undefined;
  let rig: Rig | undefined;
  try {
    // A cluster that has just elected its leaders refuses at first.
    while (!(await broker.ensureStreams().then(() => true, () => false))) await systemClock.sleep(200);
    const course_ids: string[] = [];
    for (const event of generateHistory(world)) {
      if (event.type !== "course.upserted") continue;
      await broker.publish(eventSubject(event, "backfill"), Buffer.from(JSON.stringify(event)), { message_id: event.id });
      if (course_ids.push(event.course_id) === COURSES_ASKED) break;
    }
    rig = new Rig({ directory, broker, host, cluster, embedded, events, course_ids });
    host.run("ingest");
    await host.reaches(course_ids.length);
    host.run("serve");
    await host.answers();
    probe = new PriceProbe(host.url, course_ids);
    rig.produce();
    await rig.recovered(performance.now());
    const report = await work(rig);
    const acknowledged = await must(rig.producer, "a producer").stop();
    const last = await rig.lastSequence();
    await host.reaches(last);
    const prices = await probe.stop();
    await host.stop();
    return { drill, ...report, prices, ...(await verdict(rig, acknowledged, last)) };
  } finally {
    await probe?.stop();
    await host.stop();
    await broker.close();
    await cluster?.stop();
    await (rig?.embedded ?? embedded)?.stop();
    options.after?.();
    await rm(directory, { recursive: true, force: true });
  }
}

async function verdict({ broker, host }: Rig, acknowledged: AcknowledgedEvents, sequence: number): Promise<Pick<DrillResult, "acknowledged" | "lost" | "duplicated" | "equal">> {
  const store = openLmdbStore(host.store_path, { readonly: true });
  try {
    const { lost, duplicated } = acknowledged.difference(store, shortHistory.end_ms);
    const clean = new MemoryStore();
    const at = { control_sequence: store.cursor(STREAM_CONTROL)?.sequence ?? 0, offers_sequence: store.cursor(STREAM_OFFERS)?.sequence ?? 0 };
    await foldTo({ events: broker, control: broker, store: clean, sequence, ...at });
    return { acknowledged: acknowledged.total, lost, duplicated, equal: stateDigest(clean) === stateDigest(store) };
  } finally {
    await store.close();
  }
}
