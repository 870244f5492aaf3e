import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { PROPENSITY_FAMILY } from "../contracts/propensity.ts";
import { exportColumns, exportTableNames } from "../ingest/export/export-tables.ts";
import { readTable } from "../ingest/export/testing/read-table.ts";
import { type EmbeddedBroker, startEmbeddedBroker } from "../ingest/embedded-broker.ts";
import { Broker } from "../ingest/nats.ts";
import { silentLogger } from "../lib/log.ts";
import { encodeArtifact } from "../models/compiled.ts";
import { compilePropensity } from "../models/propensity/compiled-scorer.ts";
import { propensityArtifact } from "../models/propensity/testing.ts";
import { publishHistory } from "../simulator/publish-history.ts";
import { smallPlatform } from "../simulator/test-platform.ts";
import { ModelRegistry } from "../ingest/models/registry.ts";

const MAIN = join(import.meta.dirname, "../../dist/src/main.js");

let directory: string;
let out: string;
let server: EmbeddedBroker;
let environment: Record<string, string>;

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function tidemark(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { env: environment }, (_, stdout, stderr) => resolve({ code: child.exitCode, out: stdout, err: stderr }));
  });
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "tidemark-export-"));
  server = await startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger });
  const broker = await Broker.connect({ url: server.url, name: "test" });
  await broker.ensureStreams();
  await publishHistory(broker, smallPlatform(), {});
  await broker.publish("events.token.l1", new TextEncoder().encode("not json"));
  await broker.close();
  environment = { PATH: process.env["PATH"] ?? "", TIDEMARK_NATS_URL: server.url, TIDEMARK_DATA_DIR: join(directory, "data") };
});

afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

beforeEach(() => {
  out = mkdtempSync(join(directory, "out-"));
});
afterEach(() => rmSync(out, { recursive: true, force: true }));

test("all tables into one SQLite file, and one of them as CSV: the same rows", { timeout: 60_000 }, async () => {
  const sqlite = join(out, "platform.sqlite");
  const all = await tidemark("export", "--all", "--format", "sqlite", "--out", sqlite);
  expect(all.err).toBe("");
  expect(all.code).toBe(0);
  expect(all.out).toMatch(/✓ events +[\d,]+ /);
  expect(all.out).toMatch(/✓ learners +500 /);
  expect(all.out).toMatch(/1 refused/);
  const rows = Object.fromEntries(await Promise.all(exportTableNames.map(async (table) => [table, await readTable("sqlite", sqlite, table, exportColumns(table))] as const)));
  expect(rows["courses"]!.length).toBe(100);
  expect(rows["teachers"]!.length).toBe(20);
  expect(rows["enrollments"]!.length).toBeGreaterThan(1_000);
  expect(rows["token_transactions"]!.length).toBeGreaterThan(rows["enrollments"]!.length);

  const csv = join(out, "enrollments.csv");
  expect(await tidemark("export", "--table", "enrollments", "--out", csv)).toMatchObject({ code: 0, err: "" });
  expect(await readTable("csv", csv, "enrollments", exportColumns("enrollments"))).toEqual(rows["enrollments"]);
  expect(readdirSync(out).sort()).toEqual(["enrollments.csv", "platform.sqlite"]);

  const parquet = join(out, "parquet");
  expect(await tidemark("export", "--all", "--format", "parquet", "--out", parquet)).toMatchObject({ code: 0, err: "" });
  for (const table of exportTableNames) expect(await readTable("parquet", join(parquet, `${table}.parquet`), table, exportColumns(table))).toEqual(rows[table]);
});

test("learners are scored by hand weights until a model is promoted, and by that one then", { timeout: 60_000 }, async () => {
  const scores = async (): Promise<{ models: Set<unknown>; enrollment: unknown[]; run: Run }> => {
    const csv = join(out, "propensity.csv");
    const run = await tidemark("export", "--table", "propensity", "--force", "--out", csv);
    const rows = await readTable("csv", csv, "propensity", exportColumns("propensity"));
    const at = (name: string): number => exportColumns("propensity").findIndex((column) => column.name === name);
    return { models: new Set(rows.map((row) => row[at("propensity_model")])), enrollment: rows.map((row) => row[at("enrollment_propensity")]), run };
  };
  const before = await scores();
  expect(before.run).toMatchObject({ code: 0, err: "" });
  expect(before.models).toEqual(new Set([null]));
  const broker = await Broker.connect({ url: server.url, name: "test" });
  try {
    const registry = new ModelRegistry(broker, PROPENSITY_FAMILY, compilePropensity);
    const stored = await registry.store(encodeArtifact(propensityArtifact({ version: "2026-01-01-test" })));
    const { sequence } = await registry.promote(stored, { time: "2026-01-01T00:00:00Z", reason: "a test" }, 0);
    const after = await scores();
    expect(after.models).toEqual(new Set(["2026-01-01-test"]));
    expect(after.enrollment).not.toEqual(before.enrollment);
    // One that is not there any more: the hand weights, and it says so.
    await registry.promote({ ...stored, name: "propensity/gone" }, { time: "2026-01-01T00:00:00Z", reason: "a test" }, sequence);
    const without = await scores();
    expect(without.run.code).toBe(0);
    expect(without.run.err).toContain("propensity/gone");
    expect(without.enrollment).toEqual(before.enrollment);
  } finally {
    await broker.close();
  }
});

test("what is asked wrongly is answered with what is allowed", { timeout: 60_000 }, async () => {
  const path = join(out, "mine.csv");
  writeFileSync(path, "mine");
  const wrong: readonly (readonly [args: string[], says: RegExp])[] = [
    [["--table", "users", "--out", path], /--table is "users"\n {2}allowed: one of learners, teachers, courses, enrollments, token_transactions, platform_metrics/],
    [["--table", "learners", "--format", "xlsx", "--out", path], /--format is "xlsx"\n {2}allowed: one of csv, parquet, arrow, sqlite/],
    [["--out", path], /one of --table, --all and --dataset/],
    [["--table", "learners", "--all", "--out", path], /one of --table, --all and --dataset/],
    [["--table", "learners"], /--out is missing/],
    [["--table", "learners", "--out", path], /mine\.csv exists: .*--force/],
    [["--all", "--out", path], /mine\.csv is a file: several tables need a directory/],
    [["--table", "learners", "--out", out, "--force"], /is not a file/],
    [["--table", "learners", "--out", join(out, "none", "a.csv")], /there is no directory/],
  ];
  for (const [args, says] of wrong) {
    const { code, err } = await tidemark("export", ...args);
    expect(err).toMatch(says);
    expect(code).toBe(2);
  }
  expect(readFileSync(path, "utf8")).toBe("mine");
  expect(readdirSync(out)).toEqual(["mine.csv"]);

  expect(await tidemark("export", "--table", "teachers", "--out", path, "--force")).toMatchObject({ code: 0 });
  expect((await readTable("csv", path, "teachers", exportColumns("teachers"))).length).toBe(20);
});

test("without a broker it says that it waits for one, and for which, without its password", async () => {
  const env = { ...environment, TIDEMARK_NATS_URL: "nats://user:secret@127.0.0.1:1" };
  const child = spawn(process.execPath, [MAIN, "export", "--all", "--out", join(out, "all")], { env, stdio: ["ignore", "ignore", "pipe"] });
  let err = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  await vi.waitFor(() => expect(err).toBe("waiting for the broker: nothing answers at nats://***@127.0.0.1:1\n"), { timeout: 15_000, interval: 20 });
  child.kill("SIGINT");
  expect((await once(child, "close"))[0]).toBe(1);
  expect(readdirSync(out)).toEqual([]);
});

test("without room it says so, and leaves nothing", async () => {
  // A limit for files, as little as a full disk leaves: 100 or 200 KB, by the shell.
  const limited = ["-c", 'ulimit -f 200 && exec "$0" "$@"', process.execPath, MAIN, "export", "--all", "--out", join(out, "all")];
  const child = spawn("sh", limited, { env: environment, stdio: ["ignore", "ignore", "pipe"] });
  let err = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const [code] = (await once(child, "close")) as [number | null];
  // Before it, at most, that the promoted model cannot be had.
  expect(err).toMatch(/(^|\n)the tables could not be written: .*disk.*\n$/);
  expect(code).toBe(1);
  expect(readdirSync(out)).toEqual([]);
});

async function interrupted(signal: NodeJS.Signals): Promise<{ readonly code: number | null; readonly err: string }> {
  const child: ChildProcess = spawn(process.execPath, [MAIN, "export", "--all", "--format", "sqlite", "--out", join(out, "platform.sqlite")], { env: environment, stdio: ["ignore", "ignore", "pipe"] });
  let err = "";
  child.stderr?.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const ended = once(child, "exit");
  // Once it has begun to fold.
  await vi.waitFor(() => expect(readdirSync(out).some((name) => name.startsWith(".tidemark-export-"))).toBe(true), { timeout: 15_000, interval: 2 });
  child.kill(signal);
  const [code] = (await ended) as [number | null];
  return { code, err };
}

test("interrupted it leaves nothing, and killed nothing that looks whole", async () => {
  const { code, err } = await interrupted("SIGINT");
  expect(readdirSync(out)).toEqual([]);
  expect(err).toMatch(/stopped: nothing was written/);
  expect(code).toBe(1);

  expect((await interrupted("SIGKILL")).code).toBeNull();
  expect(existsSync(join(out, "platform.sqlite"))).toBe(false);
  expect(readdirSync(out).every((name) => name.startsWith("."))).toBe(true);
});
