import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultActionRules } from "../contracts/action-rules.ts";
import { readActionRules } from "./action-rules-file.ts";

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-rules-"));
});

afterAll(() => rm(directory, { recursive: true }));

async function written(text: string): Promise<string> {
  const path = join(directory, "rules.json");
  await writeFile(path, text);
  return path;
}

test("reads a document, and none without a file", async () => {
  expect(await readActionRules(null)).toBeUndefined();
  const document = { ...defaultActionRules, version: "mine" };
  expect(await readActionRules(await written(JSON.stringify(document)))).toEqual(document);
});

test("refuses what cannot decide everybody, by file and rule", async () => {
  const refused = async (text: string): Promise<unknown> => readActionRules(await written(text));
  await expect(refused(JSON.stringify({ ...defaultActionRules, rules: defaultActionRules.rules.slice(1) }))).rejects.toMatchObject({ code: "bad_action_rules", message: expect.stringMatching(/rules\.json cannot be used: no rule decides segment/) as string });
  await expect(refused("{")).rejects.toMatchObject({ code: "bad_action_rules" });
  await expect(readActionRules(join(directory, "none.json"))).rejects.toMatchObject({ code: "bad_action_rules", message: expect.stringContaining("none.json") as string });
});
