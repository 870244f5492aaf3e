import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runBenchCommand } from "./bench-command.ts";
import { isGroup } from "./command.ts";
import { commands } from "./commands.ts";
import { readConfig } from "./config.ts";
import { settingNames, settings } from "./settings.ts";

const MAIN = join(import.meta.dirname, "../../dist/src/main.js");

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function tidemark(args: readonly string[], environment: Record<string, string> = {}): Promise<Run> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { env: { PATH: process.env["PATH"], ...environment } }, (_, out, err) => resolve({ code: child.exitCode, out, err }));
  });
}

describe("command line", () => {
  test("help names every command, its exit codes and an example; the supervisor's own command is not shown", async () => {
    const { code, out } = await tidemark(["--help"]);
    expect(code).toBe(0);
    for (const entry of commands) expect(new RegExp(`^ {2}${entry.name} `, "m").test(out), entry.name).toBe(isGroup(entry) || entry.hidden !== true);
    expect(out).toContain("Exit codes:");
    expect(out).toContain("$ tidemark start");
  });

  test("a command's help gives each flag with what it allows, and examples", async () => {
    const { out } = await tidemark(["simulate", "--help"]);
    for (const flag of ["--learners", "--courses", "--teachers", "--enrollments", "--weeks", "--seed", "--rate", "--sim-rate"]) expect(out).toContain(flag);
    expect(out).toContain("$ tidemark simulate --live --rate 50");
  });

  test("the version is the package's", async () => {
    expect((await tidemark(["--version"])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  const misuse: readonly (readonly [args: readonly string[], environment: Record<string, string>, says: string])[] = [
    [["strat"], {}, "unknown command 'strat'"],
    [["start", "--prot", "1"], {}, "unknown option '--prot'"],
    [["start", "--port", "http"], {}, '--port is "http"'],
    [["serve"], { TIDEMARK_WORKERS: "2" }, "TIDEMARK_WORKERS is not a setting"],
    [["config"], { TIDEMARK_SEED: "x" }, 'TIDEMARK_SEED is "x"'],
    [["train", "--data-dir", "/nonexistent"], {}, "no broker: set TIDEMARK_NATS_URL"],
    [["simulate", "--history", "--live"], {}, "--history and --live exclude each other"],
    [["start", "extra"], {}, "too many arguments"],
    [["dlq", "lost"], {}, "unknown command 'lost'"],
    [["dlq", "list", "--limit", "0"], {}, '--limit is "0"'],
    [["dlq", "list", "--reason", "bad"], {}, '--reason is "bad"'],
    [["dlq", "show"], {}, "missing required argument 'sequence'"],
    [["dlq", "show", "1e3"], {}, 'the sequence is "1e3"'],
    [["dlq", "show", "5", "--stream", "*"], {}, '--stream is "*"'],
    [["dlq", "retry"], {}, "or give --all"],
    [["dlq", "retry", "5", "--all"], {}, "or give --all"],
    [["late", "--limit", "none"], {}, '--limit is "none"'],
    [["bench", "speed"], {}, "usage: npm run bench -- NAME"],
    [["bench", "serve", "extra"], {}, "too many arguments"],
  ];

  test.each(misuse)("%j with %j ends with 2 and says why, without a stack", async (args, environment, says) => {
    const { code, err } = await tidemark(args, environment);
    expect(code).toBe(2);
    expect(err).toContain(says);
    expect(err).not.toMatch(/\n\s+at /);
  });

  test("config shows every setting with value and source, secrets masked, as a table and as JSON", async () => {
    const environment = { TIDEMARK_NATS_URL: "nats://user:secret@host:4222" };
    const [table, json] = await Promise.all([tidemark(["config", "--seed", "5"], environment), tidemark(["config", "--json"], environment)]);
    expect(table.code).toBe(0);
    for (const name of settingNames) expect(table.out).toContain(settings[name].variable);
    expect(table.out).toMatch(/TIDEMARK_SEED +5 +flag/);
    expect(table.out + json.out).not.toContain("secret");
    expect(JSON.parse(json.out)).toMatchObject({ TIDEMARK_NATS_URL: { value: "nats://***@host:4222", source: "environment" }, TIDEMARK_PORT: { value: 8080, source: "default" } });
  });

  test("every command has an example, and but for those that run until they are stopped, --json", () => {
    const all = commands.flatMap((entry) => (isGroup(entry) ? entry.commands.map((command) => ({ ...command, name: `${entry.name} ${command.name}` })) : [entry])).filter(({ hidden }) => hidden !== true);
    expect(all.filter(({ name, examples }) => examples.length === 0 || !examples.every((example) => example.includes(`tidemark ${name}`)))).toEqual([]);
    expect(all.filter(({ options = [] }) => !options.some(([flag]) => flag === "--json")).map(({ name }) => name)).toEqual(["start", "ingest", "serve", "simulate", "completion"]);
  });

  test("without benchmarks, bench says where they are", async () => {
    const context = { read: readConfig({}, {}), options: {}, arguments: ["serve"], signal: new AbortController().signal };
    await expect(runBenchCommand(context, "/nonexistent/main.js")).rejects.toMatchObject({ code: "bench_missing", message: expect.stringContaining("from a checkout") });
  });

  test("flags that commands have are settings or options of theirs alone", () => {
    for (const { settings: own, options } of commands.flatMap((entry) => (isGroup(entry) ? entry.commands : [entry]))) {
      const flags = [...own.map((name) => settings[name].flag), ...(options ?? []).map(([flag]) => flag.split(" ")[0])];
      expect(new Set(flags).size).toBe(flags.length);
    }
  });
});
