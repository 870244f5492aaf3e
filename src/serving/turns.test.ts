import { afterEach, expect, test, vi } from "vitest";
import { Turns } from "./turns.ts";

afterEach(() => vi.useRealTimers());

const always = (): boolean => true;

function* steps(count: number, onStep: (step: number) => void): Generator<void, string> {
  for (let step = 0; step < count; step++) {
    onStep(step);
    yield;
  }
  return "done";
}

/** Turns of the event loop so far. */
function countTurns(): { readonly turn: number; stop(): void } {
  let turn = 0;
  let running = true;
  const tick = (): void => {
    turn++;
    if (running) setImmediate(tick);
  };
  setImmediate(tick);
  return {
    get turn() {
      return turn;
    },
    stop: () => {
      running = false;
    },
  };
}

test("works take one step in a turn of the loop, all of them together, each in its turn", async () => {
  const turns = new Turns();
  const loop = countTurns();
  const log: [work: number, turn: number][] = [];
  const works = [0, 1, 2].map((work) => turns.run(steps(4, () => void log.push([work, loop.turn])), always));
  expect(await Promise.all(works)).toEqual(["done", "done", "done"]);
  loop.stop();
  const at = log.map(([, turn]) => turn);
  expect(new Set(at).size).toBe(12);
  expect(at).toEqual(at.toSorted((a, b) => a - b));
  expect(log.map(([work]) => work)).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
});

test("once steps have taken some time, as much again and more passes before the next, whoever's it is", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "setImmediate", "performance"] });
  const turns = new Turns();
  const at_ms: number[] = [];
  const work = (step_ms: number): Promise<unknown> =>
    turns.run(
      steps(3, () => {
        at_ms.push(performance.now());
        vi.advanceTimersByTime(step_ms);
      }),
      always,
    );
  const both = Promise.all([work(10), work(10)]);
  await vi.advanceTimersByTimeAsync(500);
  await both;
  const gaps = at_ms.slice(1).map((time, i) => time - at_ms[i]!);
  // 10 ms of work, then 30 for everything else.
  for (const gap of gaps) expect(Math.abs(gap - 40)).toBeLessThan(1.5);
  // Nothing is owed any more after a while, and a short list does not pause.
  await vi.advanceTimersByTimeAsync(1_000);
  at_ms.length = 0;
  const short = work(0.2);
  await vi.advanceTimersByTimeAsync(2);
  await short;
  expect(at_ms.at(-1)! - at_ms[0]!).toBeLessThan(1);
});

test("work is given up once its condition holds no more, and its last step is not taken", async () => {
  const turns = new Turns();
  let taken = 0;
  expect(await turns.run(steps(10, () => taken++), () => taken < 3)).toBeUndefined();
  expect(taken).toBe(3);
});

test("what a step throws reaches whoever waits, and the others go on", async () => {
  const turns = new Turns();
  const failing = turns.run(
    steps(3, (step) => {
      if (step === 1) throw new Error("broken");
    }),
    always,
  );
  const other = turns.run(steps(5, () => undefined), always);
  await expect(failing).rejects.toThrow("broken");
  expect(await other).toBe("done");
});

test("a task of one step takes its turn among the others", async () => {
  const turns = new Turns();
  const log: string[] = [];
  const long = turns.run(steps(3, (step) => void log.push(`long ${step}`)), always);
  const short = turns.once(() => {
    log.push("short");
    return 7;
  });
  expect(turns.tasks).toBe(1);
  expect([await short, await long]).toEqual([7, "done"]);
  expect(log).toEqual(["long 0", "short", "long 1", "long 2"]);
  await expect(
    turns.once(() => {
      throw new Error("broken");
    }),
  ).rejects.toThrow("broken");
  expect(turns.tasks).toBe(0);
});

test("tasks beyond the limit are turned away at once, and room comes back with each that ends", async () => {
  const turns = new Turns();
  const ends: (() => void)[] = [];
  const task = (): Promise<void> => turns.admit(() => new Promise((resolve) => ends.push(resolve)));
  const tasks = Array.from({ length: 128 }, task);
  expect(turns.tasks).toBe(128);
  await expect(task()).rejects.toMatchObject({ code: "overloaded", status: 503, headers: { "retry-after": "1" } });
  expect(turns.refused).toBe(1);
  ends[0]!();
  await tasks[0];
  const late = task();
  expect(turns.tasks).toBe(128);
  await expect(turns.admit(() => Promise.reject(new Error("no")))).rejects.toMatchObject({ code: "overloaded" });
  for (const end of ends) end();
  await Promise.all([...tasks, late]);
  await expect(turns.admit(() => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
  expect(turns.tasks).toBe(0);
});
