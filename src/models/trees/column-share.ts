import { BEST, BINS, LIMIT, NODE, nodesMax, SET_WORDS, type GrowOptions, type TreeMemory } from "./tree-memory.ts";
import { packedGradient, packedHessian } from "./packed-sums.ts";

const SURELY_LESS = 2 * (1 - 1e-9);

/** The optimal leaf value −G/(H+λ) inside its bounds (Chen, Guestrin 2016). */
export function leafValue(gradient: number, hessian: number, lambda: number, low: number, high: number): number {
  const value = -gradient / (hessian + lambda);
  return value < low ? low : value > high ? high : value;
}

/** What a leaf of this value takes off the loss, to second order. */
function reduction(gradient: number, hessian: number, lambda: number, value: number): number {
  return -(gradient * value + 0.5 * (hessian + lambda) * value * value);
}

/**
 * Searches the columns [from, to) for the best split of every node of a level, over histograms of its own. Of two siblings only the smaller is summed;
 * the other is the parent less it. Nothing is allocated while a tree grows.
 */
export class ColumnShare {
  readonly #memory: TreeMemory;
  readonly #options: GrowOptions;
  readonly #share: number;
  readonly #from: number;
  readonly #to: number;
  /** Slot by slot, column by column, 256 packed sums. A larger child takes its parent's slot over. */
  readonly #sums: Float64Array;
  /** Bins, four columns a word, the first in the lowest byte: every machine that Node runs on is little-endian. */
  readonly #words: Uint32Array;
  readonly #nodes_max: number;
  readonly #ranked: Int32Array = new Int32Array(BINS);
  readonly #ratio: Float64Array = new Float64Array(BINS);

  constructor(memory: TreeMemory, share: number, options: GrowOptions) {
    this.#memory = memory;
    this.#options = options;
    this.#share = share;
    this.#from = memory.bounds[share]!;
    this.#to = memory.bounds[share + 1]!;
    this.#words = new Uint32Array(memory.bins.buffer, memory.bins.byteOffset, memory.bins.byteLength / 4);
    this.#nodes_max = nodesMax(options.depth);
    this.#sums = new Float64Array(this.#nodes_max * (this.#to - this.#from) * BINS);
  }

  /** Writes this share's best split of each of the level's nodes to `best` and `sets`. */
  level(count: number): void {
    const { nodes } = this.#memory;
    for (let node = 0; node < count; node++) if (nodes[node * NODE.fields + NODE.sibling]! < 0) this.#sum(node);
    for (let node = 0; node < count; node++) if (nodes[node * NODE.fields + NODE.sibling]! >= 0) this.#derive(node);
    for (let node = 0; node < count; node++) this.#search(node);
  }

  #slot(node: number): number {
    return this.#memory.nodes[node * NODE.fields + NODE.slot]! * (this.#to - this.#from) * BINS;
  }

  #sum(node: number): void {
    const { stride, nodes, order, packed } = this.#memory;
    const words = this.#words;
    const sums = this.#sums;
    const first = this.#slot(node);
    const own = this.#to - this.#from;
    const perRow = stride >>> 2;
    const begin = this.#from >>> 2;
    const groups = own >>> 2;
    const end = nodes[node * NODE.fields + NODE.end]!;
    sums.fill(0, first, first + own * BINS);
    for (let i = nodes[node * NODE.fields + NODE.begin]!; i < end; i++) {
      const row = order[i]!;
      const value = packed[row]!;
      const from = row * perRow + begin;
      // Four columns a word: a third faster than byte by byte.
      for (let group = 0, slot = first; group < groups; group++, slot += 4 * BINS) {
        const word = words[from + group]!;
        sums[slot + (word & 255)]! += value;
        sums[slot + BINS + ((word >>> 8) & 255)]! += value;
        sums[slot + 2 * BINS + ((word >>> 16) & 255)]! += value;
        sums[slot + 3 * BINS + (word >>> 24)]! += value;
      }
    }
  }

  /** The slot holds the parent's sums. */
  #derive(node: number): void {
    const sums = this.#sums;
    const first = this.#slot(node);
    const other = this.#slot(this.#memory.nodes[node * NODE.fields + NODE.sibling]!);
    const length = (this.#to - this.#from) * BINS;
    for (let i = 0; i < length; i++) sums[first + i]! -= sums[other + i]!;
  }

  #search(node: number): void {
    const { limits, units, best, sets, active, cuts, categorical, columns } = this.#memory;
    const to = Math.min(this.#to, columns);
    const { lambda, leaf_hessian_min, gain_min, decreasing_columns } = this.#options;
    const perGradient = units[0]!;
    const perHessian = units[1]!;
    const total = limits[node * LIMIT.fields + LIMIT.total]!;
    const low = limits[node * LIMIT.fields + LIMIT.low]!;
    const high = limits[node * LIMIT.fields + LIMIT.high]!;
    const gradient = packedGradient(total) * perGradient;
    const hessian = packedHessian(total) * perHessian;
    const unsplit = reduction(gradient, hessian, lambda, leafValue(gradient, hessian, lambda, low, high));
    const result = (this.#share * this.#nodes_max + node) * BEST.fields;
    const set = (this.#share * this.#nodes_max + node) * SET_WORDS;
    const ranked = this.#ranked;
    let most = gain_min;
    best[result + BEST.column] = -1;
    for (let column = this.#from; column < to; column++) {
      if (active[column] === 0) continue;
      const first = this.#slot(node) + (column - this.#from) * BINS;
      const ordered = categorical[column] === 0;
      // Categories are searched in the order of their own optimal values: for a convex loss one of those prefixes is the best subset (Fisher 1958).
      const last = ordered ? cuts[column]! : this.#rank(first, cuts[column]! + 1) - 1;
      let left = 0;
      for (let i = 0; i < last; i++) {
        const value = this.#sums[first + (ordered ? i : ranked[i]!)]!;
        if (value === 0) continue;
        left += value;
        const leftHessian = packedHessian(left) * perHessian;
        if (leftHessian < leaf_hessian_min) continue;
        const rightHessian = hessian - leftHessian;
        if (rightHessian < leaf_hessian_min) break;
        const leftGradient = packedGradient(left) * perGradient;
        const rightGradient = gradient - leftGradient;
        // Without bounds a split gains at least as much: most are passed over by this, without a division. A hair's breadth is left to the exact
        // comparison, so that a choice never depends on which columns were searched before.
        const l = leftHessian + lambda;
        const r = rightHessian + lambda;
        if (leftGradient * leftGradient * r + rightGradient * rightGradient * l <= SURELY_LESS * (most + unsplit) * l * r) continue;
        const leftValue = leafValue(leftGradient, leftHessian, lambda, low, high);
        const rightValue = leafValue(rightGradient, rightHessian, lambda, low, high);
        if (column < decreasing_columns && leftValue < rightValue) continue;
        const gain = reduction(leftGradient, leftHessian, lambda, leftValue) + reduction(rightGradient, rightHessian, lambda, rightValue) - unsplit;
        if (gain <= most) continue;
        most = gain;
        best[result + BEST.column] = column;
        best[result + BEST.bin] = i;
        best[result + BEST.left] = left;
        if (ordered) continue;
        sets.fill(0, set, set + SET_WORDS);
        for (let k = 0; k <= i; k++) sets[set + (ranked[k]! >>> 5)]! |= 1 << (ranked[k]! & 31);
      }
    }
    best[result + BEST.gain] = most;
  }

  /** Bins with rows, by gradient over Hessian; how many. */
  #rank(first: number, bins: number): number {
    const ranked = this.#ranked;
    const ratio = this.#ratio;
    let count = 0;
    for (let bin = 0; bin < bins; bin++) {
      const value = this.#sums[first + bin]!;
      if (value === 0) continue;
      const own = packedGradient(value) / (packedHessian(value) + 1);
      let at = count++;
      for (; at > 0 && ratio[at - 1]! > own; at--) {
        ratio[at] = ratio[at - 1]!;
        ranked[at] = ranked[at - 1]!;
      }
      ratio[at] = own;
      ranked[at] = bin;
    }
    return count;
  }
}
