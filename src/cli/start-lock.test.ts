import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { must } from "../lib/assert.ts";
import { processStarted } from "../ingest/process-identity.ts";
import { readRunning, StartLock } from "./start-lock.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tidemark-lock-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const lockFile = (): string => join(directory, "start.lock");

test("only one start holds a data directory, and it says where things are", () => {
  const lock = StartLock.acquire(join(directory, "new", "data"));
  const data = join(directory, "new", "data");
  expect(() => StartLock.acquire(data)).toThrow(`tidemark start already runs on ${data} (process ${process.pid})`);
  lock.publish({ nats_url: "nats://127.0.0.1:1" });
  lock.publish({ url: "http://127.0.0.1:2" });
  expect(readRunning(data)).toMatchObject({ pid: process.pid, nats_url: "nats://127.0.0.1:1", url: "http://127.0.0.1:2" });
  lock.release();
  expect(readRunning(data)).toBeUndefined();
  expect(readdirSync(data)).toEqual([]);
  StartLock.acquire(data).release();
});

test("what cannot be published ends nothing, and is there the next time", () => {
  const lock = StartLock.acquire(directory);
  // Where the draft is written: a directory cannot be.
  const draft = `${lockFile()}.${process.pid}`;
  mkdirSync(join(draft, "in the way"), { recursive: true });
  expect(() => lock.publish({ url: "http://127.0.0.1:2" })).not.toThrow();
  expect(readRunning(directory)?.url).toBeUndefined();
  rmSync(draft, { recursive: true });
  lock.publish({});
  expect(readRunning(directory)?.url).toBe("http://127.0.0.1:2");
  lock.release();
});

test("a lock of a process that is gone is taken over, with the children that it left", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  try {
    const pid = must(child.pid, "spawned");
    const started = must(processStarted(pid), "alive");
    const children = [{ pid, started }, { pid, started: "another time" }, { pid: 4_194_300, started: "1" }];
    writeFileSync(lockFile(), JSON.stringify({ pid: 4_194_301, started: "1", children }));
    expect(readRunning(directory)).toBeUndefined();
    const lock = StartLock.acquire(directory);
    expect(lock.leftovers).toEqual([{ pid, started }]);
    lock.release();
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});

test("a pid that now belongs to another process does not hold the lock", () => {
  writeFileSync(lockFile(), JSON.stringify({ pid: process.pid, started: "some other time", children: [] }));
  expect(readRunning(directory)).toBeUndefined();
  StartLock.acquire(directory).release();
});

test.each(["", "{", "null", '{"pid":"x"}'])("a broken lock file %j is taken over", (text) => {
  writeFileSync(lockFile(), text);
  StartLock.acquire(directory).release();
  expect(existsSync(lockFile())).toBe(false);
});

test("a process that has ended has no identity", async () => {
  const child = spawn(process.execPath, ["-e", ""]);
  const pid = must(child.pid, "spawned");
  await once(child, "exit");
  expect(processStarted(pid)).toBeUndefined();
  expect(processStarted(process.pid)).toMatch(/^\d+$/);
});
