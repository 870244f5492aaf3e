import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PriceMessage, priceMessageSchema } from "../../contracts/control.ts";
import { type EventOf, eventSchemas } from "../../contracts/events.ts";
import { controlSubject, eventSubject, STREAM_CONTROL, STREAM_EVENTS } from "../../contracts/subjects.ts";
import { layoutIdentity } from "../../features/feature-set.ts";
import { openLmdbStore } from "../../features/lmdb-store.ts";
import { StoreDirectory } from "../../features/store-directory.ts";
import type { EmbeddedBroker } from "../../ingest/embedded-broker.ts";
import { runIngest } from "../../ingest/ingest.ts";
import { Lease } from "../../ingest/lease.ts";
import type { Broker } from "../../ingest/nats.ts";
import { readStream } from "../../ingest/read-stream.ts";
import { startTestBroker, type TestBroker } from "../../ingest/testing/test-broker.ts";
import { ManualClock, systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { formatTime, HOUR_MS } from "../../lib/time.ts";
import { startServeProcess } from "../serve-process-testing.ts";
import { type ApplierBroker, PriceApplier } from "./price-applier.ts";

const LEASE_LAPSE_MS = 20_000;

let rig: TestBroker;
let directory: string;
let embedded: EmbeddedBroker;
let broker: Broker;
let processes = 0;

beforeAll(async () => {
  rig = await startTestBroker("prices");
  ({ directory, server: embedded, broker } = rig);
});

afterAll(async () => {
  await rig.stop();
});

const encode = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

type Decision = { readonly type: "price.accepted"; readonly price: number; readonly jitter?: object } | { readonly type: "price.rejected" | "price.proposed"; readonly price: number } | { readonly type: "price.scheduled"; readonly price: number; readonly at: string };

async function decide(course_id: string, decision: Decision, time_ms = Date.now()): Promise<number> {
  const message: PriceMessage = priceMessageSchema.parse({ time: formatTime(time_ms), author: "ada", reason: "why", course_id, automatic: false, ...decision });
  return (await broker.publish(controlSubject("price", course_id), encode(message), {})).sequence;
}

/** Every repricing of a course, in order. */
async function repricings(course_id: string): Promise<EventOf<"course.repriced">[]> {
  const events: EventOf<"course.repriced">[] = [];
  await readStream(broker, STREAM_EVENTS, {}, ({ subject, data }) => {
    const event: { type?: unknown } = JSON.parse(new TextDecoder().decode(data));
    if (subject === `events.course.${course_id}` && event.type === "course.repriced") events.push(eventSchemas["course.repriced"].parse(event));
  });
  return events;
}

/** The price of a course's last repricing. */
async function lastPrice(course_id: string): Promise<number | undefined> {
  const last = await broker.getMessage(STREAM_EVENTS, { last_by_subject: `events.course.${course_id}` });
  return last === undefined ? undefined : (JSON.parse(new TextDecoder().decode(last.data)) as { price?: number }).price;
}

const applying = { settle: () => Promise.resolve("apply" as const) };

/** A process's applier. All hold the one lease; each process has a clock of its own. */
function applier(clock: ManualClock, through: ApplierBroker = broker, schedule: ConstructorParameters<typeof PriceApplier>[0]["schedule"] = applying): PriceApplier {
  const lease = new Lease({ broker: through, clock, name: "prices-in-process", holder: `p${processes++}` });
  return new PriceApplier({ broker: through, lease, schedule, clock, logger: silentLogger });
}

async function until(reached: () => Promise<boolean>, step: () => Promise<void>): Promise<void> {
  while (!(await reached())) {
    await step();
    await sleep(5);
  }
}

/** Takes the lease whoever had it, and works until the course's last repricing is at the price. */
async function applyUntil(process: PriceApplier, clock: ManualClock, course_id: string, price: number): Promise<void> {
  await process.checkLease();
  clock.advance(LEASE_LAPSE_MS);
  await until(
    async () => (await lastPrice(course_id)) === price,
    async () => {
      await process.checkLease();
      await process.check();
    },
  );
}

describe("decided prices", () => {
  test("come into force in order, with their jitter, each once, at the time of the decision", async () => {
    const clock = new ManualClock(Date.now());
    const jitter = { base: 51.5, sigma: 0.1, probability: 0.04 };
    await decide("order", { type: "price.proposed", price: 40 });
    const first = await decide("order", { type: "price.accepted", price: 50, jitter }, Date.now() - HOUR_MS);
    await decide("order", { type: "price.rejected", price: 40 });
    // On the subject of another course it asks for nothing.
    await broker.publish(controlSubject("price", "order"), encode({ type: "price.accepted", time: formatTime(Date.now()), author: "x", reason: "x", course_id: "other", price: 9, automatic: false }), {});
    await broker.publish(controlSubject("price", "order"), encode({ type: "price.accepted", price: -1 }), {});
    await broker.publish(controlSubject("price", "order"), new TextEncoder().encode("no json"), {});
    await decide("order", { type: "price.accepted", price: 55 });
    const process = applier(clock);
    await applyUntil(process, clock, "order", 55);
    await process.check();
    await process.stop();
    const events = await repricings("order");
    expect(events.map(({ price }) => price)).toEqual([50, 55]);
    expect(events[0]).toMatchObject({ jitter, id: expect.stringMatching(new RegExp(`^price-${first}-`)) });
    expect(Date.now() - Date.parse(events[0]!.time)).toBeGreaterThanOrEqual(HOUR_MS);
    expect(await repricings("other")).toEqual([]);
    expect(process.applied).toBe(2);
  });

  test("of two processes that both believe to hold the lease one applies, whatever else happens to the course", async () => {
    const clocks = [new ManualClock(Date.now()), new ManualClock(Date.now())];
    const both = clocks.map((clock) => applier(clock));
    for (const [i, process] of both.entries()) {
      await process.checkLease();
      clocks[i]!.advance(LEASE_LAPSE_MS);
      await process.checkLease();
      clocks[i]!.advance(LEASE_LAPSE_MS);
    }
    const prices = Array.from({ length: 20 }, (_, i) => 100 + i);
    for (const price of prices) await decide("raced", { type: "price.accepted", price });
    // Each takes the lease from the other again and again, in the middle of its work.
    await until(
      async () => (await repricings("raced")).length >= prices.length,
      async () => {
        await Promise.all(
          both.map(async (process, i) => {
            clocks[i]!.advance(LEASE_LAPSE_MS / 4);
            await process.checkLease().catch(() => undefined);
            await process.check().catch(() => undefined);
            await broker.publish(eventSubject({ type: "course.upserted", course_id: "raced" } as never), encode({ id: `noise-${Math.random()}`, type: "course.noise" }), {});
          }),
        );
      },
    );
    await Promise.all(both.map((process) => process.stop()));
    expect((await repricings("raced")).map(({ price }) => price)).toEqual(prices);
  });

  test("a process that dies at any call to the broker leaves nothing undone and nothing twice", async () => {
    const clock = new ManualClock(Date.now());
    // What a process asks the broker for until two prices are in force; it dies before, or after, the n-th call.
    let survived = false;
    let calls = 0;
    while (!survived) {
      calls++;
      for (const stored of [false, true]) {
        const course_id = `dies-${calls}-${stored ? "after" : "before"}`;
        const due = formatTime(clock.now_ms());
        await decide(course_id, { type: "price.accepted", price: 50 }, clock.now_ms() - 1);
        await decide(course_id, { type: "price.scheduled", price: 60, at: due }, clock.now_ms() - 1);
        const mortal = new MortalBroker(broker, calls, stored);
        const process = applier(clock, mortal);
        await process.checkLease().catch(() => undefined);
        clock.advance(LEASE_LAPSE_MS);
        while (!mortal.dead && (await lastPrice(course_id)) !== 60) {
          await process.checkLease().catch(() => undefined);
          await process.check().catch(() => undefined);
          await sleep(1);
        }
        if (!mortal.dead) {
          survived = true;
          await process.stop();
          break;
        }
        const next = applier(clock);
        await applyUntil(next, clock, course_id, 60);
        await next.check();
        await next.stop();
        expect((await repricings(course_id)).map(({ price }) => price), course_id).toEqual([50, 60]);
      }
    }
    expect(calls).toBeGreaterThan(8);
  }, 120_000);

  test("scheduled prices come at their times, whoever leads then, unless they were taken back or break a rule", async () => {
    const clock = new ManualClock(Date.now());
    const at = (hours: number): string => formatTime(clock.now_ms() + hours * HOUR_MS);
    await decide("later", { type: "price.scheduled", price: 70, at: at(2) });
    await decide("later", { type: "price.scheduled", price: 60, at: at(1) });
    await decide("later", { type: "price.scheduled", price: 65, at: at(1.5) });
    await decide("later", { type: "price.rejected", price: 65 });
    await decide("later", { type: "price.scheduled", price: 66, at: at(1.7) });
    const asked: number[] = [];
    const schedule = { settle: (due: { price: number }) => Promise.resolve(asked.push(due.price) > 0 && due.price === 66 ? ("refused" as const) : ("apply" as const)) };
    const first = applier(clock, broker, schedule);
    await decide("marker", { type: "price.accepted", price: 1 });
    await applyUntil(first, clock, "marker", 1);
    expect(first.scheduled).toBe(3);
    clock.advance(HOUR_MS);
    await applyUntil(first, clock, "later", 60);
    await first.stop();
    // Another process knows only what CONTROL and the mark say.
    const second = applier(clock, broker, schedule);
    clock.advance(HOUR_MS);
    await applyUntil(second, clock, "later", 70);
    await second.check();
    await second.stop();
    expect((await repricings("later")).map(({ price }) => price)).toEqual([60, 70]);
    expect(asked).toEqual([60, 66, 70]);
    expect(second.scheduled).toBe(0);
  });
});

/** A connection of a process that dies: from the n-th call on nothing comes back, the n-th itself being carried out or not. */
class MortalBroker implements ApplierBroker {
  readonly #broker: Broker;
  readonly #carried_out: boolean;
  #left: number;
  dead = false;

  constructor(live: Broker, calls: number, carried_out: boolean) {
    this.#broker = live;
    this.#left = calls;
    this.#carried_out = carried_out;
  }

  get connected(): boolean {
    return !this.dead;
  }

  publish: Broker["publish"] = (...call) => this.#call(() => this.#broker.publish(...call));
  getMessage: Broker["getMessage"] = (...call) => this.#call(() => this.#broker.getMessage(...call));
  streamInfo: Broker["streamInfo"] = (...call) => this.#call(() => this.#broker.streamInfo(...call));
  consume: Broker["consume"] = (...call) => this.#call(() => this.#broker.consume(...call));

  async #call<T>(call: () => Promise<T>): Promise<T> {
    if (this.dead) throw new Error("dead");
    const last = --this.#left === 0;
    if (last) this.dead = true;
    const result = last && !this.#carried_out ? undefined : await call();
    if (last) throw new Error("died");
    return result as T;
  }
}

describe("the applying process", () => {
  async function ended(child: ChildProcess, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  test("is killed with -9 while prices are accepted over HTTP: another goes on, and each follows once", { timeout: 90_000 }, async () => {
    const COURSES = 60;
    for (let i = 0; i < COURSES; i++) {
      const time = formatTime(Date.now() - HOUR_MS);
      const event = { id: `up-${i}`, type: "course.upserted", time, course_id: `http-${i}`, teacher_id: "t1", category: "c", difficulty_level: "beginner", quality_tier: "basic", base_price: 100, launched_at: time };
      await broker.publish(`events.course.http-${i}`, encode(event), { message_id: event.id });
    }
    const store = openLmdbStore(new StoreDirectory(join(directory, "features")).prepare(layoutIdentity).path, { readonly: false });
    const stop = new AbortController();
    const ingest = runIngest({ broker, store, logger: silentLogger, clock: systemClock, signal: stop.signal });
    const last = (await broker.streamInfo(STREAM_EVENTS))!.last_sequence;
    while ((store.cursor(STREAM_EVENTS)?.sequence ?? 0) < last) await sleep(10);
    const config = { workers: 1, data_dir: directory, nats_url: embedded.url };
    const served = await Promise.all([startServeProcess(directory, config), startServeProcess(directory, config)]);
    const alive = ({ process }: (typeof served)[number]): boolean => process.exitCode === null && process.signalCode === null;
    const leading = async (): Promise<number> => {
      for (;;) {
        const figures = await Promise.all(served.map(async (each) => (alive(each) ? /^tidemark_price_appliers (.*)$/m.exec(await (await fetch(`${each.url}/metrics`)).text())?.[1] : "0")));
        if (figures.includes("1")) return figures.indexOf("1");
        await sleep(50);
      }
    };
    try {
      const leader = await leading();
      const other = served[1 - leader]!;
      for (let i = 0; i < COURSES; i++) {
        const response = await fetch(`${other.url}/courses/http-${i}/price`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ action: "accept", price: 105, reason: "kill test" }) });
        expect(response.status).toBe(200);
        if (i === COURSES / 2) await ended(served[leader]!.process, "SIGKILL");
      }
      expect(await leading()).toBe(1 - leader);
      const applied = async (): Promise<number> => {
        const subjects: string[] = [];
        await readStream(broker, STREAM_EVENTS, {}, ({ subject, data }) => {
          if (subject.startsWith("events.course.http-") && new TextDecoder().decode(data).includes("course.repriced")) subjects.push(subject);
        });
        expect(new Set(subjects).size).toBe(subjects.length);
        return subjects.length;
      };
      while ((await applied()) < COURSES) await sleep(200);
      await sleep(500);
      expect(await applied()).toBe(COURSES);
      const audit = (await (await fetch(`${other.url}/courses/http-0/price_changes`)).json()) as { list_price: number; changes: { event_id: string }[] };
      expect(audit).toMatchObject({ list_price: 105, changes: [{ event_id: (await repricings("http-0"))[0]!.id }] });
      expect((await broker.streamInfo(STREAM_CONTROL))!.last_sequence).toBeGreaterThanOrEqual(COURSES);
    } finally {
      for (const each of served) if (alive(each)) await ended(each.process, "SIGTERM");
      stop.abort();
      await ingest;
      await store.close();
    }
  });
});
