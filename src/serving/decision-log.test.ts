import { beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import type { Decision } from "../pricing/decision.ts";
import { DecisionLog, type Recordable } from "./decision-log.ts";
import { START_MS, TestBroker, TestClock, TestEngine } from "./testing.ts";

let template: Decision;
const moment = { decided_at_ms: START_MS, cursor_sequence: 7 };

beforeEach(() => {
  const engine = new TestEngine();
  engine.foldCatalogue();
  const taken: Decision[] = [];
  engine.decisions.record = (decision) => void taken.push(decision);
  engine.prices.optimize({ course_id: "c1" });
  template = taken[0]!;
});

function decision(i: number): Decision {
  return { ...template, id: `q${i}` };
}

function logOver(broker: TestBroker, decisions_max?: number): DecisionLog {
  return new DecisionLog({ broker, clock: new TestClock(), logger: silentLogger, ...(decisions_max === undefined ? {} : { decisions_max }) });
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

const settle = (log: DecisionLog, waiting = 0): Promise<void> => until(() => log.pending <= waiting);

const idsOf = (broker: TestBroker): (string | undefined)[] => broker.published.map(({ message_id }) => message_id).sort();

describe("DecisionLog", () => {
  test("publishes everything, however often it fails, each under one id", async () => {
    const broker = new TestBroker();
    broker.failures = 5;
    const log = logOver(broker);
    for (let i = 0; i < 1_000; i++) log.record(decision(i), moment);
    await settle(log);
    expect(idsOf(broker)).toEqual(Array.from({ length: 1_000 }, (_, i) => `q${i}`).sort());
    expect(log).toMatchObject({ recorded: 1_000, dropped: 0, pending: 0, retries: 5 });
  });

  test("waits while there is no connection", async () => {
    const broker = new TestBroker();
    broker.connected = false;
    const log = logOver(broker);
    for (let i = 0; i < 10; i++) log.record(decision(i), moment);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(log).toMatchObject({ recorded: 0, pending: 10, retries: 0 });
    broker.connected = true;
    await settle(log);
    expect(broker.published.length).toBe(10);
  });

  test("drops the oldest when it is full, and says so", async () => {
    const broker = new TestBroker();
    broker.connected = false;
    const log = logOver(broker, 5);
    for (let i = 0; i < 8; i++) log.record(decision(i), moment);
    expect(log).toMatchObject({ pending: 5, dropped: 3 });
    broker.connected = true;
    await settle(log);
    expect(idsOf(broker)).toEqual(["q3", "q4", "q5", "q6", "q7"]);
  });

  test("gives up what the broker never takes, and nothing else", async () => {
    const broker = new TestBroker();
    broker.refused_subject = "nowhere";
    const log = logOver(broker);
    const poison = (id: string): Recordable => ({ id, subject: "nowhere", json: () => "{}" });
    log.add(poison("a"));
    for (let i = 0; i < 600; i++) log.record(decision(i), moment);
    log.add(poison("b"));
    await until(() => log.recorded === 600);
    for (let i = 600; log.pending > 0; i++) {
      log.record(decision(i), moment);
      await settle(log, 2);
    }
    expect(log.dropped).toBe(2);
    expect(idsOf(broker)).toEqual(Array.from({ length: log.recorded }, (_, i) => `q${i}`).sort());
  });

  test("keeps what the broker refuses for as long as it takes nothing at all", async () => {
    const broker = new TestBroker();
    broker.refused_subject = "quotes.course.c1";
    const log = logOver(broker);
    for (let i = 0; i < 3; i++) log.record(decision(i), moment);
    await until(() => log.retries > 20);
    expect(log).toMatchObject({ pending: 3, dropped: 0 });
    broker.refused_subject = undefined;
    await settle(log);
    expect(idsOf(broker)).toEqual(["q0", "q1", "q2"]);
  });

  test("queues a decision that waits already only once", async () => {
    const broker = new TestBroker();
    const log = logOver(broker);
    for (let i = 0; i < 5; i++) log.record(decision(1), moment);
    await settle(log);
    expect(broker.published.length).toBe(1);
  });

  test("closing flushes, and gives up at its deadline", async () => {
    const broker = new TestBroker();
    const log = new DecisionLog({ broker, clock: systemClock, logger: silentLogger });
    for (let i = 0; i < 200; i++) log.record(decision(i), moment);
    await log.close(10_000);
    expect(broker.published.length).toBe(200);

    broker.connected = false;
    const stuck = new DecisionLog({ broker, clock: systemClock, logger: silentLogger });
    stuck.record(decision(1), moment);
    await stuck.close(50);
    expect(stuck).toMatchObject({ pending: 1, recorded: 0 });
  });
});
