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
