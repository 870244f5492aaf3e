import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { z } from "zod";
import type { TidemarkError } from "../lib/errors.ts";
import { isAlive, type ProcessIdentity } from "./process-identity.ts";

/** A lock file: it says which process holds it, and is nobody's once that has ended, however it did. */
export interface ProcessLock<Holder extends ProcessIdentity> {
  readonly path: string;
  readonly schema: z.ZodType<Holder>;
  readonly held: (holder: Holder) => TidemarkError;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** What a lock file says; undefined where there is none, or none that can be read. */
export function readLock<Holder>(path: string, schema: z.ZodType<Holder>): Holder | undefined {
  try {
    return schema.safeParse(JSON.parse(readFileSync(path, "utf8"))).data;
  } catch {
    return undefined;
  }
}

/** Takes the lock, or throws what `held` says when a living process has it. Returns the holders that ended without letting it go. */
export function takeLock<Holder extends ProcessIdentity>(lock: ProcessLock<Holder>, own: Holder): readonly Holder[] {
  mkdirSync(dirname(lock.path), { recursive: true });
  const draft = `${lock.path}.${process.pid}`;
  const ended: Holder[] = [];
  writeFileSync(draft, JSON.stringify(own));
  try {
    for (;;) {
      try {
        // A link appears whole or not at all, so nobody reads a lock without its pid.
        linkSync(draft, lock.path);
        return ended;
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error;
      }
      ended.push(...takeAway(lock));
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Removes a lock that nobody living holds; returns who held it. */
function takeAway<Holder extends ProcessIdentity>({ path, schema, held }: ProcessLock<Holder>): readonly Holder[] {
  const holder = readLock(path, schema);
  if (holder !== undefined && isAlive(holder)) throw held(holder);
  const abandoned = `${path}.${process.pid}.abandoned`;
  try {
    renameSync(path, abandoned);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
  // Between looking and moving, another process may have taken it over: then this moved a good lock and puts it back.
  const moved = readLock(abandoned, schema);
  if (moved !== undefined && isAlive(moved)) linkSync(abandoned, path);
  rmSync(abandoned, { force: true });
  return moved === undefined ? [] : [moved];
}
