import { getEventListeners } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { MINUTE_MS } from "../lib/time.ts";
import { pause } from "./pause.ts";
import { SnapshotKeeper } from "./snapshot-keeper.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const listeners = (signal: AbortSignal): number => getEventListeners(signal, "abort").length;

test("ends when its time is over or the signal aborts, and leaves nothing on the signal", async () => {
  const stop = new AbortController();
  const over = pause(1_000, stop.signal);
  expect(listeners(stop.signal)).toBe(1);
  await vi.advanceTimersByTimeAsync(1_000);
  await over;
  expect(listeners(stop.signal)).toBe(0);
  const aborted = pause(1_000, stop.signal);
  stop.abort();
  await aborted;
  expect(vi.getTimerCount()).toBe(0);
  await pause(1_000, stop.signal);
});

test("what waits again and again for as long as the process lives takes no more of it with time", async () => {
  const stop = new AbortController();
  const snapshots = { list: () => Promise.resolve([]), create: () => Promise.reject(new Error("none")), prune: () => Promise.resolve(0) };
  const keeper = new SnapshotKeeper({ snapshots, store_path: "", layout: "", clock: systemClock, logger: silentLogger, interval_ms: MINUTE_MS, kept: 1 });
  const running = keeper.run(stop.signal);
  await vi.advanceTimersByTimeAsync(100 * MINUTE_MS);
  expect(keeper.status.failures).toBe(100);
  expect(listeners(stop.signal)).toBe(1);
  stop.abort();
  await running;
});
