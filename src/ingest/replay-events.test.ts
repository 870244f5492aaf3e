import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { TidemarkError } from "../lib/errors.ts";
import type { BrokerMessage, Broker, Consumption, DeliveredMessage, MessageQuery } from "./nats.ts";
import { replayEvents } from "./replay-events.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const time_ms = Date.parse("2026-01-01T00:00:00Z");
const data = new TextEncoder().encode(
  JSON.stringify({ id: "e", type: "exposure.viewed", time: "2026-01-01T00:00:00Z", course_id: "c1", learner_id: "l1", price: 5 }),
);
const stored = (sequence: number): BrokerMessage => ({ subject: "events.exposure.c1", sequence, time_ms, data });

/** A stream of 100 messages of which `remaining` are still there; the test delivers them. */
class FakeBroker implements Pick<Broker, "streamInfo" | "consume" | "getMessage"> {
  created = "A";
  remaining: readonly number[] = Array.from({ length: 100 }, (_, i) => i + 1);
  away = false;
  stopped = false;
  deliver: (message: DeliveredMessage) => void = () => undefined;

  streamInfo() {
    return Promise.resolve({ created: this.created, first_sequence: this.remaining[0] ?? 101, last_sequence: 100, messages: this.remaining.length, bytes: 1 });
  }

  consume(_stream: string, _options: object, onMessage: (message: DeliveredMessage) => void): Promise<Consumption> {
    this.deliver = onMessage;
    const stop = (): Promise<void> => {
      this.stopped = true;
      return Promise.resolve();
    };
    return Promise.resolve({ pause: () => undefined, resume: () => undefined, stop, closed: new Promise<void>(() => undefined) });
  }

  getMessage(_stream: string, which: MessageQuery) {
    if (this.away) return Promise.reject(new TidemarkError("broker_unreachable", "away"));
    const next = this.remaining.find((sequence) => "from_sequence" in which && sequence >= which.from_sequence);
    return Promise.resolve(next === undefined ? undefined : stored(next));
  }
}

async function start(broker: FakeBroker, delivered: number) {
  const seen: number[] = [];
  let done = false;
  const running = replayEvents(broker, {}, (event) => seen.push(event.sequence)).then((range) => {
    done = true;
    return range;
  });
  await vi.advanceTimersByTimeAsync(0);
  for (let sequence = 1; sequence <= delivered; sequence++) broker.deliver({ ...stored(sequence), pending: 100 - sequence });
  return { running, seen, isDone: () => done };
}

it("ends when its last messages were removed before they came", async () => {
  const broker = new FakeBroker();
  const { running, seen, isDone } = await start(broker, 60);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(isDone()).toBe(false);
  broker.remaining = [];
  broker.away = true;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(isDone()).toBe(false);
  broker.away = false;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(await running).toEqual({ first_sequence: 1, last_sequence: 100, stream_created: "A" });
  expect(seen.length).toBe(60);
  expect(broker.stopped).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});

it("ends when everything was removed before anything came", async () => {
  const broker = new FakeBroker();
  const { running, seen } = await start(broker, 0);
  broker.remaining = [];
  await vi.advanceTimersByTimeAsync(20_000);
  await running;
  expect(seen).toEqual([]);
});

it("does not take another stream of the name for the end of its own", async () => {
  const broker = new FakeBroker();
  const { isDone } = await start(broker, 60);
  broker.remaining = [];
  broker.created = "B";
  await vi.advanceTimersByTimeAsync(20_000);
  expect(isDone()).toBe(false);
});
