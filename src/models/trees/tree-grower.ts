import type { BinnedMatrix } from "../../contracts/worker-protocol.ts";
import { leafValue } from "./column-share.ts";
import { packedGradient, packedHessian, packGradients } from "./packed-sums.ts";
import { PHASE, TreeShare, type Phase } from "./tree-share.ts";
import { allocateTreeMemory, BEST, LIMIT, NODE, nodesMax, SET_WORDS, type GrowOptions, type TreeMemory } from "./tree-memory.ts";

/** Trees under construction, flattened as in the artifact, with each split's bin and gain beside its threshold. */
export interface GrowingForest {
  readonly roots: number[];
  readonly feature: number[];
  readonly bin: number[];
  readonly threshold: number[];
  readonly left: number[];
  readonly right: number[];
  readonly value: number[];
  readonly gain: number[];
  /** Rows of the tree's own that passed each node. */
  readonly cover: number[];
  /** Bins that go left, of nodes that split a categorical column. */
  readonly sets: Map<number, Uint32Array>;
}

export function emptyForest(): GrowingForest {
  return { roots: [], feature: [], bin: [], threshold: [], left: [], right: [], value: [], gain: [], cover: [], sets: new Map() };
}

/** How a tree's values change predictions: `log` multiplies them by e to the value, `identity` adds it. */
export type Link = "log" | "identity";

/** Those who grow a tree, each a share of the columns and of the nodes. */
export interface TreeTeam {
  readonly shares: number;
  /** Makes the shares over the memory; called once. */
  start(memory: TreeMemory, options: GrowOptions): void;
  /** Returns once every share has done its part of the level's nodes. */
  run(phase: Phase, nodes: number): void;
}

/** All of it in this thread. */
export class LocalTeam implements TreeTeam {
  readonly shares = 1;
  #share: TreeShare | undefined;

  start(memory: TreeMemory, options: GrowOptions): void {
    this.#share = new TreeShare(memory, 0, options);
  }

  run(phase: Phase, nodes: number): void {
    this.#share?.run(phase, nodes);
  }
}

interface OpenNode {
  /** Position in the forest. */
  readonly at: number;
  readonly begin: number;
  readonly end: number;
  readonly slot: number;
  /** Index of the smaller sibling in the level; −1 to be summed. */
  sibling: number;
  readonly total: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Grows regression trees on gradients and Hessians, level by level, by exact search over histograms (Chen, Guestrin 2016, without sparsity). A decreasing
 * column may not be split so that its upper side predicts more, and the midpoint of the two values bounds everything below either side, which makes the
 * whole tree monotone in all such columns at once.
 */
export class TreeGrower {
  readonly #data: BinnedMatrix;
  readonly #options: GrowOptions;
  readonly #gradient: Float64Array;
  readonly #hessian: Float64Array;
  readonly #memory: TreeMemory;
  readonly #team: TreeTeam;
  /** Packed sums of the left sides of the level's splits. */
  readonly #left: Float64Array;

  /** `gradient` and `hessian` are read anew for every tree: the caller updates them in place. */
  constructor(data: BinnedMatrix, gradient: Float64Array, hessian: Float64Array, options: GrowOptions, team: TreeTeam = new LocalTeam()) {
    this.#data = data;
    this.#options = options;
    this.#gradient = gradient;
    this.#hessian = hessian;
    this.#memory = allocateTreeMemory(data, Math.min(team.shares, data.stride / 4), options);
    this.#team = team;
    this.#left = new Float64Array(nodesMax(options.depth));
    team.start(this.#memory, options);
  }

  /** The rows that the next tree is fitted to: the first `count` of them. Growing changes their order. */
  get order(): Int32Array {
    return this.#memory.order;
  }

  /** 1 for each column that the next tree may split. */
  get active(): Uint8Array {
    return this.#memory.active;
  }

  /** Appends a tree fitted to the first `count` of `order`, and applies it to those rows' predictions. */
  grow(count: number, forest: GrowingForest, prediction: Float64Array, link: Link): void {
    const { packed, units, order } = this.#memory;
    const { depth, step_max } = this.#options;
    const total = packGradients(this.#gradient, this.#hessian, order, count, packed, units);
    forest.roots.push(newLeaf(forest, count));
    let level: OpenNode[] = [{ at: forest.feature.length - 1, begin: 0, end: count, slot: 0, sibling: -1, total, low: -step_max, high: step_max }];
    for (let d = 0; d < depth && level.length > 0; d++) level = this.#grow(level, d + 1 < depth, forest, prediction, link);
    for (const node of level) this.#close(node, forest, prediction, link);
  }

  /** Splits a level's nodes; those that cannot be split become leaves. Returns the next level. */
  #grow(level: readonly OpenNode[], deeper: boolean, forest: GrowingForest, prediction: Float64Array, link: Link): OpenNode[] {
    const { nodes, limits } = this.#memory;
    for (const [i, node] of level.entries()) {
      nodes[i * NODE.fields + NODE.begin] = node.begin;
      nodes[i * NODE.fields + NODE.end] = node.end;
      nodes[i * NODE.fields + NODE.slot] = node.slot;
      nodes[i * NODE.fields + NODE.sibling] = node.sibling;
      limits[i * LIMIT.fields + LIMIT.total] = node.total;
      limits[i * LIMIT.fields + LIMIT.low] = node.low;
      limits[i * LIMIT.fields + LIMIT.high] = node.high;
    }
    this.#team.run(PHASE.search, level.length);
    for (const [i, node] of level.entries()) this.#choose(i, node, forest);
    this.#team.run(PHASE.partition, level.length);
    const next: OpenNode[] = [];
    let slots = level.reduce((most, node) => Math.max(most, node.slot), 0) + 1;
    for (const [i, node] of level.entries()) {
      if (nodes[i * NODE.fields + NODE.column]! < 0) this.#close(node, forest, prediction, link);
      else {
        this.#split(i, node, slots, forest, next);
        if (deeper) slots++;
      }
    }
    return next;
  }

  /** Takes a node's best split, if there is one. */
  #choose(i: number, { at }: OpenNode, forest: GrowingForest): void {
    const { nodes, best, sets, chosen, categorical } = this.#memory;
    const found = this.#best(i);
    const column = found < 0 ? -1 : best[found * BEST.fields + BEST.column]!;
    nodes[i * NODE.fields + NODE.column] = column;
    if (column < 0) return;
    const bin = best[found * BEST.fields + BEST.bin]!;
    nodes[i * NODE.fields + NODE.bin] = bin;
    forest.feature[at] = column;
    forest.gain[at] = best[found * BEST.fields + BEST.gain]!;
    this.#left[i] = best[found * BEST.fields + BEST.left]!;
    if (categorical[column] === 1) {
      const set = sets.slice(found * SET_WORDS, (found + 1) * SET_WORDS);
      chosen.set(set, i * SET_WORDS);
      forest.sets.set(at, set);
    } else {
      forest.bin[at] = bin;
      forest.threshold[at] = this.#data.cuts[column]![bin]!;
    }
  }

  /** The entry of the best split over all shares, the lowest column's where several are as good; −1 without one. */
  #best(node: number): number {
    const { best } = this.#memory;
    const shares = this.#memory.bounds.length - 1;
    const stride = nodesMax(this.#options.depth);
    let found = -1;
    for (let share = 0; share < shares; share++) {
      const entry = share * stride + node;
      if (best[entry * BEST.fields + BEST.column]! < 0) continue;
      if (found < 0 || best[entry * BEST.fields + BEST.gain]! > best[found * BEST.fields + BEST.gain]!) found = entry;
    }
    return found;
  }

  #split(i: number, node: OpenNode, slots: number, forest: GrowingForest, next: OpenNode[]): void {
    const { units, nodes } = this.#memory;
    const { lambda, decreasing_columns } = this.#options;
    const leftTotal = this.#left[i]!;
    const rightTotal = node.total - leftTotal;
    const value = (total: number): number => leafValue(packedGradient(total) * units[0]!, packedHessian(total) * units[1]!, lambda, node.low, node.high);
    const bound = (value(leftTotal) + value(rightTotal)) / 2;
    const decreasing = nodes[i * NODE.fields + NODE.column]! < decreasing_columns;
    const middle = nodes[i * NODE.fields + NODE.middle]!;
    const { at } = node;
    forest.left[at] = newLeaf(forest, middle - node.begin);
    forest.right[at] = newLeaf(forest, node.end - middle);
    const leftSmaller = middle - node.begin <= node.end - middle;
    const left: OpenNode = { at: forest.left[at]!, begin: node.begin, end: middle, slot: leftSmaller ? slots : node.slot, sibling: -1, total: leftTotal, low: decreasing ? bound : node.low, high: node.high };
    const right: OpenNode = { at: forest.right[at]!, begin: middle, end: node.end, slot: leftSmaller ? node.slot : slots, sibling: -1, total: rightTotal, low: node.low, high: decreasing ? bound : node.high };
    if (leftSmaller) right.sibling = next.length;
    else left.sibling = next.length + 1;
    next.push(left, right);
  }

  /** Gives a node its value, from the unrounded sums, and applies it to its rows' predictions. */
  #close({ at, begin, end, low, high }: OpenNode, forest: GrowingForest, prediction: Float64Array, link: Link): void {
    const { order } = this.#memory;
    let gradient = 0;
    let hessian = 0;
    for (let i = begin; i < end; i++) {
      gradient += this.#gradient[order[i]!]!;
      hessian += this.#hessian[order[i]!]!;
    }
    const value = leafValue(gradient, hessian, this.#options.lambda, low, high) * this.#options.learning_rate;
    forest.value[at] = value;
    if (link === "log") {
      const factor = Math.exp(value);
      for (let i = begin; i < end; i++) prediction[order[i]!]! *= factor;
    } else for (let i = begin; i < end; i++) prediction[order[i]!]! += value;
  }
}

function newLeaf(forest: GrowingForest, rows: number): number {
  forest.cover.push(rows);
  forest.bin.push(0);
  forest.threshold.push(0);
  forest.left.push(0);
  forest.right.push(0);
  forest.gain.push(0);
  forest.value.push(0);
  return forest.feature.push(-1) - 1;
}
