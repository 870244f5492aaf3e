import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { must } from "../lib/assert.ts";
import { lockStores } from "./ingest-lock.ts";
import { processStarted } from "../ingest/process-identity.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tidemark-lock-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("one process writes the stores of a data directory, and a next one once it is gone, even killed", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  const pid = must(child.pid, "spawned");
  writeFileSync(join(directory, "ingest.lock"), JSON.stringify({ pid, started: processStarted(pid) }));
  expect(() => lockStores(directory)).toThrow(expect.objectContaining({ code: "already_running", message: expect.stringContaining(`ingest already runs on ${directory} (process ${pid})`) }));
  child.kill("SIGKILL");
  await once(child, "exit");
  const release = lockStores(directory);
  expect(() => lockStores(directory)).toThrow(expect.objectContaining({ code: "already_running" }));
  release();
  expect(readdirSync(directory)).toEqual([]);
  lockStores(join(directory, "not", "there", "yet"))();
});
