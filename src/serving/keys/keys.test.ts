import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { KeyMessage } from "../../contracts/control.ts";
import { controlSubject } from "../../contracts/subjects.ts";
import { rolesThatMay } from "../../contracts/role.ts";
import { ControlWriter } from "../../features/control-writer.ts";
import { FeatureReader } from "../../features/feature-reader.ts";
import { MemoryStore } from "../../features/memory-store.ts";
import { silentLogger } from "../../lib/log.ts";
import { TestClock } from "../testing.ts";
import { createKey, hashOf, keyIdOf, KeyProof, type NewKey } from "./api-key.ts";
import { KeyHolder } from "./key-holder.ts";
import { keyRecordOf } from "./key-record.ts";
import { KeyRing } from "./key-ring.ts";
import { TokenBucket } from "./token-bucket.ts";

const base = { time: "2026-03-01T12:00:00Z", author: "test", reason: "" };
const created = ({ key_id, hash }: NewKey, more: Partial<KeyMessage> = {}): KeyMessage => ({ type: "key.created", ...base, key_id, hash, name: "shop", role: "price", ...more }) as KeyMessage;
const revoked = (key_id: string): KeyMessage => ({ type: "key.revoked", ...base, key_id });

describe("keys", () => {
  test("a key carries its id, and its hash is that of all of it", () => {
    const key = createKey();
    expect(key.key).toMatch(/^tmk_[0-9a-f]{16}_[\w-]{43}$/);
    expect(keyIdOf(key.key)).toBe(key.key_id);
    expect(key.hash).toBe(hashOf(key.key));
    expect(createKey().key).not.toBe(key.key);
  });

  test("only the key itself proves itself, before and after it has", () => {
    const key = createKey();
    const proof = new KeyProof(key.hash);
    const wrong = (): boolean =>
      [key.key.slice(0, -1), `${key.key}x`, key.key.toUpperCase(), "", "\u0000".repeat(key.key.length), createKey().key, ...[...key.key].map((c, i) => `${key.key.slice(0, i)}${c === "a" ? "b" : "a"}${key.key.slice(i + 1)}`)].some((text) => proof.proves(text));
    expect(wrong()).toBe(false);
    expect(proof.proves(key.key)).toBe(true);
    expect(proof.proves(key.key)).toBe(true);
    expect(wrong()).toBe(false);
    expect(new KeyProof(undefined).proves("\u0000".repeat(key.key.length))).toBe(false);
    // The low byte of each character is the same.
    expect(proof.proves([...key.key].map((c) => String.fromCharCode(c.charCodeAt(0) + 256)).join(""))).toBe(false);
  });

  test("a history: the first creation stands, a revocation is for ever, and what is not valid says nothing", () => {
    const key = createKey();
    const other = createKey();
    expect(keyRecordOf(key.key_id, [])).toBeUndefined();
    expect(keyRecordOf(key.key_id, [revoked(key.key_id)])).toBeUndefined();
    expect(keyRecordOf(key.key_id, [created(other)])).toBeUndefined();
    const record = keyRecordOf(key.key_id, [{ type: "key.created" }, created(key), created({ ...key, hash: other.hash }, { role: "admin" }), null, "x"]);
    expect(record).toMatchObject({ role: "price", hash: key.hash });
    expect(record?.revoked).toBeUndefined();
    expect(keyRecordOf(key.key_id, [created(key), revoked(key.key_id), created(key)])?.revoked).toBe(base.time);
  });

  test("each role may do what it is for", () => {
    expect(rolesThatMay("public")).toEqual(["price", "events", "operate", "admin"]);
    expect(rolesThatMay("price")).toEqual(["price", "operate", "admin"]);
    expect(rolesThatMay("events")).toEqual(["events", "operate", "admin"]);
    expect(rolesThatMay("operate")).toEqual(["operate", "admin"]);
    expect(rolesThatMay("admin")).toEqual(["admin"]);
  });

  test("a host's processes together let a key have its rate", () => {
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 200 }), fc.integer({ min: 1, max: 8 }), fc.array(fc.tuple(fc.nat(7), fc.nat(20)), { maxLength: 400 }), (rate_per_s, workers, asked) => {
        const key = createKey();
        const rings = Array.from({ length: workers }, () => new KeyRing(workers));
        for (const ring of rings) ring.put(keyRecordOf(key.key_id, [created(key, { rate_per_s } as Partial<KeyMessage>)])!, 0);
        let now_ms = 0;
        let let_through = 0;
        for (const [worker, pause_ms] of asked) {
          now_ms += pause_ms;
          if (rings[worker % workers]!.find(key.key)!.bucket!.take(now_ms) === 0) let_through++;
        }
        expect(let_through).toBeLessThanOrEqual(rate_per_s + (now_ms * rate_per_s) / 1_000 + 1e-6);
      }),
    );
  });

  test("a bucket gives what flows in, and a second's worth at once", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 300 }), (rate, pauses) => {
        const bucket = new TokenBucket(rate, 0);
        let now_ms = 0;
        let taken = 0;
        for (const pause of pauses) {
          now_ms += pause;
          const wait_s = bucket.take(now_ms);
          expect(wait_s).toBeLessThanOrEqual(1 / rate + 1e-9);
          if (wait_s === 0) taken++;
        }
        expect(taken).toBeLessThanOrEqual(rate + (now_ms * rate) / 1000 + 1e-6);
        // Waiting as long as it says is enough; a clock that goes back and forth gives nothing.
        let wait_s = 0;
        while (wait_s === 0) wait_s = bucket.take(now_ms);
        bucket.take(now_ms - 10_000);
        expect(bucket.take(now_ms)).toBeCloseTo(wait_s, 9);
        expect(bucket.take(now_ms + wait_s * 1000 + 1e-3)).toBe(0);
      }),
      { seed: 7, numRuns: 200 },
    );
  });
});

describe("the holder", () => {
  let directory: string;
  const clock = new TestClock();
  let store: MemoryStore;
  let control: ControlWriter;
  let sequence: number;
  let features: { current: { store: MemoryStore; reader: FeatureReader } | undefined; reason: string };

  function renew(): void {
    store = new MemoryStore();
    control = new ControlWriter(store);
    sequence = 0;
    features = { current: { store, reader: new FeatureReader(store) }, reason: "" };
  }

  function say(...messages: readonly KeyMessage[]): void {
    for (const message of messages) control.apply(controlSubject("key", message.key_id), new TextEncoder().encode(JSON.stringify(message)), ++sequence);
    control.commit({ stream_created: "", sequence, message_hash: "" });
  }

  const holder = (more: { local_key?: string; always?: boolean } = {}): KeyHolder => new KeyHolder({ features: { get current() { return features.current; }, reason: "" }, clock, logger: silentLogger, copy: join(directory, "keys.json"), always: false, ...more });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "tidemark-keys-"));
    renew();
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  test("without any key nobody is asked for one; from the first on everybody is, also when all are revoked", async () => {
    const keys = holder();
    await keys.restore();
    await keys.check();
    expect(keys.required).toBe(false);
    const key = createKey();
    say(created(key));
    await keys.check();
    expect(keys.required).toBe(true);
    expect(keys.find(key.key)?.principal).toMatchObject({ key_id: key.key_id, role: "price", name: "shop" });
    say(revoked(key.key_id));
    await keys.check();
    expect(keys.find(key.key)).toBeUndefined();
    expect(keys.usable).toBe(0);
    expect(keys.required).toBe(true);
  });

  test("a store that is away or folded anew forgets no key and no revocation", async () => {
    const [kept, gone] = [createKey(), createKey()];
    say(created(kept), created(gone), revoked(gone.key_id));
    const keys = holder();
    await keys.check();
    features.current = undefined;
    await keys.check();
    expect(keys.find(kept.key)).toBeDefined();
    renew();
    say(created(gone));
    await keys.check();
    expect(keys.find(kept.key)).toBeDefined();
    expect(keys.find(gone.key)).toBeUndefined();
  });

  test("a process that starts without a store knows the keys of the one before, by their hashes alone", async () => {
    const [kept, gone] = [createKey(), createKey()];
    say(created(kept), created(gone), revoked(gone.key_id));
    await holder().check();
    const path = join(directory, "keys.json");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const text = await readFile(path, "utf8");
    expect(text).not.toContain(kept.key.slice(-43));
    features.current = undefined;
    const keys = holder();
    await keys.restore();
    expect(keys.required).toBe(true);
    expect(keys.find(kept.key)).toBeDefined();
    expect(keys.find(gone.key)).toBeUndefined();
    renew();
    say(created(gone));
    await keys.check();
    expect(keys.find(gone.key)).toBeUndefined();
  });

  test("a copy that cannot be read closes what it would have opened", async () => {
    await writeFile(join(directory, "keys.json"), '{"keys":[{"key_id":1}]}');
    const keys = holder();
    await keys.restore();
    expect(keys.required).toBe(true);
    expect(keys.usable).toBe(0);
  });

  test("the key of a file is an administrator's, and is kept nowhere else", async () => {
    const local = createKey();
    const keys = holder({ local_key: local.key });
    expect(keys.required).toBe(true);
    expect(keys.find(local.key)?.principal.role).toBe("admin");
    say(created(createKey()));
    await keys.check();
    expect(await readFile(join(directory, "keys.json"), "utf8")).not.toContain(local.key_id);
    expect(holder({ always: true }).required).toBe(true);
  });
});
