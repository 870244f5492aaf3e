import { rename, rm, writeFile } from "node:fs/promises";
import { errorMessage, TidemarkError } from "../lib/errors.ts";

/** A file that is there whole or as it was. Throws TidemarkError `output_failed`. */
export async function writeOutput(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.${process.pid}.partial`;
  try {
    await writeFile(draft, bytes);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw new TidemarkError("output_failed", `${path} cannot be written: ${errorMessage(error)}`, { cause: error });
  }
}
