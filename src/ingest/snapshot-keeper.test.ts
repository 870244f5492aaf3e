import { getEventListeners } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { MINUTE_MS } from "../lib/time.ts";
import { SnapshotKeeper } from "./snapshot-keeper.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("what waits again and again for as long as the process lives takes no more of it with time", async () => {
  const stop = new AbortController();
  const snapshots = { list: () => Promise.resolve([]), create: () => Promise.reject(new Error("none")), prune: () => Promise.resolve(0) };
  const keeper = new SnapshotKeeper({ snapshots, store_path: "", layout: "", clock: systemClock, logger: silentLogger, interval_ms: MINUTE_MS, kept: 1 });
  const running = keeper.run(stop.signal);
  await vi.advanceTimersByTimeAsync(100 * MINUTE_MS);
  expect(keeper.status.failures).toBe(100);
  expect(getEventListeners(stop.signal, "abort")).toHaveLength(1);
  stop.abort();
  await running;
});
