import { constants, setPriority } from "node:os";

/**
 * Lets every other process of this machine go first: what serves prices must not wait for training. To be called before threads are started, which inherit it.
 * Best effort: some systems do not allow it.
 */
export function giveWay(): void {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Then it competes like any other.
  }
}
