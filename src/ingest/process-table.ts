import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface ProcessEntry {
  readonly parent_pid: number;
  readonly command: string;
}

/** What the operating system knows of a live process; undefined when there is none. */
export function describeProcess(pid: number): ProcessEntry | undefined {
  try {
    if (process.platform === "linux") {
      // The command name in stat stands in brackets and may hold spaces: the parent is the second field after them.
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state === "Z") return undefined;
      return { parent_pid: Number(parent), command: readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ") };
    }
    const line = execFileSync("ps", ["-o", "ppid=,args=", "-p", String(pid)], { encoding: "utf8" }).trim();
    return { parent_pid: Number.parseInt(line, 10), command: line.replace(/^\d+\s+/, "") };
  } catch {
    return undefined;
  }
}

/** Asks a process to end, waits, and ends it by force after `patience_ms`. */
export async function endProcess(pid: number, patience_ms: number, sleep: (ms: number) => Promise<void>): Promise<void> {
  const step_ms = 25;
  for (let waited_ms = 0; describeProcess(pid) !== undefined; waited_ms += step_ms) {
    if (waited_ms === 0) signalProcess(pid, "SIGTERM");
    else if (waited_ms >= patience_ms) signalProcess(pid, "SIGKILL");
    await sleep(step_ms);
  }
}

function signalProcess(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself in between.
  }
}
