import { assert } from "../../lib/assert.ts";
import type { BinnedMatrix } from "../../contracts/worker-protocol.ts";

export const BINS = 256;
/** Words of a category set: one bit a bin. */
export const SET_WORDS = BINS / 32;

/** Fields of a node in `nodes`; `column` −1: not split. */
export const NODE = { begin: 0, end: 1, slot: 2, sibling: 3, column: 4, bin: 5, middle: 6, fields: 7 } as const;
/** Fields of a node in `limits`. */
export const LIMIT = { total: 0, low: 1, high: 2, fields: 3 } as const;
/** Fields of a node's best split in `best`. */
export const BEST = { gain: 0, column: 1, bin: 2, left: 3, fields: 4 } as const;

/** Penalties and limits of one tree, the same for all who grow it. */
export interface GrowOptions {
  readonly depth: number;
  readonly learning_rate: number;
  /** L2 penalty λ on leaf values. */
  readonly lambda: number;
  /** Least Hessian sum (for Poisson: expected count) of a leaf. */
  readonly leaf_hessian_min: number;
  readonly gain_min: number;
  /** Largest absolute leaf value, before the learning rate; infinite: any. */
  readonly step_max: number;
  /** Columns below this index may only lower the prediction as they rise. */
  readonly decreasing_columns: number;
  /** Columns whose values are codes without an order. */
  readonly categorical_columns?: readonly number[];
}

/**
 * What everybody who grows a tree level by level shares: plain typed arrays over shared memory, so that it can be handed to threads. The coordinator
 * writes while nobody else works; at a search each share writes its own rows of `best` and `sets`, at a partition `order` and the middles of its own nodes.
 */
export interface TreeMemory {
  readonly rows: number;
  readonly columns: number;
  /** As of the binned matrix. */
  readonly stride: number;
  readonly bins: Uint8Array;
  /** The same column after column: what a partition reads of one column then lies close together. */
  readonly by_column: Uint8Array;
  /** Cuts of each column. */
  readonly cuts: Int32Array;
  readonly categorical: Uint8Array;
  /** First column of each share, a multiple of four, and the end of the last, which may lie beyond the columns. */
  readonly bounds: Int32Array;
  /** Rows of the tree, those of a node next to each other. */
  readonly order: Int32Array;
  readonly packed: Float64Array;
  readonly units: Float64Array;
  /** 1 for the columns that the tree may split. */
  readonly active: Uint8Array;
  readonly nodes: Int32Array;
  readonly limits: Float64Array;
  /** Share by share, node by node. */
  readonly best: Float64Array;
  readonly sets: Uint32Array;
  /** Bins that go left, of the level's nodes that split a categorical column. */
  readonly chosen: Uint32Array;
}

const shared = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(Math.max(8, bytes));

/** Nodes of the widest level that is searched. */
export function nodesMax(depth: number): number {
  return 2 ** Math.max(0, depth - 1);
}

export function allocateTreeMemory(data: BinnedMatrix, shares: number, { depth, categorical_columns = [] }: GrowOptions): TreeMemory {
  assert(shares >= 1 && shares <= data.stride / 4, "a share needs four columns");
  const nodes = nodesMax(depth);
  const memory: TreeMemory = {
    rows: data.rows,
    columns: data.columns,
    stride: data.stride,
    bins: data.bins,
    by_column: new Uint8Array(shared(data.columns * data.rows)),
    cuts: new Int32Array(shared(4 * data.columns)),
    categorical: new Uint8Array(shared(data.columns)),
    bounds: new Int32Array(shared(4 * (shares + 1))),
    order: new Int32Array(shared(4 * data.rows)),
    packed: new Float64Array(shared(8 * data.rows)),
    units: new Float64Array(shared(16)),
    active: new Uint8Array(shared(data.columns)),
    nodes: new Int32Array(shared(4 * NODE.fields * nodes)),
    limits: new Float64Array(shared(8 * LIMIT.fields * nodes)),
    best: new Float64Array(shared(8 * BEST.fields * nodes * shares)),
    sets: new Uint32Array(shared(4 * SET_WORDS * nodes * shares)),
    chosen: new Uint32Array(shared(4 * SET_WORDS * nodes)),
  };
  for (const [column, cuts] of data.cuts.entries()) memory.cuts[column] = cuts.length;
  for (const column of categorical_columns) memory.categorical[column] = 1;
  for (let share = 0; share <= shares; share++) memory.bounds[share] = 4 * Math.round((share * data.stride) / 4 / shares);
  memory.active.fill(1, 0, data.columns);
  for (let row = 0; row < data.rows; row++) for (let column = 0; column < data.columns; column++) memory.by_column[column * data.rows + row] = data.bins[row * data.stride + column]!;
  return memory;
}
