import { Counter, Gauge, Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import type { Clock } from "../lib/clock.ts";
import { MetricsClient, MetricsCollector } from "./cluster-metrics.ts";
import type { PrimaryMessage, WorkerMessage } from "./cluster-messages.ts";
import { TestClock } from "./testing.ts";

function registry(requests: number, lag: number): Registry {
  const own = new Registry();
  new Counter({ name: "requests_total", help: "requests", registers: [own] }).inc(requests);
  new Gauge({ name: "lag", help: "lag", aggregator: "max", registers: [own] }).set(lag);
  return own;
}

/** Waits a tenth of what it is told to: what answers at all answers sooner. */
function patient(): Clock {
  return { now_ms: () => 0, sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms / 10)) };
}

/** A primary and its workers, wired as the process channel does it; what crosses is cloned as JSON. */
function wire(registries: readonly Registry[], mute: ReadonlySet<number> = new Set()): MetricsClient[] {
  const clock = patient();
  const collector = new MetricsCollector(clock);
  const clients: MetricsClient[] = [];
  const toWorker = (i: number, message: PrimaryMessage): void => {
    const client = clients[i]!;
    if (mute.has(i)) return;
    if (message.type === "metrics_collect") void client.contribute(registries[i]!, message.collection);
    else if (message.type === "metrics_text") client.receive(message);
  };
  const toPrimary = async (i: number, raw: WorkerMessage): Promise<void> => {
    const message = JSON.parse(JSON.stringify(raw)) as WorkerMessage;
    if (message.type === "metrics_values") return collector.receive(message);
    const text = await collector.collect(registries.map((_, peer) => ({ send: (order: PrimaryMessage) => toWorker(peer, order) })));
    toWorker(i, { type: "metrics_text", request: message.request, text });
  };
  for (const i of registries.keys()) clients.push(new MetricsClient(clock, (message) => void toPrimary(i, message)));
  return clients;
}

describe("metrics of a cluster", () => {
  test("counters add up and states take the worst, whoever is asked", async () => {
    const registries = [registry(3, 5), registry(4, 9)];
    const clients = wire(registries);
    for (const [i, client] of clients.entries()) {
      const text = await client.text(registries[i]!);
      expect(text).toContain("requests_total 7");
      expect(text).toContain("lag 9");
    }
  });

  test("a worker that hangs does not take the others' figures with it", async () => {
    const registries = [registry(3, 5), registry(4, 9)];
    const [asked] = wire(registries, new Set([1]));
    expect(await asked!.text(registries[0]!)).toContain("requests_total 3");
  });

  test("a primary that does not answer leaves a worker with its own", async () => {
    const own = registry(3, 5);
    const client = new MetricsClient(new TestClock(), () => undefined);
    expect(await client.text(own)).toContain("requests_total 3");
  });
});
