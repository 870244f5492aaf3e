import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FeatureWriter } from "../features/feature-writer.ts";
import { openLmdbStore } from "../features/lmdb-store.ts";
import { StoreDirectory } from "../features/store-directory.ts";
import { silentLogger } from "../lib/log.ts";
import { LmdbFeatureSource } from "./feature-source.ts";
import { START_MS } from "./testing.ts";

let directory: string;
let warnings: string[];
let source: LmdbFeatureSource;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-features-"));
  warnings = [];
  source = new LmdbFeatureSource([join(directory, "features")], { ...silentLogger, warn: (_fields, message) => void warnings.push(message) });
});

afterEach(async () => {
  await source.close();
  await rm(directory, { recursive: true });
});

async function writeStore(course_id: string, path = join(directory, "features")): Promise<void> {
  const store = openLmdbStore(path, { readonly: false });
  const writer = new FeatureWriter(store);
  const time = new Date(START_MS).toISOString();
  const event = { id: "u", type: "course.upserted", time, course_id, teacher_id: "t", category: "art", difficulty_level: "expert", quality_tier: "elite", base_price: 10, launched_at: time } as const;
  writer.apply({ sequence: 1, broker_time_ms: START_MS, event_time_ms: START_MS, known_at_ms: START_MS, event });
  writer.commit({ stream_created: "s", sequence: 1, message_hash: "" });
  await store.close();
}

describe("LmdbFeatureSource", () => {
  test("a missing store is a reason, said once, and opens when it appears", async () => {
    await source.check();
    await source.check();
    expect(source.current).toBeUndefined();
    expect(source.reason).toContain("cannot be opened");
    expect(warnings.length).toBe(1);
    await writeStore("c1");
    await source.check();
    expect(source.current?.reader.courseSequence("c1")).toBe(1);
    const open = source.current;
    await source.check();
    expect(source.current).toBe(open);
  });

  test("a store that was replaced is let go of, and the new one is read", async () => {
    await writeStore("c1");
    await source.check();
    await rename(join(directory, "features"), join(directory, "old"));
    await source.check();
    expect(source.current).toBeUndefined();
    await writeStore("c2");
    await source.check();
    expect(source.current?.reader.courseSequence("c1")).toBeUndefined();
    expect(source.current?.reader.courseSequence("c2")).toBe(1);
  });

  test("a store of another layout is a reason, and is let go of", async () => {
    const store = openLmdbStore(join(directory, "features"), { readonly: false });
    store.commit((batch) => {
      batch.putLayout("another");
      batch.putCursor("EVENTS", { stream_created: "s", sequence: 1, message_hash: "" });
    });
    await store.close();
    for (let i = 0; i < 3; i++) await source.check();
    expect(source.current).toBeUndefined();
    expect(source.reason).toContain("layout another");
    expect(warnings.length).toBe(1);
  });

  test("goes over to the store that the link leads to, without a moment between; one that it cannot read changes nothing", async () => {
    const stores = new StoreDirectory(join(directory, "stores"));
    const linked = new LmdbFeatureSource([stores.current], { ...silentLogger, warn: (_fields, message) => void warnings.push(message) });
    await writeStore("c1", stores.prepare("first").path);
    await linked.check();
    expect(linked.current?.reader.courseSequence("c1")).toBe(1);
    const before = linked.current;
    await writeStore("c2", stores.prepare("second").path);
    await linked.check();
    expect(linked.current).toBe(before);
    stores.promote("second");
    stores.sweep();
    let missing = 0;
    const checking = linked.check();
    for (let turn = 0; turn < 20; turn++) {
      if (linked.current === undefined) missing++;
      await new Promise(setImmediate);
    }
    await checking;
    expect(missing).toBe(0);
    expect(linked.current?.reader.courseSequence("c2")).toBe(1);
    const other = openLmdbStore(stores.prepare("third").path, { readonly: false });
    other.commit((batch) => batch.putLayout("third"));
    await other.close();
    stores.promote("third");
    stores.sweep();
    for (let i = 0; i < 3; i++) await linked.check();
    expect(linked.current?.reader.courseSequence("c2")).toBe(1);
    expect(warnings).toEqual([expect.stringContaining("restart with that version")]);
    await linked.close();
  });

  test("a directory that holds no store is a reason, not a crash", async () => {
    const other = new LmdbFeatureSource([directory], silentLogger);
    await other.check();
    expect(other.current).toBeUndefined();
  });
});
