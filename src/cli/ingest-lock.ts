import { rmSync } from "node:fs";
import { join } from "node:path";
import { TidemarkError } from "../lib/errors.ts";
import { ownIdentity, type ProcessIdentity, processSchema } from "../ingest/process-identity.ts";
import { takeLock } from "../ingest/process-lock.ts";

const FILE = "ingest.lock";

/**
 * Makes this process the only one that writes the feature stores of a data directory: two would each fold the stream over what the other
 * wrote, and two partitions would sweep each other's store away. Returns the way to let go. Throws TidemarkError `already_running`.
 */
export function lockStores(data_dir: string): () => void {
  const path = join(data_dir, FILE);
  const held = ({ pid }: ProcessIdentity): TidemarkError =>
    new TidemarkError("already_running", `ingest already runs on ${data_dir} (process ${pid}); stop it, or use another --data-dir: every partition needs one of its own`);
  takeLock({ path, schema: processSchema, held }, ownIdentity());
  return () => rmSync(path, { force: true });
}
