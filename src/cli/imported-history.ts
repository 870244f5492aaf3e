import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { TidemarkError } from "../lib/errors.ts";
import { writeOutput } from "./write-output.ts";

/** Which stream holds the whole of an imported history, so that no later start adds a synthetic one to it. */
const schema = z.object({ directory: z.string(), published_to: z.string() });
export type ImportedHistory = z.infer<typeof schema>;

const fileName = (data_dir: string): string => join(data_dir, "imported.json");

/** Undefined when this data directory began with no import. Throws TidemarkError `corrupt_import_file`. */
export async function readImportedHistory(data_dir: string): Promise<ImportedHistory | undefined> {
  let text: string;
  try {
    text = await readFile(fileName(data_dir), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new TidemarkError("corrupt_import_file", `${fileName(data_dir)} cannot be read: delete it, and start with --import-dir again, which imports what is missing`, { cause: error });
  }
}

export async function writeImportedHistory(data_dir: string, history: ImportedHistory): Promise<void> {
  await writeOutput(fileName(data_dir), new TextEncoder().encode(`${JSON.stringify(history, undefined, 2)}\n`));
}
