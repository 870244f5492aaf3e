import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { TestEngine } from "../serving/testing.ts";
import { readConfig } from "./config.ts";
import type { CommandContext } from "./command.ts";
import { runExperimentChange, runExperimentDefine, runExperimentList, runExperimentPower, runExperimentResults } from "./experiment-command.ts";

const directory = mkdtempSync(join(tmpdir(), "tidemark-experiment-"));
const engine = new TestEngine();
let server: Server;
let printed: string[];

beforeAll(async () => {
  engine.foldCatalogue();
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "GET", url = "/" } = request;
      const headers = { "content-type": request.headers["content-type"] ?? "", "content-length": String(Buffer.concat(chunks).length) };
      void Promise.resolve(engine.app.request(url, { method, headers, ...(method === "GET" ? {} : { body: Buffer.concat(chunks) }) })).then(async (answer) => {
        response.writeHead(answer.status);
        response.end(await answer.text());
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

beforeEach(() => {
  printed = [];
  vi.spyOn(console, "log").mockImplementation((text: string) => void printed.push(text));
});

afterEach(() => {
  vi.restoreAllMocks();
});

function context(args: readonly string[], options: Record<string, unknown> = {}, url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`): CommandContext {
  return { read: readConfig({ TIDEMARK_ENGINE_URL: url, TIDEMARK_DATA_DIR: directory }, {}), options, arguments: args, signal: new AbortController().signal };
}

function file(name: string, content: unknown): string {
  const path = join(directory, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const definition = {
  unit: { kind: "learner" },
  arms: [
    { name: "list", weight: 1, price: { kind: "list" } },
    { name: "engine", weight: 1, price: { kind: "active" } },
  ],
  control_arm: "list",
  salt: "s1",
  metric: "revenue",
  minimum_effect: 2,
  guardrails: [{ metric: "refund_rate", worse_by_max: 0.02 }],
};

describe("tidemark experiment", () => {
  test("defines, starts, lists, tells results and stops", async () => {
    expect(await runExperimentDefine(context(["e1", file("e1.json", definition)], { reason: "why not" }))).toBe(0);
    expect(printed.join("\n")).toMatch(/^e1: draft, revenue by learner/);
    await runExperimentChange(context(["e1"]), "start");
    await runExperimentList(context([]));
    expect(printed.at(-1)).toMatch(/e1 +running +learner +revenue +list\/engine/);
    await runExperimentResults(context(["e1"]));
    expect(printed.at(-1)).toMatch(/too_early[\s\S]*comparison[\s\S]*engine - list[\s\S]*refund_rate of engine[\s\S]*lifetime_value_tokens of engine/);
    await runExperimentResults(context(["e1"], { json: true }));
    expect(JSON.parse(printed.at(-1)!)).toMatchObject({ experiment_id: "e1", phase: "running" });
    await runExperimentChange(context(["e1"], { verdict: "enough" }), "stop");
    expect(printed.at(-1)).toMatch(/concluded: enough/);
    expect(engine.store.controlHistory("experiment", "e1").map(({ message }) => [message.type, message.reason])).toEqual([["experiment.defined", "why not"], ["experiment.started", ""], ["experiment.stopped", ""]]);
  });

  test("plans", async () => {
    const plan = { baseline: { conversion: 0.08, price_mean: 120, price_sd: 40 }, relative_effect: 0.1, units_per_day: 500 };
    await runExperimentPower(context([file("plan.json", plan)]));
    expect(printed.at(-1)).toMatch(/^An effect of 0\.96 \(10 % of 9\.6\) is found with probability 0\.8 .* units have been counted, after \d+ days/);
  });

  test("says what is wrong, with the engine's own code, and what to do", async () => {
    const failure = async (work: Promise<unknown>): Promise<{ code: string; message: string }> => {
      const { code, message } = (await work.then(
        () => new Error("it worked"),
        (error: unknown) => error,
      )) as { code: string; message: string };
      return { code, message };
    };
    expect(await failure(runExperimentResults(context(["nobody"])))).toMatchObject({ code: "not_found" });
    expect(await failure(runExperimentResults(context(["../health"])))).toMatchObject({ code: "not_found" });
    expect(await failure(runExperimentDefine(context(["e2", file("bad.json", { ...definition, control_arm: "x" })])))).toMatchObject({ code: "invalid_field", message: expect.stringMatching(/control_arm/) });
    expect(await failure(runExperimentDefine(context(["e2", file("broken.json", "{")])))).toMatchObject({ code: "bad_usage" });
    expect(await failure(runExperimentDefine(context(["e2", join(directory, "none.json")])))).toMatchObject({ code: "bad_usage" });
    expect(await failure(runExperimentList(context([], {}, "http://127.0.0.1:9")))).toMatchObject({ code: "engine_unreachable", message: expect.stringMatching(/--engine-url/) });
  });
});
