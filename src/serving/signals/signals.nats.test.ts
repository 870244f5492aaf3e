import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ChurnSignal, SegmentSignal } from "../../contracts/signals.ts";
import { BUCKET_TOLD, STREAM_SIGNALS } from "../../contracts/subjects.ts";
import { Lease, LEASE_MS } from "../../ingest/lease.ts";
import type { Broker } from "../../ingest/nats.ts";
import { readStream } from "../../ingest/read-stream.ts";
import { startTestBroker, type TestBroker } from "../../ingest/testing/test-broker.ts";
import { silentLogger } from "../../lib/log.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { registered, testScorer, tokens } from "../learners/testing.ts";
import { START_MS, TestEngine } from "../testing.ts";
import { Movements } from "./movements.ts";
import type { SignalBroker } from "./signal-broker.ts";
import { SignalPublisher } from "./signal-publisher.ts";
import { signalOf } from "./told-state.ts";

let rig: TestBroker;
let broker: Broker;
let engine: TestEngine;
let publishers = 0;
/** Another one each test: the broker remembers message ids for two minutes, whatever becomes of the messages. */
let model = "";

beforeAll(async () => {
  rig = await startTestBroker("signals");
  broker = rig.broker;
});

afterAll(async () => {
  await rig.stop();
});

beforeEach(async () => {
  const last = (await broker.streamInfo(STREAM_SIGNALS))?.last_sequence ?? 0;
  await broker.purge(STREAM_SIGNALS, last + 1);
  await broker.deleteObject(BUCKET_TOLD, "learners").catch(() => undefined);
  engine = new TestEngine();
  model = `p${publishers}`;
  engine.propensity.current = { model: testScorer(model) };
  engine.fold(tokens("ann", "purchased", 400), tokens("ben", "purchased", 600), registered("new"));
  await engine.degradation.check();
});

interface Holder {
  held: boolean;
  term: number;
}

/** A publisher over the engine's store. Without a lease of its own it believes that it has one. */
function publisher(lease: Holder | Lease = { held: true, term: 1 }, over: SignalBroker = broker): SignalPublisher {
  const { features, scores, degradation, turns, clock } = engine;
  publishers++;
  return new SignalPublisher({ features, scores, degradation, broker: over, lease: lease as Lease, turns, clock, logger: silentLogger });
}

type Signal = SegmentSignal | ChurnSignal;

async function told(): Promise<Signal[]> {
  const signals: Signal[] = [];
  await readStream(broker, STREAM_SIGNALS, {}, ({ data }) => void signals.push(signalOf(data)!));
  return signals;
}

const short = (signal: Signal): string => (signal.type === "segment.changed" ? `${signal.learner_id} ${signal.from ?? "-"} ${signal.to}` : `${signal.learner_id} ${signal.type}`);
const shorts = async (): Promise<string[]> => (await told()).map(short);

describe("signals", () => {
  test("where learners stand at first is learnt without a word; then each change is told once", async () => {
    const one = publisher();
    await one.check();
    expect(await shorts()).toEqual([]);
    expect([one.baselines, one.published]).toEqual([1, 0]);
    engine.fold(tokens("ann", "purchased", 350));
    await one.check();
    await one.check();
    expect(await shorts()).toEqual(["ann cold hot"]);
    expect((await told())[0]).toEqual({ type: "segment.changed", learner_id: "ann", time: formatTime(engine.clock.time_ms), record_sequence: engine.sequence, model, from: "cold", to: "hot", score: 0.75 });
    // Over the boundary, but not by enough.
    engine.fold(tokens("ann", "spent", 60));
    await one.check();
    engine.fold(tokens("ben", "earned", 750), tokens("ben", "purchased", 5));
    await one.check();
    engine.fold(tokens("ben", "purchased", 1));
    await one.check();
    expect(await shorts()).toEqual(["ann cold hot", "ben churn.raised"]);
    engine.fold(tokens("ann", "spent", 40), tokens("new", "purchased", 500), tokens("cid", "purchased", 20));
    await one.check();
    expect((await shorts()).slice(2).sort()).toEqual(["ann hot warm", "cid - dormant", "new - warm"]);
    expect(one.published).toBe(5);
  });

  test("who comes after a kill repeats nothing, and tells what happened meanwhile", async () => {
    await publisher().check();
    engine.fold(tokens("ann", "purchased", 350));
    await publisher().check();
    engine.fold(tokens("ben", "purchased", 300));
    // The table that was stored knows neither; the stream does.
    await publisher().check();
    await publisher().check();
    expect(await shorts()).toEqual(["ann cold hot", "ben warm hot"]);
  });

  test("a kill between what belongs together tells the rest", async () => {
    await publisher().check();
    engine.fold(tokens("ann", "purchased", 1_000), tokens("ann", "earned", 900));
    let calls = 0;
    const dying = new Proxy(broker, {
      get: (target, name) => {
        if (name === "publish" && ++calls > 1) return () => Promise.reject(new Error("killed"));
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? (value as () => unknown).bind(target) : value;
      },
    });
    await expect(publisher({ held: true, term: 1 }, dying).check()).rejects.toThrow("killed");
    expect(await shorts()).toEqual(["ann cold hot"]);
    await publisher().check();
    expect(await shorts()).toEqual(["ann cold hot", "ann churn.raised"]);
  });

  test("an answer that is lost is no second signal, though the score has moved since", async () => {
    const deaf = new Proxy(broker, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (name === "publish") return async (...parameters: Parameters<Broker["publish"]>) => target.publish(...parameters).then(() => Promise.reject(new Error("no answer")));
        return typeof value === "function" ? (value as () => unknown).bind(target) : value;
      },
    });
    const one = publisher({ held: true, term: 1 }, deaf);
    await one.check();
    engine.fold(tokens("ann", "purchased", 350));
    await expect(one.check()).rejects.toThrow("no answer");
    engine.propensity.current = { model: testScorer(model, 0.01) };
    await one.check();
    expect(await shorts()).toEqual(["ann cold hot"]);
  });

  test("a new model is no change of learners: nobody is told, however many move by it", async () => {
    const one = publisher();
    for (let i = 0; i < 500; i++) engine.fold(tokens(`s${i}`, "purchased", 600));
    await one.check();
    engine.propensity.current = { model: testScorer(`${model}-next`, 0.3) };
    await one.check();
    expect([await shorts(), one.baselines]).toEqual([[], 2]);
    engine.fold(tokens("s7", "spent", 500));
    await one.check();
    // By the new model it was hot.
    expect(await shorts()).toEqual(["s7 hot cold"]);
    // Nor by whoever takes over, with the same model or another.
    await publisher().check();
    engine.propensity.current = { model: testScorer(`${model}-last`, -0.3) };
    await publisher().check();
    expect(await shorts()).toEqual(["s7 hot cold"]);
  });

  test("two that both believe to be the one tell each change once", async () => {
    await publisher().check();
    const [a, b] = [publisher(), publisher()];
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < 40; i++) engine.fold(tokens(`r${i}`, round % 2 === 0 ? "purchased" : "spent", 400));
      // Either may find that the other was first, and begin anew.
      await Promise.all([a.check(), b.check()]);
    }
    const { length: last } = await told();
    await publisher().check();
    const signals = await told();
    expect(last).toBeGreaterThan(0);
    const keys = signals.map((signal) => `${short(signal)} ${signal.record_sequence}`);
    expect(new Set(keys).size).toBe(keys.length);
    for (let i = 0; i < 40; i++) {
      const own = signals.filter((signal): signal is SegmentSignal => signal.learner_id === `r${i}` && signal.type === "segment.changed");
      own.forEach((signal, k) => expect(signal.to).not.toBe(own[k - 1]?.to));
      expect(own.at(-1)!.to).toBe(engine.scores.find(`r${i}`)!.standing.segment);
    }
  });

  test("by the lease one of two tells, and the other once that one is silent", async () => {
    const leases = ["a", "b"].map((holder) => new Lease({ broker, clock: engine.clock, name: `signals-${publishers}`, holder }));
    const [a, b] = leases.map((lease) => publisher(lease)) as [SignalPublisher, SignalPublisher];
    const all = async (): Promise<void> => {
      for (const one of [a, b]) {
        await one.checkLease();
        await one.check();
      }
    };
    await all();
    expect([a.leading, b.leading]).toEqual([true, false]);
    engine.fold(tokens("ann", "purchased", 350));
    await all();
    expect([a.published, b.published]).toEqual([1, 0]);
    // `a` sleeps; once it wakes it has no lease, and says nothing.
    engine.clock.time_ms += LEASE_MS / 2;
    await b.checkLease();
    engine.clock.time_ms += LEASE_MS;
    engine.fold(tokens("ann", "spent", 700));
    await b.checkLease();
    await b.check();
    await a.check();
    await a.checkLease();
    await a.check();
    expect([a.leading, b.leading]).toEqual([false, true]);
    expect(await shorts()).toEqual(["ann cold hot", "ann hot dormant"]);
  });

  test("a fold that shows the past tells nothing, and leaves the lease to others", async () => {
    const lease = new Lease({ broker, clock: engine.clock, name: "behind", holder: "behind" });
    const one = publisher(lease);
    await one.checkLease();
    await one.check();
    engine.fold(tokens("ann", "purchased", 350));
    engine.broker.stream = { ...engine.broker.stream!, last_sequence: engine.sequence + 50_000 };
    await engine.degradation.check();
    await one.check();
    await one.checkLease();
    expect([one.leading, await shorts()]).toEqual([false, []]);
    engine.broker.stream = { ...engine.broker.stream, last_sequence: engine.sequence };
    await engine.degradation.check();
    await one.checkLease();
    await one.check();
    expect([one.leading, await shorts()]).toEqual([true, ["ann cold hot"]]);
  });

  test("history that is imported tells nothing: where it ends is where learners stand", async () => {
    engine = new TestEngine();
    engine.propensity.current = { model: testScorer(model) };
    await engine.degradation.check();
    const one = publisher();
    await one.check();
    // Event times a month before the broker's.
    for (const days of [30, 20, 10]) {
      engine.fold(tokens("ann", "purchased", 320, START_MS - days * DAY_MS));
      engine.store.commit((batch) => batch.putWatermark({ event_time_ms: START_MS - days * DAY_MS, broker_time_ms: START_MS }));
      await engine.degradation.check();
      await one.check();
    }
    expect([one.baselines, await shorts()]).toEqual([0, []]);
    engine.fold(tokens("ann", "purchased", 1));
    await one.check();
    expect([one.baselines, await shorts()]).toEqual([1, []]);
    engine.fold(tokens("ann", "spent", 600));
    await one.check();
    expect(await shorts()).toEqual(["ann hot cold"]);
  });

  test("who is erased is told of no more, and comes back as somebody new", async () => {
    const one = publisher();
    await one.check();
    engine.fold({ id: `erase-${publishers}`, type: "learner.erased", time: formatTime(START_MS), learner_id: "ann" });
    await one.check();
    await one.check();
    engine.fold(tokens("ann", "purchased", 10));
    await one.check();
    expect(await shorts()).toEqual(["ann - dormant"]);
  });

  test("movement is counted from the signals, by whoever is asked", async () => {
    const movements = new Movements(broker, { ...engine.clock, now_ms: () => Date.now(), sleep: engine.clock.sleep });
    expect(movements.current).toBeNull();
    const one = publisher();
    await one.check();
    engine.fold(tokens("ann", "purchased", 350), tokens("ben", "purchased", 300), tokens("cid", "purchased", 800));
    await one.check();
    await movements.check();
    while (movements.current!.moves.length < 3) await engine.clock.sleep();
    const today = Math.floor(Date.now() / DAY_MS);
    expect(movements.current).toEqual({ since: formatTime((today - 6) * DAY_MS), moves: [{ from: null, to: "hot", learners: 1 }, { from: "cold", to: "hot", learners: 1 }, { from: "warm", to: "hot", learners: 1 }] });
    await movements.stop();
    expect(movements.current).toBeNull();
  });
});
