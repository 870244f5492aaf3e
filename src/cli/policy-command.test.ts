import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { engineCommands } from "./engine-commands-testing.ts";
import { runPolicyChange, runPolicyDiff, runPolicyDraft, runPolicyList, runPolicyShow, runPolicySimulate, runPolicyValidate } from "./policy-command.ts";

const commands = engineCommands();
const { context, file, directory } = commands;

const why = { reason: "summer" };

describe("tidemark policy", () => {
  test("takes a policy from its draft into force, back, and out again", async () => {
    const sale = file("sale.json", { description: "summer sale", ceiling_tokens: 50, scope: { categories: ["programming"] } });
    expect(await runPolicyDraft(context(["sale", sale], why))).toBe(0);
    expect(commands.printed.at(-1)).toBe("revision 1 of sale is drafted; no revision of sale is in force (CONTROL 1)");
    await runPolicyDraft(context(["sale", file("sale2.json", { ceiling_tokens: 60, scope: { categories: ["programming"] } })], why));
    for (const revision of ["1", "2"]) await runPolicyChange(context(["sale", revision], why), "activate");
    expect(commands.printed.at(-1)).toBe("revision 2 of sale is in force (CONTROL 4)");
    await runPolicyDiff(context(["sale"], { from: "1", to: "2" }));
    expect(commands.printed.at(-1)).toMatch(/ceiling_tokens +50 +60/);
    await runPolicyDiff(context(["sale"], { from: "2" }));
    expect(commands.printed.at(-1)).toBe("Revisions 2 and 2 of sale say the same.");
    await runPolicyChange(context(["sale"], why), "rollback");
    await runPolicyList(context([]));
    expect(commands.printed.at(-1)).toMatch(/sale +1 +2 +programming +- +- +summer sale/);
    expect(commands.printed.at(-1)).toContain("The platform as a whole goes by default-1.");
    await runPolicyShow(context(["sale"], { revision: "2" }));
    expect(commands.printed.at(-1)).toMatch(/^sale: revision 1 is in force, the newest is 2/);
    expect(commands.printed.at(-1)).toMatch(/activated +1 +local +summer/);
    expect(commands.printed.at(-1)).toContain('"ceiling_tokens": 60');
    await runPolicyChange(context(["sale"], { ...why, json: true }), "retire");
    expect(JSON.parse(commands.printed.at(-1)!)).toMatchObject({ policy_id: "sale", active: null });
  });

  test("says which rules contradict each other, and ends with 2", async () => {
    const bad = file("bad.json", { floor_tokens: 9, ceiling_tokens: 8 });
    expect(await runPolicyValidate(context([bad]))).toBe(2);
    expect(commands.printed.at(-1)).toMatch(/^floor_tokens and ceiling_tokens: /);
    expect(await runPolicyValidate(context([file("good.json", { scope: { courses: ["c1"] } })], { policy: "one" }))).toBe(0);
    await expect(runPolicyDraft(context(["bad", bad], why))).rejects.toMatchObject({ code: "invalid_policy", message: expect.stringContaining("floor_tokens and ceiling_tokens") as string });
  });

  test("simulates a document or a stored policy, and says when there is nothing to go by", async () => {
    expect(await runPolicySimulate(context([], { file: file("good.json", {}) }))).toBe(0);
    expect(commands.printed.at(-1)).toMatch(/^candidate on 0 decisions/);
    expect(commands.printed.at(-1)).toContain("no verdict, no_draws");
    await runPolicySimulate(context(["default"], { json: true, decisions: "10" }));
    expect(JSON.parse(commands.printed.at(-1)!)).toMatchObject({ version: "default-1", verdict: "refused" });
    await expect(runPolicySimulate(context([]))).rejects.toMatchObject({ code: "bad_usage" });
    await expect(runPolicySimulate(context(["default"], { file: "x" }))).rejects.toMatchObject({ code: "bad_usage" });
    await expect(runPolicySimulate(context(["default"], { revision: "two" }))).rejects.toMatchObject({ code: "bad_usage" });
  });

  test("wants a reason, a readable file, and a policy that exists", async () => {
    const good = file("good.json", {});
    for (const reason of [undefined, " "]) await expect(runPolicyDraft(context(["a", good], { reason }))).rejects.toMatchObject({ code: "bad_usage", message: expect.stringContaining("--reason") as string });
    await expect(runPolicyDraft(context(["a", join(directory, "none.json")], why))).rejects.toMatchObject({ code: "bad_usage" });
    await expect(runPolicyDraft(context(["a", file("broken.json", "{")], why))).rejects.toMatchObject({ code: "bad_usage" });
    await expect(runPolicyDraft(context(["a/../b", good], why))).rejects.toMatchObject({ code: "invalid_field" });
    await expect(runPolicyShow(context(["nobody"]))).rejects.toMatchObject({ code: "unknown_policy" });
    await expect(runPolicyChange(context(["sale", "x"], why), "activate")).rejects.toMatchObject({ code: "bad_usage" });
    await expect(runPolicyList(context([], {}, "http://127.0.0.1:9"))).rejects.toMatchObject({ code: "engine_unreachable" });
  });
});
