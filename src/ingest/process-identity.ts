import { readFileSync } from "node:fs";
import { z } from "zod";

export const processSchema = z.object({
  pid: z.int().positive(),
  /** Tells the process from a later one with the same pid. */
  started: z.string(),
});
export type ProcessIdentity = z.infer<typeof processSchema>;

/**
 * When a living process started, as a text that differs from any later process with the same pid: clock ticks since
 * boot on Linux (field 22 of /proc/<pid>/stat), "" on systems that do not say. Undefined: no such process.
 */
export function processStarted(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return undefined;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in parentheses and may itself hold spaces.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie has ended; only its parent has not looked yet.
    return fields[0] === "Z" ? undefined : (fields[19] ?? "");
  } catch {
    return "";
  }
}

export function isAlive({ pid, started }: ProcessIdentity): boolean {
  return processStarted(pid) === started;
}

export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, started: processStarted(process.pid) ?? "" };
}
