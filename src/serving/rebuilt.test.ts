import { beforeEach, describe, expect, test } from "vitest";
import { FeatureReader } from "../features/feature-reader.ts";
import { MemoryStore } from "../features/memory-store.ts";
import type { OpenFeatures } from "./feature-source.ts";
import { Rebuilt } from "./rebuilt.ts";
import { TestClock } from "./testing.ts";
import { Turns } from "./turns.ts";

const opened = (): OpenFeatures => {
  const store = new MemoryStore();
  return { store, reader: new FeatureReader(store) };
};

let clock: TestClock;
let open: OpenFeatures;
let source: { current: OpenFeatures; reason: string };
let built: number;
let kept: Rebuilt<number>;

beforeEach(() => {
  clock = new TestClock();
  open = opened();
  source = { current: open, reason: "" };
  built = 0;
  kept = new Rebuilt({ features: source, turns: new Turns(), clock }, function* () {
    yield;
    clock.time_ms += 100;
    yield;
    return ++built;
  });
});

describe("Rebuilt", () => {
  test("who asks first waits, with all others; then it is good for fifty times what it took", async () => {
    const values = await Promise.all([kept.of(open), kept.of(open), kept.of(open)]);
    expect(values.map((value) => value?.value)).toEqual([1, 1, 1]);
    clock.time_ms += 4_999;
    expect(kept.of(open)).toMatchObject({ value: 1 });
    expect(built).toBe(1);
  });

  test("as long again the old one is given at once, while the next one is built", async () => {
    await kept.of(open);
    clock.time_ms += 5_000;
    expect(kept.of(open)).toMatchObject({ value: 1 });
    await kept.of(open);
    while (kept.last === 1) await clock.sleep();
    expect([kept.last, kept.of(open)]).toMatchObject([2, { value: 2 }]);
  });

  test("then one waits for the next, unless however old will do", async () => {
    await kept.of(open);
    clock.time_ms += 3_600_000;
    expect(kept.of(open, true)).toMatchObject({ value: 1 });
    expect((await kept.of(open))?.value).toBe(2);
    expect(built).toBe(2);
  });

  test("of another store nothing holds, not even what is being built", async () => {
    await kept.of(open);
    const building = kept.of((source.current = opened()), true);
    source.current = opened();
    expect(await building).toBeUndefined();
    expect((await kept.of(source.current))?.value).toBe(2);
  });
});
