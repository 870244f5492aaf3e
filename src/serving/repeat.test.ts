import { queryObjects } from "node:v8";
import { expect, test } from "vitest";
import { silentLogger } from "../lib/log.ts";
import { Repeat } from "./repeat.ts";
import { TestClock } from "./testing.ts";

test("goes on after a failure, says it once, and runs nothing after it was stopped", async () => {
  const errors: object[] = [];
  let runs = 0;
  const repeat = new Repeat(new TestClock(), { ...silentLogger, error: (fields) => void errors.push(fields) }, 1, () => {
    runs++;
    if (runs < 4) throw new Error("not yet");
    if (runs === 5) throw new Error("again");
  });
  await new Promise<void>((resolve) => {
    const look = (): void => void (runs > 5 ? resolve() : setTimeout(look, 1));
    look();
  });
  await repeat.stop();
  const stopped = runs;
  expect(stopped).toBeGreaterThan(5);
  expect(errors).toEqual([{ error: "not yet" }, { error: "again" }]);
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(runs).toBe(stopped);
});

/** How many there are, after a collection. */
const promises = (): number => Number(queryObjects(Promise));

test("keeps nothing of the runs that are over", async () => {
  const RUNS = 20_000;
  let runs = 0;
  let before = 0;
  let after = 0;
  await new Promise<void>((resolve) => {
    const repeat = new Repeat({ now_ms: () => 0, sleep: () => Promise.resolve() }, silentLogger, 1, () => {
      runs++;
      if (runs === 1_000) before = promises();
      if (runs < RUNS) return;
      after = promises();
      void repeat.stop();
      resolve();
    });
  });
  expect(after - before).toBeLessThan(RUNS / 100);
});
