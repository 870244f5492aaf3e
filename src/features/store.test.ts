import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { open } from "lmdb";
import { afterEach, describe, expect, test } from "vitest";
import type { StreamEvent } from "../contracts/events.ts";
import { formatTime } from "../lib/time.ts";
import { EntityReader, entityFeatureNames } from "./entity-reader.ts";
import { FeatureReader } from "./feature-reader.ts";
import { FeatureWriter } from "./feature-writer.ts";
import { openLmdbStore } from "./lmdb-store.ts";
import { MemoryStore } from "./memory-store.ts";
import type { Cursor, FeatureStore, FeatureStoreReader } from "./store.ts";
import { randomStream } from "./testing/random-events.ts";

const START_MS = Date.UTC(2026, 0, 1);

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), "tidemark-store-"));
  cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function openLmdb(path: string): FeatureStore {
  const store = openLmdbStore(path, { readonly: false });
  cleanups.push(() => store.close());
  return store;
}

const stores: readonly { name: string; open: () => FeatureStore }[] = [
  { name: "memory", open: () => new MemoryStore() },
  { name: "LMDB", open: () => openLmdb(directory()) },
];

/** The built module: a process of its own cannot load the sources. */
const builtStore = join(import.meta.dirname, "../../dist/src/features/lmdb-store.js");

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const copied = (record: Uint8Array | undefined): number[] | undefined => (record === undefined ? undefined : [...record.subarray(0, record.length)]);
const printed = (store: FeatureStoreReader): string[] => [...store.dump()].map(({ database, key, value }) => `${database} ${key} ${Buffer.from(value).toString("hex")}`);

describe.each(stores)("a feature store ($name)", ({ open }) => {
  test("is empty at first", () => {
    const store = open();
    expect(store.get("course", "C1")).toBeUndefined();
    expect(store.sequence("course", "C1")).toBeUndefined();
    expect(store.cursor("EVENTS")).toBeUndefined();
    expect(store.champion("elasticity")).toBeUndefined();
    expect(store.watermark()).toBeUndefined();
    expect([...store.lateCounts(), ...store.lateUpdates()]).toEqual([]);
    expect(store.layout()).toBeUndefined();
    expect(store.names("category")).toEqual([]);
    expect([...store.ids("course")]).toEqual([]);
    expect([...store.dump()]).toEqual([]);
  });

  test("keeps entities, names, profiles, champions, cursors and late updates apart", () => {
    const late = { ordinal: 0, sequence: 9, type: "exposure.viewed", state: "course.a", event_time_ms: 7, broker_time_ms: 8, behind_ms: 1 };
    const store = open();
    store.commit((batch) => {
      batch.put("course", "X", bytes(1, 5, 0));
      batch.put("category", "X", bytes(1, 6, 0, 9));
      batch.putName("category", 0, "X");
      batch.putName("teacher", 0, "Y");
      batch.putProfile("X", { title: "Ψ \"title\"", prerequisites: ["A"], time_ms: 3 });
      batch.putChampion("elasticity", { artifact: "a", digest: "d", version: "v", sequence: 4 });
      batch.putIdBlock({ number: 3, ids: bytes(7, 7) });
      batch.putEnrollment(new Uint8Array(16).fill(250), 2 ** 40);
      batch.putCursor("EVENTS", { stream_created: "then", sequence: 8, message_hash: "ab" });
      batch.putCursor("CONTROL", { stream_created: "then", sequence: 2, message_hash: "" });
      batch.putWatermark({ event_time_ms: 5, broker_time_ms: 6 });
      batch.putLateCount("course.a", 300);
      for (const [place, ordinal] of [[0, 12], [1, 10], [10, 11]] as const) batch.putLateUpdate(place, { ...late, ordinal });
      batch.putLayout("layout");
    });
    expect(store.watermark()).toEqual({ event_time_ms: 5, broker_time_ms: 6 });
    expect([...store.lateCounts()]).toEqual([["course.a", 300]]);
    expect(store.lateUpdates()).toEqual([10, 11, 12].map((ordinal) => expect.objectContaining({ ordinal, sequence: 9, state: "course.a", behind_ms: 1 })));
    expect(copied(store.get("course", "X"))).toEqual([1, 5, 0]);
    expect(copied(store.get("category", "X"))).toEqual([1, 6, 0, 9]);
    expect(store.get("learner", "X")).toBeUndefined();
    expect(store.sequence("category", "X")).toBe(6);
    expect(store.name("category", 0)).toBe("X");
    expect(store.name("teacher", 0)).toBe("Y");
    expect(store.name("teacher", 1)).toBeUndefined();
    expect(store.profile("X")).toEqual({ title: "Ψ \"title\"", prerequisites: ["A"], time_ms: 3 });
    expect(store.champion("elasticity")).toEqual({ artifact: "a", digest: "d", version: "v", sequence: 4 });
    expect([...store.idBlocks()].map(({ number, ids }) => [number, [...ids]])).toEqual([[3, [7, 7]]]);
    expect(store.enrollment(new Uint8Array(16).fill(250))).toBe(2 ** 40);
    expect(store.enrollment(new Uint8Array(16).fill(251))).toBeUndefined();
    expect(store.cursor("EVENTS")).toEqual({ stream_created: "then", sequence: 8, message_hash: "ab" });
    expect(store.cursor("CONTROL")).toEqual({ stream_created: "then", sequence: 2, message_hash: "" });
    expect(store.layout()).toBe("layout");
  });

  test("copies what is put, overwrites and removes", () => {
    const store = open();
    const reused = bytes(1, 1, 1);
    store.commit((batch) => {
      batch.put("course", "A", reused);
      reused.fill(2);
      batch.put("course", "B", reused.subarray(1));
      reused.fill(3);
    });
    expect(copied(store.get("course", "A"))).toEqual([1, 1, 1]);
    expect(copied(store.get("course", "B"))).toEqual([2, 2]);
    store.commit((batch) => {
      batch.remove("course", "A");
      batch.remove("course", "never there");
      batch.put("course", "B", reused);
    });
    expect(store.get("course", "A")).toBeUndefined();
    expect(copied(store.get("course", "B"))).toEqual([3, 3, 3]);
  });

  test("has asynchronous batches once they are durable, each whole and in order", async () => {
    const store = open();
    const reused = bytes(1, 1);
    const first = store.commitAsync((batch) => {
      for (let i = 0; i < 3_000; i++) batch.put("learner", `L${i}`, reused);
      batch.put("course", "gone", reused);
      batch.putCursor("EVENTS", { stream_created: "x", sequence: 1, message_hash: "" });
    });
    reused.fill(2);
    const second = store.commitAsync((batch) => {
      batch.put("learner", "L7", reused);
      batch.put("course", "large", new Uint8Array(3 * 1024 * 1024).fill(7));
      batch.remove("course", "gone");
      batch.putCursor("CONTROL", { stream_created: "x", sequence: 2, message_hash: "" });
    });
    await first;
    expect(store.cursor("EVENTS")?.sequence).toBe(1);
    expect([...store.ids("learner")]).toHaveLength(3_000);
    await second;
    expect(copied(store.get("learner", "L7"))).toEqual([2, 2]);
    expect(copied(store.get("learner", "L2999"))).toEqual([1, 1]);
    expect(store.get("course", "gone")).toBeUndefined();
    expect(copied(store.get("course", "large"))).toHaveLength(3 * 1024 * 1024);
    // Chunks of the first are used again.
    for (let round = 3; round < 6; round++) {
      await store.commitAsync((batch) => batch.put("learner", "L7", bytes(round)));
      expect(copied(store.get("learner", "L7"))).toEqual([round]);
    }
    expect(copied(store.get("learner", "L8"))).toEqual([1, 1]);
    store.commit((batch) => batch.put("learner", "L8", bytes(9)));
    expect(copied(store.get("learner", "L8"))).toEqual([9]);
  });

  test("leaves nothing of an asynchronous batch that throws", async () => {
    const store = open();
    await store.commitAsync((batch) => batch.put("course", "A", bytes(1)));
    const before = printed(store);
    const refused = store.commitAsync((batch) => {
      batch.put("course", "A", bytes(2));
      throw new Error("half way");
    });
    await expect(refused).rejects.toThrow("half way");
    await store.commitAsync((batch) => batch.put("course", "B", bytes(3)));
    store.commit((batch) => batch.remove("course", "B"));
    expect(printed(store)).toEqual(before);
  });

  test("leaves nothing of a batch that throws", () => {
    const store = open();
    store.commit((batch) => batch.put("course", "A", bytes(1)));
    const before = printed(store);
    expect(() =>
      store.commit((batch) => {
        batch.put("course", "A", bytes(2));
        batch.put("course", "B", bytes(2));
        batch.putCursor("EVENTS", { stream_created: "x", sequence: 1, message_hash: "" });
        throw new Error("half way");
      }),
    ).toThrow("half way");
    expect(printed(store)).toEqual(before);
    store.commit((batch) => batch.put("course", "C", bytes(4)));
    expect([...store.ids("course")]).toEqual(["A", "C"]);
  });

  test("learns names that are added later, and lists ids in key order", () => {
    const store = open();
    expect(store.name("category", 0)).toBeUndefined();
    for (const [ordinal, name] of ["b", "a"].entries()) store.commit((batch) => batch.putName("category", ordinal, name));
    expect(store.name("category", 1)).toBe("a");
    expect(store.names("category")).toEqual(["b", "a"]);
    store.commit((batch) => {
      for (const id of ["b", "_", "A", "a-1", "10", "9"]) batch.put("learner", id, bytes(1));
    });
    expect([...store.ids("learner")]).toEqual(["10", "9", "A", "_", "a-1", "b"]);
  });

  test("lists the ids that start with a prefix, and no others", () => {
    const store = open();
    store.commit((batch) => {
      for (const id of ["L1/C1", "L1/C2", "L1-/C1", "L10/C1", "L1_/C1", "L2/C1", "A", "z"]) batch.put("learner_course", id, bytes(1));
      batch.put("learner", "L1/", bytes(1));
    });
    expect([...store.ids("learner_course", "L1/")]).toEqual(["L1/C1", "L1/C2"]);
    expect([...store.ids("learner_course", "L3/")]).toEqual([]);
    expect([...store.ids("learner_course", "")]).toHaveLength(8);
  });

  test("goes on with the ids after one, whether there is such a record or not", () => {
    const store = open();
    store.commit((batch) => {
      for (const id of ["L1/C1", "L1/C2", "L1/C3", "L2/C1"]) batch.put("learner_course", id, bytes(1));
    });
    const after = (prefix: string, id: string): string[] => [...store.ids("learner_course", prefix, id)];
    expect(after("", "L1/C2")).toEqual(["L1/C3", "L2/C1"]);
    expect(after("L1/", "L1/C1")).toEqual(["L1/C2", "L1/C3"]);
    expect(after("L1/", "L1/C11")).toEqual(["L1/C2", "L1/C3"]);
    expect(after("L2/", "L1/C3")).toEqual(["L2/C1"]);
    expect(after("L1/", "L2/C1")).toEqual([]);
    expect(after("", "L2/C1")).toEqual([]);
    const [first] = store.ids("learner_course", "", "L1/C1");
    expect(first).toBe("L1/C2");
  });

  test("refuses the cursor of a stream that is not folded", () => {
    const store = open();
    expect(() => store.cursor("OTHER")).toThrow(/OTHER/);
  });

  test("gives the blocks of ids in order of their numbers, and removes them", () => {
    const store = open();
    const numbers = (): number[] => [...store.idBlocks()].map((block) => block.number);
    store.commit((batch) => {
      for (const number of [10, 9, 1_000_000, 0]) batch.putIdBlock({ number, ids: bytes(number & 255) });
    });
    expect(numbers()).toEqual([0, 9, 10, 1_000_000]);
    store.commit((batch) => batch.removeIdBlock(9));
    expect(numbers()).toEqual([0, 10, 1_000_000]);
  });

  test("holds records of every size", () => {
    const store = open();
    const sizes = [1, 100, 5_000, 100_000];
    store.commit((batch) => {
      for (const size of sizes) batch.put("course", `S${size}`, new Uint8Array(size).fill(size % 251));
    });
    for (const size of sizes) {
      const record = store.get("course", `S${size}`)!;
      expect(record.length).toBe(size);
      expect(record[size - 1]).toBe(size % 251);
    }
  });
});

describe("LMDB", () => {
  test("holds the same bytes as memory after the same events, through commits and reopenings", async () => {
    await fc.assert(
      fc.asyncProperty(randomStream(60), fc.array(fc.nat(60), { maxLength: 3 }), async (events, restarts) => {
        const path = directory();
        const memory = new MemoryStore();
        const inMemory = new FeatureWriter(memory);
        let store = openLmdbStore(path, { readonly: false });
        let writer = new FeatureWriter(store);
        for (const [i, event] of events.entries()) {
          inMemory.apply(event);
          writer.apply(event);
          if (!restarts.includes(i)) continue;
          writer.commit({ stream_created: "s", sequence: event.sequence, message_hash: "" });
          await store.close();
          store = openLmdbStore(path, { readonly: false });
          writer = new FeatureWriter(store);
        }
        const cursor = { stream_created: "s", sequence: 1, message_hash: "" };
        inMemory.commit(cursor);
        writer.commit(cursor);
        const bytesThere = printed(store);
        await store.close();
        expect(bytesThere).toEqual(printed(memory));
      }),
      { numRuns: 15 },
    );
  });

  test("opens read-only beside its writer, and sees each commit", async () => {
    const path = directory();
    const store = openLmdb(path);
    store.commit((batch) => batch.put("course", "A", bytes(1, 1)));
    const reader = openLmdbStore(path, { readonly: true });
    cleanups.push(() => reader.close());
    expect(reader.sequence("course", "A")).toBe(1);
    store.commit((batch) => batch.put("course", "A", bytes(1, 2)));
    // A read snapshot lasts until the end of the event loop's turn.
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(reader.sequence("course", "A")).toBe(2);
  });

  test("is written by whoever opened it last: another writer's commits leave nothing, and no event counts twice", async () => {
    const path = directory();
    const bought = (sequence: number): StreamEvent => ({
      sequence,
      broker_time_ms: START_MS,
      event_time_ms: START_MS,
      known_at_ms: START_MS,
      event: { id: `e${sequence}`, type: "token.purchased", time: formatTime(START_MS), learner_id: `L${sequence}`, amount: 7 },
    });
    const cursor = (sequence: number): Cursor => ({ stream_created: "s", sequence, message_hash: "" });
    const fold = (writer: FeatureWriter, from: number, to: number): void => {
      for (let sequence = from; sequence <= to; sequence++) writer.apply(bought(sequence));
    };
    const [slow, fast] = [openLmdb(path), openLmdb(path)];
    const [behind, ahead] = [new FeatureWriter(slow), new FeatureWriter(fast)];
    fold(ahead, 1, 6);
    ahead.commit(cursor(6));
    const before = printed(fast);
    fold(behind, 1, 3);
    await expect(behind.commitAsync(cursor(3))).rejects.toMatchObject({ code: "store_taken", message: expect.stringContaining("one writer") });
    expect(() => slow.commit((batch) => batch.putCursor("EVENTS", cursor(3)))).toThrow(expect.objectContaining({ code: "store_taken" }));
    expect(printed(fast)).toEqual(before);
    fold(ahead, 7, 8);
    await ahead.commitAsync(cursor(8));
    const reader = new EntityReader(fast);
    const balances = Array.from({ length: 8 }, (_, i) => reader.read("learner", `L${i + 1}`, START_MS)?.values[entityFeatureNames.learner.indexOf("balance_tokens")]);
    expect(balances).toEqual(new Array(8).fill(7));
  });

  test("lets go of a reader that was killed, and of no other", async () => {
    const path = directory();
    const store = openLmdb(path);
    store.commit((batch) => batch.put("course", "A", bytes(1, 1)));
    const program = `const { openLmdbStore } = await import(process.argv[1]);
      const reader = openLmdbStore(process.argv[2], { readonly: true });
      reader.sequence("course", "A");
      process.stdout.write("read");
      setInterval(() => reader.sequence("course", "A"), 10);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program, builtStore, path], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    expect(store.releaseDeadReaders()).toBe(0);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(store.releaseDeadReaders()).toBe(1);
    expect(store.releaseDeadReaders()).toBe(0);
  });

  test("says that there is no room, and keeps what was there: a commit is whole or nothing", async () => {
    const path = directory();
    const program = `const { openLmdbStore } = await import(process.argv[1]);
      const store = openLmdbStore(process.argv[2], { readonly: false });
      store.commit((batch) => batch.put("course", "kept", Uint8Array.of(1, 1)));
      const fill = (batch) => { for (let i = 0; i < 4_000; i++) batch.put("learner", "L" + i, new Uint8Array(1_000).fill(1)); };
      const failures = [];
      try { store.commit(fill); } catch (error) { failures.push(error); }
      try { store.commit(() => { throw new Error("the caller's own"); }); } catch (error) { failures.push(error); }
      await store.commitAsync(fill).catch((error) => failures.push(error));
      process.stdout.write(JSON.stringify(failures.map(({ code, message }) => ({ code, message }))), () => process.exit(0));`;
    // A limit for files, half a megabyte or one, where no test can fill a disk.
    const child = spawn("sh", ["-c", 'ulimit -f 1024 && exec "$0" "$@"', process.execPath, "--input-type=module", "-e", program, builtStore, path], { stdio: ["ignore", "pipe", "ignore"] });
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    await once(child, "close");
    const refused = { code: "store_write_failed", message: expect.stringMatching(/^the feature store in .* cannot be written: .*disk/) };
    expect(JSON.parse(out)).toEqual([refused, { message: "the caller's own" }, refused]);
    const store = openLmdb(path);
    expect(copied(store.get("course", "kept"))).toEqual([1, 1]);
    expect([...store.ids("learner")]).toEqual([]);
  });

  test("tells pages that hold nothing, and uses them again", async () => {
    const store = openLmdb(directory());
    const value = bytes(1, ...new Array<number>(999).fill(7));
    const fill = (): void => store.commit((batch) => Array.from({ length: 3_000 }, (_, i) => batch.put("learner", `L${i}`, value)));
    fill();
    const full = store.pageUse();
    expect(full.page_bytes).toBeGreaterThanOrEqual(4_096);
    expect(full.free_pages).toBeLessThan(20);
    expect((full.pages - full.free_pages) * full.page_bytes).toBeGreaterThan(3_000 * value.length);
    store.commit((batch) => Array.from({ length: 3_000 }, (_, i) => batch.remove("learner", `L${i}`)));
    const empty = store.pageUse();
    expect(empty.pages - empty.free_pages).toBeLessThan(40);
    // The trees of the last two commits stay whole; beyond them, freed pages are used again.
    for (let i = 0; i < 8; i++) {
      // A read snapshot, which holds pages back, lasts until the end of the event loop's turn.
      await new Promise((resolve) => setTimeout(resolve, 5));
      fill();
    }
    expect(store.pageUse().pages).toBeLessThan(full.pages * 4);
  });

  test("says what to do when there is nothing to read", () => {
    expect(() => openLmdbStore(join(directory(), "absent"), { readonly: true })).toThrow(expect.objectContaining({ code: "features_missing" }));
  });

  test("says of an older version's store, which lacks databases, that its layout is another", async () => {
    const path = directory();
    const root = open({ path, noSubdir: false });
    root.openDB<Uint8Array, string>("events.meta", { encoding: "binary" }).putSync("layout", Buffer.from("1-older"));
    await root.close();
    const reader = openLmdbStore(path, { readonly: true });
    expect(() => new FeatureReader(reader)).toThrow(expect.objectContaining({ code: "layout_mismatch" }));
    expect([...reader.dump()]).toHaveLength(1);
    await reader.close();
    const store = openLmdb(path);
    expect(() => new FeatureWriter(store)).toThrow(expect.objectContaining({ code: "layout_mismatch" }));
  });

  test("serves views from what a writer committed", () => {
    const store = openLmdb(directory());
    const writer = new FeatureWriter(store);
    writer.apply({
      sequence: 1,
      broker_time_ms: 1_000,
      event_time_ms: 1_000,
      known_at_ms: 1_000,
      event: { id: "u", type: "course.upserted", time: "1970-01-01T00:00:01Z", course_id: "C1", teacher_id: "T1", category: "data", difficulty_level: "expert", quality_tier: "premium", base_price: 80, launched_at: "1970-01-01T00:00:01Z" },
    });
    writer.commit({ stream_created: "s", sequence: 1, message_hash: "" });
    const view = new FeatureReader(store).course("C1", 2_000);
    expect(view).toMatchObject({ course_id: "C1", category: "data", sequence: 1, updated_at_ms: 1_000 });
  });
});
