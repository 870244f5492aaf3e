import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { optimizeAnswerSchema, type OptimizeAnswer } from "../contracts/api.ts";
import type { Event } from "../contracts/events.ts";
import { defaultPolicy } from "../contracts/policy.ts";
import { eventSubject, modelSubject, STREAM_CONTROL, STREAM_EVENTS } from "../contracts/subjects.ts";
import { Broker } from "../ingest/nats.ts";
import { readStream } from "../ingest/read-stream.ts";
import { must } from "../lib/assert.ts";
import { formatTime } from "../lib/time.ts";
import { processStarted } from "../ingest/process-identity.ts";
import type { ProcessIdentity } from "../ingest/process-identity.ts";
import { readRunning, type Running } from "./start-lock.ts";

const MAIN = join(import.meta.dirname, "../../dist/src/main.js");
/** Small, but with enough sales a course that a first model is clearly better than the naive forecast. */
const PLATFORM = ["--learners", "500", "--courses", "150", "--teachers", "20", "--enrollments", "8000", "--weeks", "40"];
const READY_MS = 150_000;

/** One `tidemark start` as a person would run it. */
class Start {
  readonly process: ChildProcess;
  output = "";

  constructor(data_dir: string, flags: readonly string[]) {
    const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TIDEMARK_")));
    // The same training wherever the test runs, native TensorFlow built or not.
    this.process = spawn(process.execPath, [MAIN, "start", "--data-dir", data_dir, "--serve-workers", "1", ...flags], { env: { ...environment, TIDEMARK_TF_BACKEND: "wasm" } });
    const keep = (chunk: Buffer): void => {
      this.output += chunk.toString("utf8");
    };
    this.process.stdout?.on("data", keep);
    this.process.stderr?.on("data", keep);
  }

  async until(text: string): Promise<void> {
    await vi.waitFor(
      () => {
        if (this.process.exitCode !== null) throw new Error(`it ended with ${this.process.exitCode}`);
        if (!this.output.includes(text)) throw new Error(`no "${text}" yet`);
      },
      { timeout: READY_MS, interval: 100 },
    ).catch((error: unknown) => {
      throw new Error(`${String(error)} in:\n${this.output}`);
    });
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode;
    const ended = once(this.process, "exit");
    this.process.kill(signal);
    await ended;
    return this.process.exitCode;
  }
}

describe("tidemark start", () => {
  let data_dir = "";
  let running: Start | undefined;
  let broker: Broker | undefined;

  beforeAll(() => {
    data_dir = mkdtempSync(join(tmpdir(), "tidemark-start-"));
  });

  afterEach(async () => {
    await broker?.close();
    broker = undefined;
    await running?.end("SIGTERM");
    running = undefined;
  });

  afterAll(() => rmSync(data_dir, { recursive: true, force: true }));

  const where = (): Running => must(readRunning(data_dir), "a start is running");

  /** Everything that the start has started: its roles, and nats-server below one of them. */
  function processes(): ProcessIdentity[] {
    const nats = Number(readFileSync(join(data_dir, "nats", "nats-server.pid"), "utf8"));
    return [...where().children, { pid: nats, started: must(processStarted(nats), "nats-server runs") }];
  }

  const alive = (identities: readonly ProcessIdentity[]): ProcessIdentity[] => identities.filter(({ pid, started }) => processStarted(pid) === started);

  async function connect(): Promise<Broker> {
    broker = await Broker.connect({ url: must(where().nats_url, "the start says where its broker is"), name: "test" });
    return broker;
  }

  async function price(course_id: string): Promise<OptimizeAnswer> {
    const response = await fetch(`${where().url}/optimize_price`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ course_id }) });
    expect(response.status).toBe(200);
    return optimizeAnswerSchema.parse(await response.json());
  }

  /** A course whose price the engine would not raise now: sales at a higher price have something to change. */
  async function courseToRaise(): Promise<{ course_id: string; before: OptimizeAnswer }> {
    for (let index = 1; index <= 50; index++) {
      const course_id = `C${String(index).padStart(5, "0")}`;
      const before = await price(course_id);
      if (before.optimal_price <= before.current_price) return { course_id, before };
    }
    throw new Error("every course wants a higher price");
  }

  function enrollment(index: number, course_id: string, tokens: number): Event {
    const id = `start-test-${index}`;
    return { id, type: "enrollment.created", time: formatTime(Date.now()), enrollment_id: id, course_id, learner_id: `L-new-${index}`, price: tokens };
  }

  test("generates, trains, prices from a promoted model, and moves a price as enrollments arrive", { timeout: READY_MS + 60_000 }, async () => {
    running = new Start(data_dir, ["--port", "0", "--rate", "5", ...PLATFORM]);
    await running.until("Tidemark is running");
    for (const phase of ["broker", "history", "features", "model", "price"]) expect(running.output).toContain(`✓ ${phase}`);

    const second = new Start(data_dir, ["--port", "0"]);
    await once(second.process, "close");
    expect(second.process.exitCode).toBe(2);
    expect(second.output).toContain("already runs");

    const { course_id, before } = await courseToRaise();
    expect(before.degraded).toBeUndefined();
    await connect();
    const tokens = Math.round(before.current_price * 1.5);
    const encoder = new TextEncoder();
    for (let index = 0; index < 200; index++) {
      const event = enrollment(index, course_id, tokens);
      await must(broker, "connected").publish(eventSubject(event), encoder.encode(JSON.stringify(event)));
    }
    const after = await vi.waitFor(
      async () => {
        const answer = await price(course_id);
        expect(answer.optimal_price).toBeGreaterThan(before.optimal_price);
        return answer;
      },
      { timeout: 20_000, interval: 200 },
    );
    expect(after.degraded).toBeUndefined();
    expect(after.optimal_price).toBeLessThanOrEqual(Math.floor(after.current_price * Math.exp(defaultPolicy.step_log_max)));
    expect(after.waterfall.at(-1)?.price).toBe(after.optimal_price);

    // The live simulator asks and buys: its events come without the history's prefix.
    await vi.waitFor(async () => expect(await must(broker, "connected").getMessage(STREAM_EVENTS, { last_by_subject: "events.exposure.>" })).toBeDefined(), { timeout: 20_000, interval: 200 });

    const started = processes();
    expect(started.length).toBeGreaterThanOrEqual(6);
    expect(await running.end("SIGTERM")).toBe(0);
    expect(running.output).toContain("Stopped in");
    expect(alive(started)).toEqual([]);
    expect(readRunning(data_dir)).toBeUndefined();
  });

  test("a platform that is too small for a model starts all the same, and says why and what prices are without one", { timeout: READY_MS }, async () => {
    const small = mkdtempSync(join(tmpdir(), "tidemark-small-"));
    try {
      running = new Start(small, ["--port", "0", "--rate", "0", "--learners", "200", "--courses", "40", "--teachers", "5", "--enrollments", "500", "--weeks", "3"]);
      await running.until("Tidemark is running");
      expect(running.output).toMatch(/✓ model +none: the events span \d+ whole weeks.*training needs \d+/);
      expect(running.output).toContain("model      NONE: prices come from priors and are marked degraded (no_model)");
      expect(await running.end("SIGTERM")).toBe(0);
    } finally {
      rmSync(small, { recursive: true, force: true });
    }
  });

  test("goes on where it was, without generating or training again, and leaves nothing behind when killed", { timeout: READY_MS }, async () => {
    running = new Start(data_dir, ["--port", "0", "--rate", "0"]);
    await running.until("Tidemark is running");
    expect(running.output).toMatch(/✓ history +there already/);
    expect((await price("C00001")).degraded).toBeUndefined();
    await connect();
    const events = await must(broker, "connected").streamInfo(STREAM_EVENTS);
    expect(running.output).toContain(`there already, ${events?.messages.toLocaleString("en-US")} events`);
    let promotions = 0;
    await readStream(must(broker, "connected"), STREAM_CONTROL, {}, ({ subject }) => {
      if (subject.startsWith(modelSubject(""))) promotions++;
    });
    expect(promotions).toBe(1);

    const started = processes();
    await running.end("SIGKILL");
    await vi.waitFor(() => expect(alive(started)).toEqual([]), { timeout: 20_000, interval: 100 });
  });

  test("after being killed it starts again; other sizes than the platform's are refused", { timeout: READY_MS }, async () => {
    const other = new Start(data_dir, ["--port", "0", "--courses", "151"]);
    await once(other.process, "close");
    expect([other.process.exitCode, other.output]).toEqual([2, expect.stringContaining("courses 150, not 151")]);

    running = new Start(data_dir, ["--port", "0", "--rate", "0"]);
    await running.until("Tidemark is running");
    expect((await price("C00001")).degraded).toBeUndefined();
    expect(await running.end("SIGINT")).toBe(0);
  });
});
