import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { freePort } from "../src/ingest/broker-config.ts";
import { type EmbeddedBroker, startEmbeddedBroker } from "../src/ingest/embedded-broker.ts";
import { Broker } from "../src/ingest/nats.ts";
import { silentLogger } from "../src/lib/log.ts";
import { publishHistory } from "../src/simulator/publish-history.ts";
import { smallPlatform } from "../src/simulator/test-platform.ts";

const MAIN = join(import.meta.dirname, "../dist/src/main.js");
const notebooks = join(import.meta.dirname, "notebooks");
let directory: string;
let server: EmbeddedBroker;
const children: ChildProcess[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "tidemark-notebooks-"));
  mkdirSync(join(directory, "data"));
  server = await startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger });
  const broker = await Broker.connect({ url: server.url, name: "test" });
  await broker.ensureStreams();
  await publishHistory(broker, smallPlatform(), {});
  await broker.close();
});

afterAll(async () => {
  await Promise.all(
    children.map((child) => {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      return ended;
    }),
  );
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

interface Cell {
  readonly cell_type: string;
  readonly source: readonly string[];
}

test("the notebook is the script, cell by cell, in the format that Jupyter reads", () => {
  const notebook = JSON.parse(readFileSync(join(notebooks, "workflows.ipynb"), "utf8")) as { nbformat: number; cells: readonly (Cell & { outputs?: unknown; id: string })[] };
  expect(notebook.nbformat).toBe(4);
  const parts = readFileSync(join(notebooks, "workflows.py"), "utf8").split(/^# %%/m).slice(1);
  expect(notebook.cells.map(({ cell_type }) => cell_type)).toEqual(parts.map((part) => (part.startsWith(" [markdown]") ? "markdown" : "code")));
  const code = parts.filter((part) => !part.startsWith(" [markdown]")).map((part) => part.slice(part.indexOf("\n")).trim());
  expect(notebook.cells.filter(({ cell_type }) => cell_type === "code").map(({ source }) => source.join(""))).toEqual(code);
  expect(new Set(notebook.cells.map(({ id }) => id)).size).toBe(parts.length);
  for (const { cell_type, outputs } of notebook.cells) expect(outputs).toEqual(cell_type === "code" ? [] : undefined);
});

test("the script does all three workflows from an export against an engine", { timeout: 240_000 }, async () => {
  const port = await freePort();
  const env = { PATH: process.env["PATH"] ?? "", HOME: directory, TIDEMARK_DATA_DIR: join(directory, "data"), TIDEMARK_NATS_URL: server.url, TIDEMARK_LOG_LEVEL: "error", TIDEMARK_ARCHIVE_DIR: "none" };
  for (const args of [["ingest"], ["serve", "--port", String(port), "--serve-workers", "1"]]) children.push(spawn(process.execPath, [MAIN, ...args], { env, stdio: ["ignore", "ignore", "inherit"] }));
  const folder = join(directory, "export");
  await promisify(execFile)(process.execPath, [MAIN, "export", "--all", "--out", folder], { env });
  const url = `http://127.0.0.1:${port}`;
  await vi.waitFor(
    async () => {
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
      const { courses } = (await (await fetch(`${url}/courses?limit=1&sort=-enrollments`)).json()) as { courses: readonly unknown[] };
      expect(courses.length).toBe(1);
    },
    { timeout: 120_000, interval: 200 },
  );
  const { stdout } = await promisify(execFile)("python3", [join(notebooks, "workflows.py"), "--export", folder, "--url", url, "--courses", "5"], { env });
  expect(stdout).toMatch(/category +naive slope +elasticity +95 %\n(.+\n){3}/);
  expect(stdout).toMatch(/expected revenue of these courses: list \d+, rules \d+, engine \d+ tokens/);
  const [, list, engine] = /list (\d+), rules \d+, engine (\d+)/.exec(stdout)!.map(Number);
  // By the curve that both are valued with, the engine's own price is at least as good as staying.
  expect(engine!).toBeGreaterThanOrEqual(list!);
  expect(stdout).toMatch(/500 of 500 learners scored/);
  expect(stdout).toMatch(/segment +learners +enrollment +churn\n/);
  expect(readFileSync(join(folder, "optimized_pricing.csv"), "utf8").trim().split("\n").length).toBe(6);
});
