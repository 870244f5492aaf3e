import { readFile } from "node:fs/promises";
import { errorMessage, TidemarkError } from "../lib/errors.ts";

/** What a JSON file that the command line names holds. Throws TidemarkError `bad_usage`. */
export async function readJsonFile(file: string): Promise<unknown> {
  const content = await readFile(file, "utf8").catch((error: unknown) => {
    throw new TidemarkError("bad_usage", `${file} cannot be read: ${errorMessage(error)}`);
  });
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new TidemarkError("bad_usage", `${file} is no JSON: ${errorMessage(error)}`);
  }
}
