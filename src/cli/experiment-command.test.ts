import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { engineCommands } from "./engine-commands-testing.ts";
import { runExperimentChange, runExperimentDefine, runExperimentList, runExperimentPower, runExperimentResults } from "./experiment-command.ts";

const commands = engineCommands();
const { engine, context, file, directory } = commands;

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
    expect(commands.printed.join("\n")).toMatch(/^e1: draft, revenue by learner/);
    await runExperimentChange(context(["e1"]), "start");
    await runExperimentList(context([]));
    expect(commands.printed.at(-1)).toMatch(/e1 +running +learner +revenue +list\/engine/);
    await runExperimentResults(context(["e1"]));
    expect(commands.printed.at(-1)).toMatch(/too_early[\s\S]*comparison[\s\S]*engine - list[\s\S]*refund_rate of engine[\s\S]*lifetime_value_tokens of engine/);
    await runExperimentResults(context(["e1"], { json: true }));
    expect(JSON.parse(commands.printed.at(-1)!)).toMatchObject({ experiment_id: "e1", phase: "running" });
    await runExperimentChange(context(["e1"], { verdict: "enough" }), "stop");
    expect(commands.printed.at(-1)).toMatch(/concluded: enough/);
    expect(engine.store.controlHistory("experiment", "e1").map(({ message }) => [message.type, message.reason])).toEqual([["experiment.defined", "why not"], ["experiment.started", ""], ["experiment.stopped", ""]]);
  });

  test("plans", async () => {
    const plan = { baseline: { conversion: 0.08, price_mean: 120, price_sd: 40 }, relative_effect: 0.1, units_per_day: 500 };
    await runExperimentPower(context([file("plan.json", plan)]));
    expect(commands.printed.at(-1)).toMatch(/^An effect of 0\.96 \(10 % of 9\.6\) is found with probability 0\.8 .* units have been counted, after \d+ days/);
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
