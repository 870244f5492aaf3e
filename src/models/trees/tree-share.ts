import { ColumnShare } from "./column-share.ts";
import { NODE, SET_WORDS, type GrowOptions, type TreeMemory } from "./tree-memory.ts";

/** What a level asks of every share, one after the other. */
export const PHASE = { search: 0, partition: 1 } as const;
export type Phase = (typeof PHASE)[keyof typeof PHASE];

/** One worker's part in growing a tree: the columns that it searches, and of a level's nodes every so many-th, whose rows it parts. */
export class TreeShare {
  readonly #memory: TreeMemory;
  readonly #share: number;
  readonly #shares: number;
  readonly #columns: ColumnShare;
  readonly #spill: Int32Array;

  constructor(memory: TreeMemory, share: number, options: GrowOptions) {
    this.#memory = memory;
    this.#share = share;
    this.#shares = memory.bounds.length - 1;
    this.#columns = new ColumnShare(memory, share, options);
    this.#spill = new Int32Array(memory.rows);
  }

  run(phase: Phase, nodes: number): void {
    if (phase === PHASE.search) this.#columns.level(nodes);
    else for (let node = this.#share; node < nodes; node += this.#shares) this.#partition(node);
  }

  /** Moves the rows of the left side to the front, keeping their order, and says where the right side begins. */
  #partition(node: number): void {
    const { nodes, categorical, rows, by_column } = this.#memory;
    const at = node * NODE.fields;
    const column = nodes[at + NODE.column]!;
    if (column < 0) return;
    const begin = nodes[at + NODE.begin]!;
    const end = nodes[at + NODE.end]!;
    const first = column * rows;
    const own = by_column.subarray(first, first + rows);
    nodes[at + NODE.middle] = categorical[column] === 1 ? this.#bySet(begin, end, own, node) : this.#byBin(begin, end, own, nodes[at + NODE.bin]!);
  }

  #byBin(begin: number, end: number, bins: Uint8Array, bin: number): number {
    const { order } = this.#memory;
    const spill = this.#spill;
    let left = begin;
    let right = 0;
    for (let i = begin; i < end; i++) {
      // Written to both sides, and kept on one: a branch would be mispredicted every other time.
      const row = order[i]!;
      const goesLeft = bins[row]! <= bin ? 1 : 0;
      order[left] = row;
      spill[right] = row;
      left += goesLeft;
      right += 1 - goesLeft;
    }
    order.set(spill.subarray(0, right), left);
    return left;
  }

  #bySet(begin: number, end: number, bins: Uint8Array, node: number): number {
    const { order, chosen } = this.#memory;
    const spill = this.#spill;
    let left = begin;
    let right = 0;
    for (let i = begin; i < end; i++) {
      const row = order[i]!;
      const bin = bins[row]!;
      if (((chosen[node * SET_WORDS + (bin >>> 5)]! >>> (bin & 31)) & 1) === 1) order[left++] = row;
      else spill[right++] = row;
    }
    order.set(spill.subarray(0, right), left);
    return left;
  }
}
