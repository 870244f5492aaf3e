import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { optimizeAnswerSchema, type OptimizeAnswer } from "../contracts/api.ts";
import type { Event } from "../contracts/events.ts";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { type EmbeddedBroker, startEmbeddedBroker } from "../ingest/embedded-broker.ts";
import { Broker } from "../ingest/nats.ts";
import { silentLogger } from "../lib/log.ts";
import { isGroup } from "./command.ts";
import { commands } from "./commands.ts";
import { completionScript, shells } from "./completion-command.ts";

const MAIN = join(import.meta.dirname, "../../dist/src/main.js");
const KEY = `tmk_${"0123456789abcdef"}_${"k".repeat(43)}`;
let directory: string;
let server: EmbeddedBroker;
let other: EmbeddedBroker;

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function environment(url: string | undefined): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "", TIDEMARK_DATA_DIR: join(directory, "data"), ...(url === undefined ? {} : { TIDEMARK_NATS_URL: url }) };
}

function tidemark(url: string | undefined, args: readonly string[], input?: string): Promise<Run> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { env: environment(url) }, (_, stdout, stderr) => resolve({ code: child.exitCode, out: stdout, err: stderr }));
    child.stdin?.end(input ?? "");
  });
}

async function withBroker<T>(url: string, work: (broker: Broker) => Promise<T>): Promise<T> {
  const broker = await Broker.connect({ url, name: "test" });
  try {
    return await work(broker);
  } finally {
    await broker.close();
  }
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "tidemark-tools-"));
  mkdirSync(join(directory, "data"));
  [server, other] = await Promise.all([startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger }), startEmbeddedBroker({ data_dir: join(directory, "other"), logger: silentLogger })]);
});

afterAll(async () => {
  await Promise.all([server.stop(), other.stop()]);
  rmSync(directory, { recursive: true, force: true });
});

const event = (i: number): Event => ({ id: `e-${i}`, type: "token.purchased", time: "2026-01-02T00:00:00.000Z", learner_id: `L${i % 3}`, amount: i });

test("events are published from standard input, each checked, watched from any sequence, and copied to another platform with their times", { timeout: 60_000 }, async () => {
  const lines = [...Array.from({ length: 20 }, (_, i) => JSON.stringify(event(i + 1))), "", "{not json", JSON.stringify({ ...event(30), amount: -1 }), JSON.stringify({ ...event(31), time: "2126-01-01T00:00:00Z" })];
  const published = await tidemark(server.url, ["events", "publish"], lines.join("\n"));
  expect(published.code).toBe(2);
  expect(published.out).toBe("20 events published, 3 lines refused\n");
  expect(published.err).toMatch(/^line 22: not_json: .*\nline 23: invalid_field \(amount\): .*\nline 24: time_in_future \(time\): .*\n$/);
  const nowhere = await tidemark(server.url, ["events", "publish", "no-such-file"]);
  expect([nowhere.code, nowhere.err]).toEqual([2, expect.stringContaining("no-such-file")]);
  // Stored as any client may store them: a line that steers terminals, and is refused by ingest.
  await withBroker(server.url, (broker) => broker.publish("events.token.L1", new TextEncoder().encode("\u001b]0;owned\u0007")));

  const tail = await tidemark(server.url, ["events", "tail", "--from", "19", "--end"]);
  expect(tail).toMatchObject({ code: 0, err: "" });
  expect(tail.out.split("\n").slice(0, 3)).toEqual([
    expect.stringMatching(/^19 {2}20\S+Z {2}events\.token\.L1 {2}\{.*"id":"e-19"/),
    expect.stringMatching(/^20 {2}/),
    expect.stringMatching(/^21 .*\[refused: not_json\] \\u001b\]0;owned\\u0007$/),
  ]);
  const json = await tidemark(server.url, ["events", "tail", "--from", "1", "--limit", "2", "--subject", "events.token.L2", "--json"]);
  expect(json.out.trim().split("\n").map((line) => (JSON.parse(line) as { event: Event }).event.id)).toEqual(["e-2", "e-5"]);

  const copied = await tidemark(server.url, ["events", "replay", "--to", other.url, "--from", "3", "--json"]);
  expect(JSON.parse(copied.out)).toEqual({ replayed: 18, refused: 1, first_sequence: 3, last_sequence: 21 });
  const known = (await tidemark(server.url, ["events", "tail", "--from", "3", "--limit", "1", "--json"])).out;
  const there = await withBroker(other.url, (broker) => broker.getMessage(STREAM_EVENTS, { sequence: 1 }));
  expect(there?.subject).toBe("backfill.token.L0");
  expect(JSON.parse(new TextDecoder().decode(there?.data))).toEqual({ ...event(3), known_at: (JSON.parse(known) as { time: string }).time });
  expect(await tidemark(server.url, ["events", "replay", "--to", server.url])).toMatchObject({ code: 2, err: expect.stringContaining("name another") as string });
});

test("what arrives is printed as it arrives, until Ctrl-C", { timeout: 30_000 }, async () => {
  const child = spawn(process.execPath, [MAIN, "events", "tail", "--json"], { env: environment(server.url), stdio: ["ignore", "pipe", "inherit"] });
  const line = once(child.stdout, "data");
  const beats = setInterval(() => void withBroker(server.url, (broker) => broker.publish("events.token.L1", new TextEncoder().encode(JSON.stringify(event(1))))), 200);
  try {
    expect(String(((await line) as [Buffer])[0])).toContain('"id":"e-1"');
  } finally {
    clearInterval(beats);
  }
  child.kill("SIGINT");
  expect(((await once(child, "exit")) as [number])[0]).toBe(0);
});

describe("price", () => {
  const answer: OptimizeAnswer = optimizeAnswerSchema.parse({
    quote_id: "x",
    course_id: "C1",
    current_price: 59,
    optimal_price: 54,
    price_range: { min: 50, max: 60, recommended: 54 },
    discount_pct: 8.5,
    expected: { horizon_days: 30, current_revenue: 1_000, optimized_revenue: 1_100, increase_pct: 10, current_enrollments: 10, optimized_enrollments: 12, volume: "course", interval: { low: 900, high: 1_300 }, current_interval: { low: 800, high: 1_200 }, enrollments_interval: { low: 9, high: 15 } },
    elasticity: { value: -1.4, type: "elastic", ci95: [-1.8, -1], source: "course" },
    recommendation: { action: "decrease", confidence: 0.9, risk: "low" },
    strategies: [],
    waterfall: [{ step: "base", name: "list price", price: 59, reason: "what it costs now" }],
    reasoning: "Because.",
    model: "m",
    policy: "default-1",
    freshness_ms: 5,
  });
  let engine: Server;
  let url: string;
  const bodies: unknown[] = [];
  beforeAll(async () => {
    engine = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        const asked = JSON.parse(body) as { course_id: string };
        bodies.push({ ...asked, authorization: request.headers.authorization });
        response.writeHead(asked.course_id === "C1" ? 200 : 404, { "content-type": "application/json" });
        response.end(JSON.stringify(asked.course_id === "C1" ? answer : { code: "unknown_course", detail: "no event has named it" }));
      });
    });
    engine.listen(0, "127.0.0.1");
    await once(engine, "listening");
    url = `http://127.0.0.1:${(engine.address() as AddressInfo).port}`;
  });
  afterAll(() => engine.close());

  test("shows what the engine says, as text and as JSON", async () => {
    const key = join(directory, "key");
    writeFileSync(key, `${KEY}\n`, { mode: 0o600 });
    const text = await tidemark(undefined, ["price", "C1", "--engine-url", url, "--objective", "enrollments", "--current-price", "59"]);
    expect(text).toMatchObject({ code: 0, err: "" });
    expect(text.out).toMatch(/59 → 54 tokens \(-5\).*\n.*1,000 → 1,100 tokens in 30 days[^]*-1\.40 \(-1\.80 to -1\.00\)[^]*Because\./);
    const json = await tidemark(undefined, ["price", "C1", "--engine-url", url, "--key-file", key, "--json"]);
    expect(JSON.parse(json.out)).toEqual(answer);
    expect(bodies).toEqual([{ course_id: "C1", objective: "enrollments", current_price: 59 }, { course_id: "C1", authorization: `Bearer ${KEY}` }]);
  });

  test("says why there is none, and what to do", async () => {
    expect(await tidemark(undefined, ["price", "C2", "--engine-url", url])).toMatchObject({ code: 2, err: expect.stringContaining("no event has named it") as string });
    expect(await tidemark(undefined, ["price", "C1", "--engine-url", "http://127.0.0.1:1"])).toMatchObject({ code: 1, err: expect.stringContaining("tidemark serve") as string });
    expect(await tidemark(undefined, ["price", "a b"])).toMatchObject({ code: 2, err: expect.stringContaining("1 to 64 characters") as string });
  });
});

test("doctor finds nothing wrong here, and says what is wrong elsewhere", { timeout: 60_000 }, async () => {
  const fine = await tidemark(server.url, ["doctor", "--json", "--port", "0", "--tf-backend", "cpu"]);
  const findings = JSON.parse(fine.out) as { check: string; verdict: string; detail: string; advice: string }[];
  expect(findings.map(({ check }) => check)).toEqual(["node", "nats-server", "permissions", "disk", "lmdb", "port", "broker", "clocks", "features", "tensorflow"]);
  expect(findings.filter(({ verdict }) => verdict === "failure")).toEqual([]);
  expect(findings.find(({ check }) => check === "clocks")?.detail).toMatch(/agrees with the broker's/);
  expect(fine.code).toBe(0);
  const taken = createServer();
  taken.listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const file = join(directory, "a-file");
  writeFileSync(file, "");
  const sick = await tidemark("nats://127.0.0.1:1", ["doctor", "--data-dir", file, "--port", String(port), "--tf-backend", "cpu"]);
  taken.close();
  expect(sick.code).toBe(2);
  expect(sick.out).toMatch(/✗ permissions .*\n +→ give this user the directory/);
  expect(sick.out).toMatch(/✗ port .*\n +→ port \d+ on 127\.0\.0\.1 is in use/);
  expect(sick.out).toMatch(/✗ broker +nothing answers at nats:\/\/127\.0\.0\.1:1\n +→ start the broker/);
});

describe("completion", () => {
  const visible = commands.filter((entry) => isGroup(entry) || entry.hidden !== true).map(({ name }) => name);

  function complete(...words: string[]): string[] {
    const script = `${completionScript(commands, "bash")}\nCOMP_WORDS=(tidemark ${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length}; _tidemark; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync("bash", ["-c", script], { encoding: "utf8" }).split("\n").filter((word) => word !== "");
  }

  test("bash completes commands, what belongs to a group, and flags", () => {
    expect(complete("ev")).toEqual(["events"]);
    expect(complete("events", "")).toEqual(["tail", "publish", "replay"]);
    expect(complete("events", "tail", "--li")).toEqual(["--limit"]);
    expect(complete("events", "tail", "--limit", "5", "--js")).toEqual(["--json"]);
    expect(complete("price", "C1", "--obj")).toEqual(["--objective"]);
    expect(complete("bro")).toEqual([]);
    expect(complete("")).toEqual([...visible, "--help", "--version"]);
  });

  test.each(shells)("%s has every command; another shell is refused with what is allowed", (shell) => {
    const script = completionScript(commands, shell);
    expect(visible.filter((name) => !new RegExp(`\\b${name}\\b`).test(script))).toEqual([]);
    expect(() => completionScript(commands, "csh")).toThrow(/allowed: one of bash, zsh, fish/);
  });
});

test("every command but those that run until stopped answers in JSON", () => {
  const running = new Set(["start", "ingest", "serve", "simulate", "broker", "completion"]);
  const all = commands.flatMap((entry) => (isGroup(entry) ? entry.commands.map((command) => ({ ...command, name: `${entry.name} ${command.name}` })) : [entry]));
  const without = all.filter(({ name, options = [] }) => !running.has(name) && !options.some(([flag]) => flag === "--json")).map(({ name }) => name);
  expect(without).toEqual([]);
  expect(all.filter(({ examples, hidden }) => hidden !== true && examples.length === 0).map(({ name }) => name)).toEqual([]);
});
