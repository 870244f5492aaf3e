import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { TidemarkError } from "../lib/errors.ts";
import { processStarted } from "./process-identity.ts";

export const processSchema = z.object({
  pid: z.int().positive(),
  /** Tells the process from a later one with the same pid. */
  started: z.string(),
});
export type ProcessIdentity = z.infer<typeof processSchema>;

export function isAlive({ pid, started }: ProcessIdentity): boolean {
  return processStarted(pid) === started;
}

export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, started: processStarted(process.pid) ?? "" };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Whoever holds a lock of this text and lives. */
function holderOf(text: string | undefined): ProcessIdentity | undefined {
  try {
    const holder = processSchema.parse(JSON.parse(text ?? ""));
    return isAlive(holder) ? holder : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a living process holds the lock. */
export function isLocked(path: string): boolean {
  return holderOf(read(path)) !== undefined;
}

/**
 * Makes this process the only one that holds a lock file, whose content says who it is, and may say more. Locks whose process is gone are taken over; returns what they said. Throws
 * what `refuse` gives while a living process, be it this one, holds it.
 */
export function claimLock(path: string, own: ProcessIdentity, refuse: (pid: number) => TidemarkError): string[] {
  const draft = `${path}.${process.pid}`;
  const abandoned: string[] = [];
  writeFileSync(draft, JSON.stringify(own));
  try {
    for (;;) {
      try {
        // A link appears whole or not at all, so nobody reads a lock without its holder.
        linkSync(draft, path);
        return abandoned;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const holder = holderOf(read(path));
      if (holder !== undefined) throw refuse(holder.pid);
      abandoned.push(...takeAway(path));
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Removes a lock that nobody living holds; what it said. */
function takeAway(path: string): string[] {
  const moved = `${path}.${process.pid}.abandoned`;
  try {
    renameSync(path, moved);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  const text = read(moved);
  // Between looking and moving, another may have taken it over: then this moved a good lock and puts it back.
  if (holderOf(text) !== undefined) linkSync(moved, path);
  rmSync(moved, { force: true });
  return text === undefined ? [] : [text];
}

/** A lock that says nothing but who holds it; returns the way to let go of it. Throws TidemarkError `locked`. */
export function acquireLock(path: string): () => void {
  claimLock(path, ownIdentity(), (pid) => new TidemarkError("locked", `process ${pid} works on it`));
  return () => rmSync(path, { force: true });
}
