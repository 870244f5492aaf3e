import { beforeEach, describe, expect, test } from "vitest";
import { defaultPolicy } from "../contracts/policy.ts";
import { TestEngine } from "./testing.ts";

let engine: TestEngine;

beforeEach(() => {
  engine = new TestEngine();
  engine.foldCatalogue();
});

async function after(ms: number): Promise<readonly string[]> {
  engine.clock.time_ms += ms;
  await engine.degradation.check();
  return engine.degradation.reasons;
}

/** The stream grows by `events` that nobody folds. */
function behind(events: number): void {
  engine.broker.stream = { ...engine.broker.stream!, last_sequence: engine.broker.stream!.last_sequence + events };
}

describe("DegradationMonitor", () => {
  test("a quiet stream is never stale", async () => {
    expect(await after(0)).toEqual([]);
    expect(await after(10 * defaultPolicy.stale_after_ms)).toEqual([]);
    expect(engine.degradation.lag_events).toBe(0);
  });

  test("a fold that stands still while events arrive is stale after the policy's time, and recovers", async () => {
    await after(0);
    behind(3);
    expect(await after(1_000)).toEqual([]);
    expect(engine.degradation.lag_events).toBe(3);
    expect(await after(defaultPolicy.stale_after_ms - 1_000)).toEqual([]);
    expect(await after(1)).toEqual(["features_stale"]);
    engine.enroll("c1", 100);
    expect(await after(1_000)).toEqual([]);
  });

  test("a long quiet time before the first event does not count as standing still", async () => {
    await after(0);
    await after(3_600_000);
    behind(1);
    expect(await after(1_000)).toEqual([]);
  });

  test("a fold that is far behind but moves is not stale", async () => {
    behind(1_000_000);
    for (let i = 0; i < 30; i++) {
      const { stream } = engine.broker;
      engine.enroll("c1", 100);
      engine.broker.stream = stream;
      expect(await after(5_000)).toEqual([]);
    }
  });

  test("a store of another stream is behind by all of this one", async () => {
    engine.broker.stream = { ...engine.broker.stream!, created: "2026-02-02T00:00:00.000Z", last_sequence: 7 };
    await after(0);
    expect(engine.degradation.lag_events).toBe(7);
    expect(await after(defaultPolicy.stale_after_ms + 1)).toEqual(["features_stale"]);
  });

  test("a lost broker is said at once, what was known stays, and the reasons keep their identity", async () => {
    behind(1);
    await after(0);
    await after(defaultPolicy.stale_after_ms + 1);
    engine.broker.connected = false;
    expect(engine.degradation.reasons).toEqual(["broker_unreachable", "features_stale"]);
    const { reasons } = engine.degradation;
    expect(await after(1_000)).toBe(reasons);
    expect(engine.degradation.lag_events).toBe(1);
  });
});
