import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { TidemarkError } from "../lib/errors.ts";
import { DRAIN_MAX_MS } from "../serving/options.ts";
import { stopOrder } from "./platform-start.ts";
import { processStarted } from "../ingest/process-identity.ts";
import { RotatingLog } from "./rotating-log.ts";
import type { ProcessIdentity } from "../ingest/process-identity.ts";
import type { ChildPolicy, ChildSpec, SupervisedChild } from "./supervised-child.ts";
import { Supervisor } from "./supervisor.ts";

const BUILT = join(import.meta.dirname, "../../dist/src/cli");

/** A role of a few lines: what it does is its argument; `journal` is a file that all children append to. */
const FAKE_ROLE = `
import { appendFileSync, readFileSync } from "node:fs";
const [role, what, journal] = process.argv.slice(2);
const note = (text) => appendFileSync(journal, role + " " + text + "\\n");
note("began");
const wait = () => setInterval(() => undefined, 1000);
process.on("disconnect", () => process.exit(1));
if (what === "together") process.on("SIGTERM", () => { note("asked"); setInterval(() => { if (readFileSync(journal, "utf8").match(/ asked/g).length === 2) { note("stopped"); process.exit(0); } }, 10); });
else if (what !== "stubborn") process.on("SIGTERM", () => { note("stopped"); process.exit(0); });
else process.on("SIGTERM", () => note("asked"));
const doings = {
  work() { console.log("hello from", role); process.send({ type: "progress", phase: "p", done: 1, total: 2 }); process.send({ type: "ready", detail: { port: 7 } }); wait(); },
  together() { process.send({ type: "ready", detail: {} }); wait(); },
  stubborn() { process.send({ type: "ready", detail: {} }); wait(); },
  run() { process.send({ type: "outcome", of: "elasticity", ok: false, reason: "too little data" }); process.send({ type: "ready", detail: {} }); wait(); },
  die() { console.error("last words"); process.exit(3); },
  readyThenDie() { process.send({ type: "ready", detail: {} }, () => process.exit(3)); },
  refuse() { console.error("the reason"); process.exit(2); },
  fail() { process.send({ type: "failed", code: "stream_recreated", message: "delete it" }); wait(); },
  once() { process.exit(0); },
};
doings[what]();
`;

const quick: ChildPolicy = { backoff_first_ms: 100, backoff_max_ms: 400, healthy_ms: 60_000, early_deaths_max: 3 };

describe("supervisor", () => {
  let directory = "";
  let lines: string[] = [];
  let processes: readonly ProcessIdentity[] = [];
  let supervisor: Supervisor;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "tidemark-supervisor-"));
    lines = [];
    processes = [];
    writeFileSync(join(directory, "role.mjs"), FAKE_ROLE);
    writeFileSync(join(directory, "journal"), "");
    supervisor = new Supervisor({
      entry: join(directory, "role.mjs"),
      environment: {},
      log_dir: join(directory, "logs"),
      policy: quick,
      line: (text) => lines.push(text),
      onProcesses: (now) => {
        processes = now;
      },
    });
  });

  afterEach(async () => {
    await supervisor.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const launch = (role: string, what: string, more: Partial<ChildSpec> = {}): SupervisedChild => supervisor.launch({ role, args: [role, what, join(directory, "journal")], ...more });
  const journal = (): string[] => readFileSync(join(directory, "journal"), "utf8").trim().split("\n");
  const failure = (): Promise<TidemarkError> => supervisor.failure.catch((error: unknown) => error as TidemarkError);

  test("passes on progress and readiness, and keeps what a role prints", async () => {
    const child = launch("serve", "work");
    const progress: unknown[] = [];
    child.onProgress((...report) => progress.push(report));
    expect(await supervisor.orFailure(child.ready)).toEqual({ port: 7 });
    expect(progress).toEqual([["p", 1, 2]]);
    expect(processes).toEqual([child.identity]);
    await supervisor.stop();
    expect(readFileSync(join(directory, "logs", "serve.log"), "utf8")).toBe("hello from serve\n");
    expect(processes).toEqual([]);
  });

  test("starts a dead role again, each time later up to a bound, and says so", async () => {
    launch("train", "readyThenDie");
    await vi.waitFor(() => expect(lines.length).toBeGreaterThanOrEqual(4), 10_000);
    const delays = lines.map((text) => /train ended with code 3; starting it again in ([\d.]+) s/.exec(text)?.[1]);
    expect(delays.slice(0, 4)).toEqual(["0.1", "0.2", "0.4", "0.4"]);
    expect(journal().filter((entry) => entry === "train began").length).toBeGreaterThanOrEqual(4);
  });

  test("a killed role is started again", async () => {
    const child = launch("ingest", "work");
    await child.ready;
    const first = child.identity!.pid;
    process.kill(first, "SIGKILL");
    await vi.waitFor(() => expect(child.identity?.pid).not.toBe(first), 5_000);
    await vi.waitFor(() => expect(child.identity).toBeDefined(), 5_000);
    expect(lines[0]).toContain("ingest was ended by SIGKILL");
  });

  test("gives up a role that keeps dying before it was ever ready, with its last words", async () => {
    launch("ingest", "die");
    const error = await failure();
    expect(error.code).toBe("role_failed");
    expect(error.message).toMatch(/^ingest: it ended with code 3, 3 times in a row:\n(last words\n?)+$/);
    expect(journal()).toEqual(["ingest began", "ingest began", "ingest began"]);
  });

  test("gives up at once on exit code 2, and on a report of failure", async () => {
    launch("serve", "refuse");
    expect((await failure()).message).toBe("serve: it ended with code 2:\nthe reason");
    expect(journal()).toEqual(["serve began"]);
    expect(lines).toEqual([]);
  });

  test("a role's own report says why it cannot go on", async () => {
    launch("ingest", "fail");
    const error = await failure();
    expect([error.code, error.message]).toEqual(["stream_recreated", "ingest: delete it"]);
  });

  test("work that ends is finished, not dead", async () => {
    await launch("history", "once", { once: true }).finished;
    expect(lines).toEqual([]);
    expect(journal()).toEqual(["history began"]);
  });

  test("stops stage by stage, each only when the one before is gone, and the children of one together", async () => {
    for (const [role, stop_stage] of [["broker", 2], ["serve", 1], ["train", 0]] as const) await launch(role, "work", { stop_stage }).ready;
    // Each of these two ends only once the other has been asked, too.
    for (const role of ["ingest", "fold"]) await launch(role, "together", { stop_stage: 1, grace_ms: 3_000 }).ready;
    await supervisor.stop();
    const ended = journal().filter((entry) => entry.endsWith("stopped"));
    expect([ended[0], ended.at(-1)]).toEqual(["train stopped", "broker stopped"]);
    expect(ended.slice(1, -1).sort()).toEqual(["fold stopped", "ingest stopped", "serve stopped"]);
  });

  test("a start gives each role the time that its stop may take, and ends within ten seconds", () => {
    expect(stopOrder.serve.grace_ms).toBeGreaterThan(DRAIN_MAX_MS);
    const stages = new Map<number, number>();
    for (const { stop_stage, grace_ms } of Object.values(stopOrder)) stages.set(stop_stage, Math.max(stages.get(stop_stage) ?? 0, grace_ms));
    expect([...stages.values()].reduce((sum, ms) => sum + ms, 0)).toBeLessThan(10_000);
    for (const role of ["serve", "ingest", "train", "simulate", "history"] as const) expect(stopOrder[role].stop_stage).toBeLessThan(stopOrder.broker.stop_stage);
    expect(stopOrder.simulate.stop_stage).toBeLessThan(stopOrder.serve.stop_stage);
  });

  test("passes on what came of a run", async () => {
    const child = launch("train", "run");
    const outcomes: unknown[] = [];
    child.onOutcome((...outcome) => outcomes.push(outcome));
    await child.ready;
    expect(outcomes).toEqual([["elasticity", false, "too little data"]]);
  });

  test("kills a role that does not stop in time", async () => {
    const child = launch("serve", "stubborn", { grace_ms: 100 });
    await child.ready;
    const { pid } = child.identity!;
    await supervisor.stop();
    expect(journal()).toEqual(["serve began", "serve asked"]);
    expect(processStarted(pid)).toBeUndefined();
  });

  test("a role waiting for its next try does not come back after a stop", async () => {
    const child = launch("train", "readyThenDie");
    await vi.waitFor(() => expect(lines.length).toBeGreaterThanOrEqual(1), 5_000);
    await supervisor.stop();
    const began = journal().length;
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(journal().length).toBe(began);
    expect(child.identity).toBeUndefined();
  });

  test("children end when the supervisor is killed", async () => {
    const role = join(directory, "orphan.mjs");
    writeFileSync(role, `import { processLifetime, aborted } from ${JSON.stringify(join(BUILT, "lifetime.js"))};\nprocess.send({ type: "ready", detail: {} });\nawait aborted(processLifetime());\nprocess.exit(0);\n`);
    const owner = join(directory, "owner.mjs");
    writeFileSync(
      owner,
      `import { Supervisor } from ${JSON.stringify(join(BUILT, "supervisor.js"))};
const supervisor = new Supervisor({ entry: ${JSON.stringify(role)}, environment: {}, log_dir: ${JSON.stringify(join(directory, "logs"))}, policy: {}, line: () => undefined });
const child = supervisor.launch({ role: "orphan", args: [] });
await child.ready;
process.send(child.identity);
`,
    );
    const owning = fork(owner);
    const [identity] = (await once(owning, "message")) as [ProcessIdentity];
    expect(processStarted(identity.pid)).toBe(identity.started);
    owning.kill("SIGKILL");
    await vi.waitFor(() => expect(processStarted(identity.pid)).toBeUndefined(), 5_000);
  });
});

describe("rotating log", () => {
  // Only Linux has a device that is always full.
  test.skipIf(!existsSync("/dev/full"))("a full disk loses text, never the supervisor", () => {
    const log = new RotatingLog("/dev/full");
    expect(() => log.write(Buffer.from("lost\n"))).not.toThrow();
    log.close();
  });

  test("keeps at most two files of the given size, and the newest text", () => {
    const directory = mkdtempSync(join(tmpdir(), "tidemark-log-"));
    try {
      const path = join(directory, "logs", "role.log");
      const log = new RotatingLog(path, 100);
      for (let line = 0; line < 50; line++) log.write(Buffer.from(`line ${String(line).padStart(4, "0")}\n`));
      expect(log.tail(2)).toBe("line 0048\nline 0049");
      log.close();
      const kept = `${readFileSync(`${path}.1`, "utf8")}${readFileSync(path, "utf8")}`;
      expect(kept.length).toBeLessThanOrEqual(200);
      expect(kept.endsWith("line 0048\nline 0049\n")).toBe(true);
      // It goes on where it was, size included.
      const again = new RotatingLog(path, 100);
      again.write(Buffer.alloc(95, "x"));
      again.close();
      expect(readFileSync(path, "utf8")).toBe("x".repeat(95));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
