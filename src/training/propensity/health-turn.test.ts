import { expect, test } from "vitest";
import type { Logger } from "../../lib/log.ts";
import { silentLogger } from "../../lib/log.ts";
import { HOUR_MS } from "../../lib/time.ts";
import { HealthTurn } from "./health-turn.ts";
import type { HealthCheck } from "./monitor.ts";

const until = new AbortController();
const found = (opens_retrain: boolean): HealthCheck => ({ opens_retrain }) as HealthCheck;

test("a check that opens a retrain says so, one that has nothing to judge does not", async () => {
  const answers = [found(true), found(false), undefined];
  const turn = new HealthTurn({ check: () => Promise.resolve(answers.shift()) }, silentLogger);
  expect(turn.wait_ms).toBeGreaterThan(0);
  expect([await turn.take(until.signal), await turn.take(until.signal), await turn.take(until.signal)]).toEqual([true, false, false]);
  expect(turn.wait_ms).toBeGreaterThanOrEqual(HOUR_MS);
});

test("a check that fails is logged, opens nothing, and is due again later; one that was stopped is not worth a word", async () => {
  const told: unknown[] = [];
  const logger: Logger = { ...silentLogger, error: (fields) => void told.push(fields) };
  const turn = new HealthTurn({ check: () => Promise.reject(new Error("no broker")) }, logger);
  expect(await turn.take(until.signal)).toBe(false);
  expect(told).toEqual([{ code: "internal", error: "no broker" }]);
  expect(turn.wait_ms).toBeGreaterThan(0);
  expect(await turn.take(AbortSignal.abort())).toBe(false);
  expect(told).toHaveLength(1);
});
