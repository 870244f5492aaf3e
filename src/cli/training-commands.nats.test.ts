import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TrainingRun } from "../contracts/training-run.ts";
import type { EmbeddedBroker } from "../ingest/embedded-broker.ts";
import type { Broker } from "../ingest/nats.ts";
import { startTestBroker, type TestBroker } from "../ingest/testing/test-broker.ts";
import { publishTestHistory } from "../training/testing.ts";

const MAIN = join(import.meta.dirname, "../../dist/src/main.js");

let rig: TestBroker;
let directory: string;
let server: EmbeddedBroker;
let broker: Broker;
let environment: Record<string, string>;

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function tidemark(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { env: environment, maxBuffer: 64 * 1024 * 1024 }, (_, out, err) => resolve({ code: child.exitCode, out, err }));
  });
}

async function answer<Value>(...args: string[]): Promise<Value> {
  const { code, out, err } = await tidemark(...args, "--json");
  expect(err.includes("Error"), err).toBe(false);
  expect(code, `${args.join(" ")}: ${err}`).toBe(0);
  return JSON.parse(out) as Value;
}

interface Model {
  readonly version: string;
  readonly champion: boolean;
  readonly pinned: boolean;
  readonly digest: string;
}

beforeAll(async () => {
  rig = await startTestBroker("training-cli");
  ({ directory, server, broker } = rig);
  environment = { PATH: process.env["PATH"] ?? "", TIDEMARK_NATS_URL: server.url, TIDEMARK_DATA_DIR: join(directory, "data") };
});

afterAll(async () => {
  await rig.stop();
});

let first: TrainingRun;
let second: TrainingRun;

test("before there is anything, the commands say what to do", { timeout: 60_000 }, async () => {
  expect(await tidemark("pipeline", "list")).toMatchObject({ code: 0, out: expect.stringContaining("`tidemark pipeline run` makes one") });
  expect(await tidemark("model", "list")).toMatchObject({ code: 0, out: expect.stringContaining("`tidemark train` makes one") });
  expect(await tidemark("pipeline", "show")).toMatchObject({ code: 2, err: expect.stringContaining("there are no runs yet") });
  expect(await tidemark("model", "show")).toMatchObject({ code: 2, err: expect.stringContaining("no model serves yet") });
  expect(await tidemark("model", "pin")).toMatchObject({ code: 2, err: expect.stringContaining("there is no champion to pin") });
  expect(await tidemark("train")).toMatchObject({ code: 2, err: expect.stringContaining("the stream EVENTS is empty") });
});

test("train, list, show, compare and report", { timeout: 120_000 }, async () => {
  await publishTestHistory(broker);
  const trained = await tidemark("train", "--seed", "3");
  expect(trained).toMatchObject({ code: 0, err: expect.stringContaining("✓ training") });
  expect(trained.out).toMatch(/elasticity\/\S+ promoted: \S+: deviance/);
  expect(trained.out).toMatch(/ok {4}leakage\.shuffled_labels/);
  second = await answer<TrainingRun>("pipeline", "run", "--seed", "4");
  expect(second).toMatchObject({ status: "completed", seed: 4, trigger: "hand", verdict: { promoted: false } });

  const runs = await answer<(TrainingRun & { state: string })[]>("pipeline", "list");
  expect(runs.map(({ seed, state }) => [seed, state])).toEqual([[4, "completed"], [3, "completed"]]);
  first = runs[1]!;
  expect((await tidemark("pipeline", "list", "--limit", "1")).out.trimEnd().split("\n")).toHaveLength(2);
  expect((await tidemark("pipeline", "show", first.run_id)).out).toContain(first.verdict!.reason);
  expect(await answer<TrainingRun>("pipeline", "show")).toMatchObject({ run_id: second.run_id });
  const compared = await answer<{ same_artifact: boolean; figures: { candidate: string; metric: string; change: number }[]; checks: object[] }>("pipeline", "compare", first.run_id, second.run_id);
  expect(compared.same_artifact).toBe(false);
  expect(compared.figures.find(({ candidate, metric }) => candidate === "log_linear" && metric === "poisson_deviance")?.change).toBe(0);
  expect((await tidemark("pipeline", "compare", first.run_id, second.run_id)).out).toMatch(/seed: 3, 4/);
  expect(await tidemark("pipeline", "compare", first.run_id, "nothing")).toMatchObject({ code: 2, err: expect.stringContaining("there is no run nothing") });

  const text = await tidemark("pipeline", "report", first.run_id);
  expect(text).toMatchObject({ code: 0, out: expect.stringContaining("Expected demand by price") });
  const out = join(directory, "report.json");
  expect(await tidemark("pipeline", "report", first.run_id, "--format", "json", "--out", out)).toMatchObject({ code: 0, out: "" });
  expect(JSON.parse(await readFile(out, "utf8"))).toMatchObject({ run_id: first.run_id, analysis: { categories: [{ category: "k0" }, { category: "k1" }, { category: "k2" }] } });
  expect(await tidemark("pipeline", "report", "--format", "pdf")).toMatchObject({ code: 2, err: expect.stringContaining("allowed: one of") });
  expect(await tidemark("pipeline", "report", first.run_id, "--out", join(directory, "no", "file"))).toMatchObject({ code: 1, err: expect.stringContaining("cannot be written") });
});

test("a model of XGBoost is judged like any other, and one that is no rate is refused before anything runs", { timeout: 60_000 }, async () => {
  const models = join(import.meta.dirname, "../models/testing/xgboost");
  const { code, out } = await tidemark("model", "import", join(models, "poisson_margin.json"), "--base-margin", "--json");
  const run = JSON.parse(out) as TrainingRun;
  expect([code, run.verdict?.promoted]).toEqual([2, false]);
  expect(run).toMatchObject({ trigger: "import", status: "completed", candidates: [{ name: "xgboost", selected: true, barred: null, forward: { rows: 160 } }] });
  expect(Object.values(run.candidates[0]!.importance).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
  const before = await answer<TrainingRun[]>("pipeline", "list");
  expect(await tidemark("model", "import", join(models, "refused_dart.json"))).toMatchObject({ code: 2, err: expect.stringMatching(/dart/) });
  expect(await tidemark("model", "import", join(models, "refused_binary.ubj"), "--xgboost")).toMatchObject({ code: 2 });
  expect(await answer<TrainingRun[]>("pipeline", "list")).toHaveLength(before.length);
});

test("models: pin, promote, roll back, export and import", { timeout: 120_000 }, async () => {
  const models = await answer<Model[]>("model", "list");
  expect(models.map(({ version, champion }) => [version, champion]).slice(1)).toEqual([[second.artifact!.version, false], [first.artifact!.version, true]]);
  expect((await tidemark("model", "show")).out).toContain(first.artifact!.digest);
  expect((await tidemark("model", "show", second.artifact!.version)).out).toContain("It has not served.");

  expect(await answer("model", "pin", "--reason", "sale")).toMatchObject({ version: first.artifact!.version, pinned: true, reason: "sale" });
  expect((await tidemark("model", "list")).out).toContain("serves, pinned");
  expect(await answer("model", "unpin")).toMatchObject({ pinned: false, reason: "released" });
  expect(await tidemark("model", "rollback")).toMatchObject({ code: 2, err: expect.stringContaining("no other model has served") });

  const refused = await tidemark("model", "promote", second.artifact!.version);
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("its run refused it: ") });
  expect(await tidemark("model", "promote", second.artifact!.version, "--force")).toMatchObject({ code: 2, err: expect.stringContaining("--force needs a --reason") });
  expect(await answer("model", "promote", second.artifact!.version, "--force", "--reason", "a trial")).toMatchObject({ version: second.artifact!.version, reason: "a trial", run_id: second.run_id });
  expect(await answer("model", "rollback")).toMatchObject({ version: first.artifact!.version, run_id: first.run_id, reason: `rolled back from ${second.artifact!.version}` });

  const file = join(directory, "model.json");
  expect(await answer("model", "export", second.artifact!.version, "--out", file)).toMatchObject({ digest: second.artifact!.digest });
  expect(await tidemark("model", "export")).toMatchObject({ code: 2, err: expect.stringContaining("--out is missing") });
  const imported = await tidemark("model", "import", file);
  expect(imported).toMatchObject({ code: 2, err: expect.stringContaining("not promoted: imported ") });
  expect(await tidemark("model", "import", file, "--force")).toMatchObject({ code: 2, err: expect.stringContaining("--force needs a --reason") });
  expect(await tidemark("model", "import", file, "--force", "--reason", "from elsewhere")).toMatchObject({ code: 0, err: expect.stringContaining("serves all the same: from elsewhere") });
  expect((await answer<Model[]>("model", "list")).find(({ champion }) => champion)).toMatchObject({ digest: second.artifact!.digest });

  const bytes = await readFile(file);
  await writeFile(file, bytes.subarray(0, bytes.length / 2));
  expect(await tidemark("model", "import", file)).toMatchObject({ code: 2, err: expect.stringContaining("is not JSON") });
  const artifact = JSON.parse(bytes.toString()) as { feature_names: string[]; level_sd: number };
  await writeFile(file, JSON.stringify({ ...artifact, feature_names: ["moon"] }));
  expect(await tidemark("model", "import", file)).toMatchObject({ code: 2, err: expect.stringContaining("this version builds") });
  // Other bytes under the champion's version would take its place in the store.
  await writeFile(file, JSON.stringify({ ...artifact, level_sd: artifact.level_sd / 2 }));
  expect(await tidemark("model", "import", file)).toMatchObject({ code: 2, err: expect.stringContaining("an edited artifact needs one of its own") });
  expect((await tidemark("model", "show")).out).toContain(second.artifact!.digest);
  expect(await tidemark("model", "import", file, "--base-margin")).toMatchObject({ code: 2, err: expect.stringContaining("which this file is not") });
  expect(await tidemark("model", "import", join(directory, "nothing"))).toMatchObject({ code: 2, err: expect.stringContaining("cannot be read") });
});

test("the other family is run, listed and shown by its name, and leaves the first as it was", { timeout: 120_000 }, async () => {
  const before = await answer<Model[]>("model", "list");
  const run = await answer<TrainingRun>("pipeline", "run", "--family", "propensity", "--seed", "3");
  expect(run).toMatchObject({ family: "propensity", status: "completed", artifact: { name: expect.stringMatching(/^propensity\//) } });
  expect((await answer<TrainingRun[]>("pipeline", "list", "--family", "propensity")).map(({ run_id }) => run_id)).toEqual([run.run_id]);
  expect((await tidemark("pipeline", "list", "--limit", "1")).out).toContain("enrollment: ");
  const version = run.artifact!.version;
  expect((await answer<Model[]>("model", "list", "--family", "propensity")).map((model) => model.version)).toEqual([version]);
  const shown = await tidemark("model", "show", version, "--family", "propensity");
  expect(shown.out).toMatch(/enrollment +boosting/);
  expect(shown.out).toContain("log-odds of enrolling by log price");
  expect(JSON.parse((await tidemark("model", "show", version, "--family", "propensity", "--json")).out)).toMatchObject({ binary: { churn: { champion: "hand_score" } } });
  expect(await tidemark("model", "show", version)).toMatchObject({ code: 2, err: expect.stringContaining(`there is no model ${version} of elasticity`) });
  expect(await tidemark("model", "list", "--family", "weather")).toMatchObject({ code: 2, err: expect.stringContaining("one of elasticity, propensity") });
  expect(await answer<Model[]>("model", "list")).toEqual(before);
});
