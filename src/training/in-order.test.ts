import { expect, test } from "vitest";
import { runInOrder } from "./in-order.ts";

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("tasks begin in order, so many at a time, and results come in the tasks' order", async () => {
  let running = 0;
  let most = 0;
  const begun: number[] = [];
  const results = await runInOrder([5, 1, 4, 2, 3], 2, async (turns) => {
    begun.push(turns);
    most = Math.max(most, ++running);
    for (let i = 0; i < turns; i++) await tick();
    running--;
    return 10 * turns;
  });
  expect(results).toEqual([50, 10, 40, 20, 30]);
  expect(begun).toEqual([5, 1, 4, 2, 3]);
  expect(most).toBe(2);
  expect(await runInOrder([], 2, tick)).toEqual([]);
});

test("after a failure nothing more begins, and it is thrown once what was under way has ended", async () => {
  const begun: number[] = [];
  let ended = false;
  const run = runInOrder([0, 1, 2, 3], 2, async (task) => {
    begun.push(task);
    await tick();
    if (task === 0) throw new Error("no");
    await tick();
    await tick();
    ended = true;
  });
  await expect(run).rejects.toThrow("no");
  expect(begun).toEqual([0, 1]);
  expect(ended).toBe(true);
});
