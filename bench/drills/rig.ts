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
import { Host, type RoleOptions } from "./host.ts";
import { type PriceCounts, PriceProbe } from "./price-probe.ts";
import { Producer } from "./producer.ts";
import type { VirtualNetwork } from "./virtual-network.ts";

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
  /** Three brokers; on the machines of this network if one is given. */
  readonly cluster?: true | VirtualNetwork;
  /** Hosts that fold and serve: 1 unless given. Prices are asked of the first, and of the others where it does not answer. */
  readonly hosts?: number;
  /** Of a single broker: where it keeps its data (in the rig's own directory unless given), and where it listens. */
  readonly broker_dir?: string;
  readonly broker_port?: number;
  /** Nobody produces events; the drill does. */
  readonly idle?: boolean;
  /** How the first host's ingest is run, if not like every other role. */
  readonly ingest?: RoleOptions;
  /** Where the first host keeps its data; in the rig's own directory unless given. */
  readonly data_dir?: string;
  /** Of every role of every host. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** One broker or three, a host that folds and serves, a producer and somebody who asks for prices all the time. */
export class Rig {
  readonly directory: string;
  readonly broker: Broker;
  readonly hosts: readonly Host[];
  readonly cluster: NatsCluster | undefined;
  /** Another one once a drill has put it in its place. */
  embedded: EmbeddedBroker | undefined;
  readonly events: Iterator<Event, never>;
  producer: Pick<Producer, "stop"> | undefined;
  readonly course_ids: readonly string[];

  constructor(parts: Pick<Rig, "directory" | "broker" | "hosts" | "cluster" | "embedded" | "events" | "course_ids">) {
    this.directory = parts.directory;
    this.broker = parts.broker;
    this.hosts = parts.hosts;
    this.cluster = parts.cluster;
    this.embedded = parts.embedded;
    this.events = parts.events;
    this.course_ids = parts.course_ids;
  }

  /** The one that a drill is about. */
  get host(): Host {
    return must(this.hosts[0], "a host");
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

/** Runs a drill on a rig of its own: what was acknowledged is counted in every host's store afterwards, and each store compared with a clean fold. */
export async function drillOn(drill: string, options: RigOptions, work: (rig: Rig) => Promise<DrillReport>): Promise<DrillResult> {
  const world = (shared ??= createWorld(shortHistory));
  const directory = await mkdtemp(join(tmpdir(), "tidemark-drill-"));
  let rig: Rig | undefined;
  const ends: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  try {
    const cluster = options.cluster === undefined ? undefined : await NatsCluster.start(directory, options.cluster === true ? undefined : options.cluster);
    if (cluster !== undefined) ends.push(() => cluster.stop());
    const port = options.broker_port === undefined ? {} : { port: options.broker_port };
    const embedded = cluster === undefined ? await startEmbeddedBroker({ data_dir: options.broker_dir ?? join(directory, "nats"), ...port, logger: silentLogger }) : undefined;
    if (embedded !== undefined) ends.push(() => (rig?.embedded ?? embedded).stop());
    const nats_url = cluster?.url ?? must(embedded, "a broker").url;
    const broker = await Broker.connect({ url: nats_url, name: "drill" });
    ends.push(() => broker.close());
    const hosts = await createHosts(directory, nats_url, options);
    for (const host of hosts) ends.push(() => host.stop());
    // A cluster that has just elected its leaders refuses at first.
    while (!(await broker.ensureStreams().then(() => true, () => false))) await systemClock.sleep(200);
    const course_ids = await publishCourses(broker, world);
    const events = sampleTraffic(world, { seed: `drill-${drill.replaceAll(/[^a-z]+/g, "-")}`, start_ms: shortHistory.end_ms, rate_per_s: 1_000 });
    rig = new Rig({ directory, broker, hosts, cluster, embedded, events, course_ids });
    for (const host of hosts) {
      host.run("ingest");
      await host.reaches(course_ids.length);
      host.run("serve");
    }
    for (const host of hosts) await host.answers();
    const probe = new PriceProbe(hosts.map(({ url }) => url), course_ids);
    ends.push(() => probe.stop());
    if (options.idle !== true) {
      rig.produce();
      await rig.recovered(performance.now());
    }
    const report = await work(rig);
    const acknowledged = await must(rig.producer, "a producer").stop();
    const last = await rig.lastSequence();
    for (const host of hosts) await host.reaches(last);
    const prices = await probe.stop();
    for (const host of hosts) await host.stop();
    return { drill, ...report, prices, ...(await verdict(rig, acknowledged, last)) };
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

async function createHosts(directory: string, nats_url: string, { hosts: count = 1, data_dir, environment, ingest }: RigOptions): Promise<Host[]> {
  const all = { TIDEMARK_SERVE_WORKERS: "2", ...environment };
  const hosts = [await Host.create(data_dir ?? join(directory, "host"), nats_url, all, ingest === undefined ? {} : { ingest })];
  while (hosts.length < count) hosts.push(await Host.create(join(directory, `host-${hosts.length}`), nats_url, all));
  return hosts;
}

/** Some courses of the platform, which prices are asked for. */
async function publishCourses(broker: Broker, world: World): Promise<string[]> {
  const course_ids: string[] = [];
  for (const event of generateHistory(world)) {
    if (event.type !== "course.upserted") continue;
    await broker.publish(eventSubject(event, "backfill"), Buffer.from(JSON.stringify(event)), { message_id: event.id });
    if (course_ids.push(event.course_id) === COURSES_ASKED) break;
  }
  return course_ids;
}

type Verdict = Pick<DrillResult, "acknowledged" | "lost" | "duplicated" | "equal">;

/** Of the host that is the worst off. */
async function verdict({ broker, hosts }: Rig, acknowledged: AcknowledgedEvents, sequence: number): Promise<Verdict> {
  const verdicts: Verdict[] = [];
  for (const host of hosts) verdicts.push(await hostVerdict(broker, host, acknowledged, sequence));
  const worst = (of: (verdict: Verdict) => number): number => Math.max(...verdicts.map(of));
  return { acknowledged: acknowledged.total, lost: worst(({ lost }) => lost), duplicated: worst(({ duplicated }) => duplicated), equal: verdicts.every(({ equal }) => equal) };
}

async function hostVerdict(broker: Broker, host: Host, acknowledged: AcknowledgedEvents, sequence: number): Promise<Verdict> {
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
