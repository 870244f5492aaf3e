import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TidemarkError } from "../lib/errors.ts";
import { ownIdentity, type ProcessIdentity, processSchema, processStarted } from "./process-identity.ts";
import { readLock, takeLock } from "./process-lock.ts";

let folder: string;
let path: string;
const take = (): readonly ProcessIdentity[] => takeLock({ path, schema: processSchema, held: ({ pid }) => new TidemarkError("held", `by ${pid}`) }, ownIdentity());

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tidemark-lock-"));
  path = join(folder, "lock");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("one holder at a time, and nothing else is left behind", () => {
  expect(take()).toEqual([]);
  expect(take).toThrow(expect.objectContaining({ code: "held", message: `by ${process.pid}` }));
  expect(readLock(path, processSchema)).toEqual(ownIdentity());
  expect(readdirSync(folder)).toEqual(["lock"]);
});

test.each([
  ["of a process that is gone", 1, async (): Promise<string> => {
    const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"]);
    const held = JSON.stringify({ pid: child.pid, started: processStarted(child.pid!) });
    child.kill("SIGKILL");
    await once(child, "exit");
    return held;
  }],
  ["of an earlier process with the same pid", 1, () => Promise.resolve(JSON.stringify({ pid: process.pid, started: "1" }))],
  ["that is damaged", 0, () => Promise.resolve('{"pid":')],
])("a lock %s is taken over", async (_, ended, held) => {
  writeFileSync(path, await held());
  expect(take()).toHaveLength(ended);
  expect(readLock(path, processSchema)).toEqual(ownIdentity());
});
