import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { TrainingRun } from "../../contracts/training-run.ts";
import { formatTime } from "../../lib/time.ts";
import { localRuns, pruneRuns, RunDirectory, waitingStages } from "./run-directory.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tidemark-runs-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function run(id: number, change: Partial<TrainingRun> = {}): TrainingRun {
  return {
    format: 1, run_id: `r${id}`, family: "f", trigger: "hand", seed: 1, code_version: "1", range: { stream: "EVENTS", stream_created: "", first_sequence: 1, last_sequence: 2, from: "", to: "" }, status: "completed",
    started_at: formatTime(id * 1_000), ended_at: null, attempts: 1, machine: { node: "", platform: "", cpus: 1, backend: "" }, stages: waitingStages(), checks: [], candidates: [], artifact: null, verdict: null, failure: null, ...change,
  };
}

test("a run is there with its record, and one process works on it", () => {
  const directory = RunDirectory.create(folder, run(1));
  expect(() => RunDirectory.open(folder, "r1")).toThrow(expect.objectContaining({ code: "run_in_progress" }));
  expect(() => RunDirectory.create(folder, run(1))).toThrow(/EEXIST/);
  expect(localRuns(folder)).toMatchObject([{ active: true, run: { run_id: "r1" } }]);
  directory.release();
  const again = RunDirectory.open(folder, "r1");
  again.directory.write({ ...again.run, attempts: 2 });
  again.directory.release();
  expect(localRuns(folder)).toMatchObject([{ active: false, run: { attempts: 2 } }]);
  expect(() => RunDirectory.open(folder, "r2")).toThrow(expect.objectContaining({ code: "unknown_run" }));
  expect(existsSync(join(folder, "r2"))).toBe(false);
  expect(localRuns(join(folder, "nowhere"))).toEqual([]);
});

test("what a stage put out counts once it is whole, and only as it was", () => {
  const directory = RunDirectory.create(folder, run(1));
  expect(() => directory.keep("data", (into) => {
    writeFileSync(join(into, "a"), "half");
    throw new Error("killed");
  })).toThrow("killed");
  expect(existsSync(directory.stage("data"))).toBe(false);
  expect(() => directory.verify("data")).toThrow(expect.objectContaining({ code: "stage_damaged" }));
  for (const text of ["first", "second"]) directory.keep("data", (into) => writeFileSync(join(into, "a"), text));
  directory.verify("data");
  expect(readFileSync(join(directory.stage("data"), "a"), "utf8")).toBe("second");
  appendFileSync(join(directory.stage("data"), "a"), "!");
  expect(() => directory.verify("data")).toThrow(/a is not what it was/);
  rmSync(join(directory.stage("data"), "a"));
  expect(() => directory.verify("data")).toThrow(expect.objectContaining({ code: "stage_damaged" }));
  directory.release();
});

test("the newest few stay, and those that go on; what is no run of this version goes once nobody holds it", () => {
  const active = RunDirectory.create(folder, run(1));
  for (let id = 2; id <= 7; id++) RunDirectory.create(folder, run(id)).release();
  mkdirSync(join(folder, "being-created"));
  mkdirSync(join(folder, "old-version"));
  writeFileSync(join(folder, "old-version", "run.json"), '{"format":0}');
  pruneRuns(folder, 2);
  expect(localRuns(folder).map((local) => local.run.run_id)).toEqual(["r7", "r6", "r1"]);
  expect([existsSync(join(folder, "being-created")), existsSync(join(folder, "old-version"))]).toEqual([true, false]);
  active.release();
  pruneRuns(folder, 2, "r1");
  expect(localRuns(folder).map((local) => local.run.run_id)).toEqual(["r7", "r6", "r1"]);
  pruneRuns(folder, 2);
  expect(localRuns(folder).map((local) => local.run.run_id)).toEqual(["r7", "r6"]);
});
