import { getEventListeners } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { pause } from "./pause.ts";
import { DAY_MS } from "./time.ts";

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

test("a wait of more than a timer takes is waited for, and aborts like any other", async () => {
  const stop = new AbortController();
  let waits = 2;
  const wait = (signal?: AbortSignal): Promise<number> => pause(60 * DAY_MS, signal).then(() => waits--);
  const [whole, cut] = [wait(), wait(stop.signal)];
  await vi.advanceTimersByTimeAsync(59 * DAY_MS);
  expect(waits).toBe(2);
  stop.abort();
  await cut;
  expect(waits).toBe(1);
  await vi.advanceTimersByTimeAsync(DAY_MS);
  await whole;
  expect(vi.getTimerCount()).toBe(0);
});
