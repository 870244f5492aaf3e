import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { assert } from "../lib/assert.ts";
import { TidemarkError } from "../lib/errors.ts";
import { type Phase, TreeShare } from "../models/trees/tree-share.ts";
import type { TreeTeam } from "../models/trees/tree-grower.ts";
import type { GrowOptions, TreeMemory } from "../models/trees/tree-memory.ts";
import { awaitChange, CONTROL, type TreeThreadData } from "./tree-control.ts";

const THREAD = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "../../dist/src/training/tree-thread.js" : "./tree-thread.js", import.meta.url));
/** A level takes milliseconds; threads that take this long are not there. */
const DEADLINE_MS = 60_000;

/**
 * Threads that grow a tree side by side over shared memory. The caller waits for them without leaving its own turn: two hundred trees have some
 * thousand turns, and a message each would cost more than most of them. Close it when the model is fitted.
 */
export class ThreadTeam implements TreeTeam {
  readonly shares: number;
  readonly #workers: Worker[] = [];
  readonly #control = new Int32Array(new SharedArrayBuffer(4 * CONTROL.fields));
  #own: TreeShare | undefined;

  constructor(shares: number) {
    assert(shares >= 1, "a team has a member");
    this.shares = shares;
  }

  start(memory: TreeMemory, options: GrowOptions): void {
    assert(this.#own === undefined, "a team works on one model");
    this.#own = new TreeShare(memory, 0, options);
    for (let share = 1; share < memory.bounds.length - 1; share++) {
      const workerData: TreeThreadData = { memory, options, share, control: this.#control };
      this.#workers.push(new Worker(THREAD, { workerData }));
    }
  }

  run(phase: Phase, nodes: number): void {
    const control = this.#control;
    control[CONTROL.phase] = phase;
    control[CONTROL.nodes] = nodes;
    Atomics.store(control, CONTROL.done, 0);
    Atomics.add(control, CONTROL.turn, 1);
    Atomics.notify(control, CONTROL.turn);
    this.#own?.run(phase, nodes);
    for (let done = Atomics.load(control, CONTROL.done); done < this.#workers.length; done = Atomics.load(control, CONTROL.done)) {
      if (!awaitChange(control, CONTROL.done, done, DEADLINE_MS)) throw new TidemarkError("training_worker_died", `tree threads did not answer within ${DEADLINE_MS} ms`);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
