import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Event } from "../../contracts/events.ts";
import type { LearnerScoresAnswer } from "../../contracts/learner-scores.ts";
import type { SegmentSignal } from "../../contracts/signals.ts";
import { eventSubject, STREAM_EVENTS, STREAM_SIGNALS } from "../../contracts/subjects.ts";
import { layoutIdentity } from "../../features/feature-set.ts";
import { openLmdbStore } from "../../features/lmdb-store.ts";
import { StoreDirectory } from "../../features/store-directory.ts";
import type { FeatureStore } from "../../features/store.ts";
import type { EmbeddedBroker } from "../../ingest/embedded-broker.ts";
import { runIngest } from "../../ingest/ingest.ts";
import type { Broker } from "../../ingest/nats.ts";
import { readStream } from "../../ingest/read-stream.ts";
import { startTestBroker, type TestBroker } from "../../ingest/testing/test-broker.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { formatTime } from "../../lib/time.ts";
import { startServeProcess } from "../serve-process-testing.ts";
import { signalOf } from "./told-state.ts";

const LEARNERS = 40;

let rig: TestBroker;
let directory: string;
let embedded: EmbeddedBroker;
let broker: Broker;
let store: FeatureStore;
let ingest: Promise<void>;
const stopIngest = new AbortController();
let eventId = 0;

type Draft = Event extends infer One ? (One extends Event ? Omit<One, "id" | "time"> : never) : never;

async function publish(draft: Draft): Promise<void> {
  const event = { ...draft, id: `t${eventId++}`, time: formatTime(Date.now()) } as Event;
  await broker.publish(eventSubject(event), new TextEncoder().encode(JSON.stringify(event)), { message_id: event.id });
}

beforeAll(async () => {
  rig = await startTestBroker("takeover");
  ({ directory, server: embedded, broker } = rig);
  for (let i = 0; i < LEARNERS; i++) await publish({ type: "enrollment.created", enrollment_id: `e${i}`, course_id: "c1", learner_id: `l${i}`, price: 50 });
  store = openLmdbStore(new StoreDirectory(join(directory, "features")).prepare(layoutIdentity).path, { readonly: false });
  ingest = runIngest({ broker, store, logger: silentLogger, clock: systemClock, signal: stopIngest.signal });
  while ((store.cursor(STREAM_EVENTS)?.sequence ?? 0) < LEARNERS) await sleep(10);
});

afterAll(async () => {
  stopIngest.abort();
  await ingest;
  await store.close();
  await rig.stop();
});

/** The value of a metric without labels. */
async function figure(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);
}

async function segmentSignals(): Promise<SegmentSignal[]> {
  const signals: SegmentSignal[] = [];
  await readStream(broker, STREAM_SIGNALS, {}, ({ data }) => {
    const signal = signalOf(data);
    if (signal?.type === "segment.changed") signals.push(signal);
  });
  return signals;
}

async function ended(child: ChildProcess, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

test("kill -9 of the process that tells: another goes on, and every change is told once, each from where the one before led", { timeout: 90_000 }, async () => {
  const config = { workers: 1, data_dir: directory, nats_url: embedded.url };
  const served = await Promise.all([startServeProcess(directory, config), startServeProcess(directory, config)]);
  try {
    const leading = async (): Promise<number> => {
      for (;;) {
        const figures = await Promise.all(served.map(({ url, process }) => (process.exitCode === null && process.signalCode === null ? figure(url, "tidemark_signals_publishers") : 0)));
        expect(figures[0]! + figures[1]!).toBeLessThan(2);
        if (figures.includes(1)) return figures.indexOf(1);
        await sleep(50);
      }
    };
    const leader = await leading();
    while ((await figure(served[leader]!.url, "tidemark_signals_baselines_total")) < 1) await sleep(50);

    // 200 tokens are a fifth of the hand-weighted score: cold without, warm with them.
    const turn = async (round: number): Promise<void> => {
      for (let i = 0; i < LEARNERS; i++) await publish({ type: round % 2 === 0 ? "token.purchased" : "token.spent", learner_id: `l${i}`, amount: 200 });
    };
    await turn(0);
    while ((await segmentSignals()).length < LEARNERS) await sleep(50);
    await turn(1);
    // In the middle of telling that.
    while ((await segmentSignals()).length === LEARNERS) await sleep(1);
    await ended(served[leader]!.process, "SIGKILL");
    await sleep(1_000);
    expect((await segmentSignals()).length).toBeLessThanOrEqual(2 * LEARNERS);
    expect(await leading()).toBe(1 - leader);
    while ((await segmentSignals()).length < 2 * LEARNERS) await sleep(50);
    await turn(2);
    while ((await segmentSignals()).length < 3 * LEARNERS) await sleep(50);
    // Some more rounds find nothing to tell.
    await sleep(2_500);

    const signals = await segmentSignals();
    expect(signals.length).toBe(3 * LEARNERS);
    for (let i = 0; i < LEARNERS; i++) {
      const own = signals.filter(({ learner_id }) => learner_id === `l${i}`).map(({ from, to }) => `${from} ${to}`);
      expect(own).toEqual(["cold warm", "warm cold", "cold warm"]);
      const answer = (await (await fetch(`${served[1 - leader]!.url}/learner/l${i}/propensity`)).json()) as LearnerScoresAnswer;
      expect(answer.segment).toBe("warm");
    }
    const segments = (await (await fetch(`${served[1 - leader]!.url}/segments`)).json()) as { movement: { moves: object[] } };
    expect(segments.movement.moves).toEqual([{ from: "cold", to: "warm", learners: 2 * LEARNERS }, { from: "warm", to: "cold", learners: LEARNERS }]);
  } finally {
    for (const { process } of served) if (process.exitCode === null && process.signalCode === null) await ended(process, "SIGTERM");
  }
});
