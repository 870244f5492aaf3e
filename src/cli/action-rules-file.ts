import { readFile } from "node:fs/promises";
import { type ActionRules, actionRulesSchema } from "../contracts/action-rules.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { compileActionRules } from "../pricing/learners/action-rules.ts";

/** The rule document in a file; undefined without one. Throws TidemarkError `bad_action_rules`, which names the file and the rule at fault. */
export async function readActionRules(path: string | null): Promise<ActionRules | undefined> {
  if (path === null) return undefined;
  try {
    const document: unknown = JSON.parse(await readFile(path, "utf8"));
    compileActionRules(document);
    return actionRulesSchema.parse(document);
  } catch (error) {
    throw new TidemarkError("bad_action_rules", `the action rules in ${path} cannot be used: ${errorMessage(error)}`, { cause: error });
  }
}
