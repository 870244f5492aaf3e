import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { TidemarkError } from "../lib/errors.ts";
import { processStarted } from "./process-identity.ts";

const holderSchema = z.object({ pid: z.int().positive(), started: z.string() });

/** Whoever holds a lock and lives. */
function holder(path: string): number | undefined {
  try {
    const { pid, started } = holderSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    return processStarted(pid) === started ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a living process holds the lock. */
export function isLocked(path: string): boolean {
  return holder(path) !== undefined;
}

/**
 * Makes this process the only one that holds a lock file; returns the way to let go of it. One whose process is gone is taken over. Throws TidemarkError `locked`
 * while another process, or this one already, holds it.
 */
export function acquireLock(path: string): () => void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, JSON.stringify({ pid: process.pid, started: processStarted(process.pid) ?? "" }));
  try {
    for (;;) {
      try {
        // A link appears whole or not at all, so nobody reads a lock without its holder.
        linkSync(draft, path);
        return () => rmSync(path, { force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const pid = holder(path);
      if (pid !== undefined) throw new TidemarkError("locked", `process ${pid} works on it`);
      takeAway(path);
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

function takeAway(path: string): void {
  const abandoned = `${path}.${process.pid}.abandoned`;
  try {
    renameSync(path, abandoned);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  // Between looking and moving, another may have taken it over: then this moved a good lock and puts it back.
  if (holder(abandoned) !== undefined) linkSync(abandoned, path);
  rmSync(abandoned, { force: true });
}
