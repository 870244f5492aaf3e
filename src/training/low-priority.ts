import { readdirSync } from "node:fs";
import { constants, setPriority } from "node:os";

/** The threads of this process, where the system tells: there each has a priority of its own. */
function threads(): number[] {
  try {
    return readdirSync("/proc/self/task").map(Number);
  } catch {
    return [0];
  }
}

/**
 * Lets every other process of this machine go first: what serves prices must not wait for training. Threads that are started later inherit it. Best effort: some systems
 * do not allow it.
 */
export function giveWay(): void {
  for (const thread of threads()) {
    try {
      setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch {
      // It has ended, or competes like any other.
    }
  }
}
