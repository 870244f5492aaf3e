import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { processStarted } from "./process-identity.ts";
import { acquireLock, isLocked } from "./process-lock.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tidemark-lock-"));
  path = join(folder, "lock");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("one holder at a time, and nothing is left behind", () => {
  const release = acquireLock(path);
  expect(isLocked(path)).toBe(true);
  expect(() => acquireLock(path)).toThrow(expect.objectContaining({ code: "locked", message: `process ${process.pid} works on it` }));
  release();
  expect(isLocked(path)).toBe(false);
  acquireLock(path)();
  expect(readdirSync(folder)).toEqual([]);
});

test.each([
  ["of a process that is gone", async (): Promise<string> => {
    const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"]);
    const held = JSON.stringify({ pid: child.pid, started: processStarted(child.pid!) });
    child.kill("SIGKILL");
    await once(child, "exit");
    return held;
  }],
  ["of an earlier process with the same pid", () => Promise.resolve(JSON.stringify({ pid: process.pid, started: "1" }))],
  ["that is damaged", () => Promise.resolve('{"pid":')],
])("a lock %s is taken over", async (_, held) => {
  writeFileSync(path, await held());
  expect(isLocked(path)).toBe(false);
  const release = acquireLock(path);
  expect(isLocked(path)).toBe(true);
  release();
  expect(existsSync(path)).toBe(false);
});
