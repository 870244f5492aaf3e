import type { GrowOptions, TreeMemory } from "../models/trees/tree-memory.ts";

/** Fields of the control words: turns begun, phase and nodes of the present one, threads that are done with it. */
export const CONTROL = { turn: 0, phase: 1, nodes: 2, done: 3, fields: 4 } as const;

export interface TreeThreadData {
  readonly memory: TreeMemory;
  readonly options: GrowOptions;
  readonly share: number;
  readonly control: Int32Array;
}

/** Looks at a word this often before it sleeps: turns follow each other within microseconds. */
const SPINS = 20_000;

/** Until a control word is no longer `value`; false when that takes longer than the timeout. */
export function awaitChange(control: Int32Array, word: number, value: number, timeout_ms: number): boolean {
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(control, word) !== value) return true;
  return Atomics.wait(control, word, value, timeout_ms) !== "timed-out";
}
