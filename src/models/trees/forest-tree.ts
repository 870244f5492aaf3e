import type { ForestModel } from "../../contracts/artifact.ts";
import type { Prng } from "../../lib/prng.ts";
import type { BinnedMatrix } from "../../contracts/worker-protocol.ts";
import { PACKED_SUM, packedGradient as packedSum, packedHessian as packedWeight, packGradients } from "./packed-sums.ts";
import { BINS, SET_WORDS } from "./tree-memory.ts";

/** In nodes of fewer rows most of a histogram's 256 bins are empty: those are passed over. */
const TOUCHED_ROWS = 512;

export interface ForestTreeOptions {
  readonly leaf_weight_min: number;
  readonly columns_per_split: number;
  readonly prior_weight: number;
  readonly decreasing_columns: number;
}

interface OpenNode {
  readonly at: number;
  readonly begin: number;
  readonly end: number;
  readonly total: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Grows trees of a random forest to their full depth. A split lowers the weighted squared error most, Σ²/W left plus Σ²/W right (Breiman et al. 1984);
 * sums and weights are packed into one double a row. The buffers live as long as this; a tree allocates only its nodes.
 */
export class ForestTree {
  /** Total gain of each column's splits. */
  readonly gain: Float64Array;
  /** Weight of the draws that passed each node of the model. */
  readonly cover: number[] = [];
  readonly #data: BinnedMatrix;
  readonly #options: ForestTreeOptions;
  readonly #y: Float64Array;
  readonly #weight: Float64Array;
  readonly #rows: number;
  readonly #prior_rate: number;
  readonly #sums: Float64Array;
  readonly #weights: Float64Array;
  readonly #order: Int32Array;
  readonly #spill: Int32Array;
  readonly #packed: Float64Array;
  readonly #units: Float64Array = new Float64Array(2);
  readonly #columns: Int32Array;
  readonly #histograms: Float64Array;
  /** One bit for each bin of the column at hand that has rows. */
  readonly #touched: Int32Array = new Int32Array(SET_WORDS);

  readonly #values: Float64Array = new Float64Array(TOUCHED_ROWS);
  readonly #rowsAt: Int32Array = new Int32Array(TOUCHED_ROWS);

  // The best split found for the node at hand.
  #column = -1;
  #bin = 0;
  #most = 0;
  #left = 0;
  // Its own packed sum, and sum, weight and a leaf's least weight in units.
  #total = 0;
  #sumUnits = 0;
  #weightUnits = 0;
  #leafUnits = 0;
  #low = 0;
  #high = 0;

  constructor(data: BinnedMatrix, y: Float64Array, weight: Float64Array, rows: number, prior_rate: number, options: ForestTreeOptions) {
    this.#data = data;
    this.#options = options;
    this.#y = y;
    this.#weight = weight;
    this.#rows = rows;
    this.#prior_rate = prior_rate;
    this.gain = new Float64Array(data.columns);
    this.#sums = new Float64Array(rows);
    this.#weights = new Float64Array(rows);
    this.#order = new Int32Array(rows);
    this.#spill = new Int32Array(rows);
    this.#packed = new Float64Array(rows);
    this.#columns = Int32Array.from({ length: data.columns }, (_, column) => column);
    this.#histograms = new Float64Array(options.columns_per_split * BINS);
  }

  /** Appends one tree. */
  grow(random: Prng, model: ForestModel): void {
    const count = this.#bootstrap(random);
    const total = packGradients(this.#sums, this.#weights, this.#order, count, this.#packed, this.#units);
    for (let column = 0; column < this.#columns.length; column++) this.#columns[column] = column;
    model.roots.push(newNode(model));
    const open: OpenNode[] = [{ at: model.feature.length - 1, begin: 0, end: count, total, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY }];
    for (let node = open.pop(); node !== undefined; node = open.pop()) this.#visit(node, random, model, open);
  }

  /** Rows drawn with replacement: each once, with its draws in its sum and weight. How many. */
  #bootstrap(random: Prng): number {
    const rows = this.#rows;
    const draws = this.#spill;
    draws.fill(0);
    for (let i = 0; i < rows; i++) draws[random.integer(rows)]!++;
    let count = 0;
    for (let row = 0; row < rows; row++) {
      if (draws[row] === 0) continue;
      this.#order[count++] = row;
      this.#sums[row] = draws[row]! * this.#y[row]!;
      this.#weights[row] = draws[row]! * this.#weight[row]!;
    }
    return count;
  }

  #value(total: number, low: number, high: number): number {
    const { prior_weight } = this.#options;
    const value = (packedSum(total) * this.#units[0]! + prior_weight * this.#prior_rate) / (packedWeight(total) * this.#units[1]! + prior_weight);
    return value < low ? low : value > high ? high : value;
  }

  #visit(node: OpenNode, random: Prng, model: ForestModel, open: OpenNode[]): void {
    const { at, begin, end, total, low, high } = node;
    this.cover[at] = packedWeight(total) * this.#units[1]!;
    this.#search(node, random);
    if (this.#column < 0) {
      model.value[at] = this.#value(total, low, high);
      return;
    }
    const column = this.#column;
    const bin = this.#bin;
    const left = this.#left;
    const right = total - left;
    const bound = (this.#value(left, low, high) + this.#value(right, low, high)) / 2;
    const decreasing = column < this.#options.decreasing_columns;
    const middle = this.#partition(begin, end, column, bin);
    model.feature[at] = column;
    model.threshold[at] = this.#data.cuts[column]![bin]!;
    model.left[at] = newNode(model);
    model.right[at] = newNode(model);
    open.push({ at: model.right[at]!, begin: middle, end, total: right, low, high: decreasing ? bound : high });
    open.push({ at: model.left[at]!, begin, end: middle, total: left, low: decreasing ? bound : low, high });
  }

  /** The best split over random columns, more of them where all drawn are constant in the node. */
  #search({ begin, end, total, low, high }: OpenNode, random: Prng): void {
    const { columns_per_split, leaf_weight_min } = this.#options;
    this.#column = -1;
    this.#total = total;
    this.#sumUnits = packedSum(total);
    this.#weightUnits = packedWeight(total);
    this.#leafUnits = leaf_weight_min / this.#units[1]!;
    this.#low = low;
    this.#high = high;
    if (this.#weightUnits < 2 * this.#leafUnits || end - begin < 2) return;
    const unsplit = (this.#sumUnits * this.#sumUnits) / this.#weightUnits;
    this.#most = unsplit * (1 + 1e-12);
    const columns = this.#columns;
    let drawn = 0;
    for (let varying = 0; drawn < columns.length && varying < columns_per_split; ) {
      const batch = Math.min(columns_per_split - varying, columns.length - drawn);
      for (let i = drawn; i < drawn + batch; i++) {
        const j = i + random.integer(columns.length - i);
        const column = columns[j]!;
        columns[j] = columns[i]!;
        columns[i] = column;
      }
      varying += end - begin < TOUCHED_ROWS ? this.#searchTouched(begin, end, drawn, batch) : this.#searchHistograms(begin, end, drawn, batch);
      drawn += batch;
    }
    if (this.#column >= 0) this.gain[this.#column]! += ((this.#most - unsplit) * this.#units[0]! * this.#units[0]!) / this.#units[1]!;
  }

  /** Both searches find every histogram empty, leave it so, and return how many of the columns vary in the node. */
  #searchHistograms(begin: number, end: number, first: number, batch: number): number {
    const { bins, stride: width, cuts } = this.#data;
    const columns = this.#columns;
    const histograms = this.#histograms;
    for (let i = begin; i < end; i++) {
      const row = this.#order[i]!;
      const value = this.#packed[row]!;
      const from = row * width;
      for (let c = 0, slot = 0; c < batch; c++, slot += BINS) histograms[slot + bins[from + columns[first + c]!]!]! += value;
    }
    let varying = 0;
    for (let c = 0; c < batch; c++) {
      const column = columns[first + c]!;
      const last = cuts[column]!.length;
      let left = 0;
      for (let bin = 0; bin < last && left !== this.#total; bin++) {
        const value = histograms[c * BINS + bin]!;
        if (value === 0) continue;
        left += value;
        if (left !== this.#total) this.#consider(column, bin, left);
      }
      if (histograms[c * BINS + bins[this.#order[begin]! * width + column]!] !== this.#total) varying++;
    }
    histograms.fill(0, 0, batch * BINS);
    return varying;
  }

  /** Visits only the bins that the rows are in, by a bit each; leaves the histogram empty behind it. */
  #searchTouched(begin: number, end: number, first: number, batch: number): number {
    const { bins, stride } = this.#data;
    const histogram = this.#histograms;
    const touched = this.#touched;
    const order = this.#order;
    const packed = this.#packed;
    const values = this.#values;
    const rows = this.#rowsAt;
    const total = this.#total;
    const count = end - begin;
    // Close together for as many passes as there are columns.
    for (let i = 0; i < count; i++) {
      const row = order[begin + i]!;
      values[i] = packed[row]!;
      rows[i] = row * stride;
    }
    let varying = 0;
    for (let c = first; c < first + batch; c++) {
      const column = this.#columns[c]!;
      for (let i = 0; i < count; i++) {
        const bin = bins[rows[i]! + column]!;
        histogram[bin]! += values[i]!;
        touched[bin >>> 5]! |= 1 << (bin & 31);
      }
      let left = 0;
      let varies = 0;
      for (let word = 0; word < SET_WORDS; word++) {
        for (let bits = touched[word]!; bits !== 0; bits &= bits - 1) {
          const bin = 32 * word + 31 - Math.clz32(bits & -bits);
          left += histogram[bin]!;
          histogram[bin] = 0;
          if (left !== total) {
            varies = 1;
            this.#consider(column, bin, left);
          }
        }
        touched[word] = 0;
      }
      varying += varies;
    }
    return varying;
  }

  /** In units: the scale of sums and weights does not change which split is best. */
  #consider(column: number, bin: number, left: number): void {
    const leftSum = packedSum(left);
    const leftWeight = left - leftSum * PACKED_SUM;
    const rightWeight = this.#weightUnits - leftWeight;
    if (leftWeight < this.#leafUnits || rightWeight < this.#leafUnits) return;
    const rightSum = this.#sumUnits - leftSum;
    const scaled = leftSum * leftSum * rightWeight + rightSum * rightSum * leftWeight;
    const scale = leftWeight * rightWeight;
    if (!(scaled > this.#most * scale)) return;
    if (column < this.#options.decreasing_columns && this.#value(left, this.#low, this.#high) < this.#value(this.#total - left, this.#low, this.#high)) return;
    this.#most = scaled / scale;
    this.#column = column;
    this.#bin = bin;
    this.#left = left;
  }

  #partition(begin: number, end: number, column: number, bin: number): number {
    const { bins, stride } = this.#data;
    const order = this.#order;
    const spill = this.#spill;
    let left = begin;
    let right = 0;
    for (let i = begin; i < end; i++) {
      // Written to both sides, and kept on one: a branch would be mispredicted every other time.
      const row = order[i]!;
      const goesLeft = bins[row * stride + column]! <= bin ? 1 : 0;
      order[left] = row;
      spill[right] = row;
      left += goesLeft;
      right += 1 - goesLeft;
    }
    order.set(spill.subarray(0, right), left);
    return left;
  }
}

function newNode(model: ForestModel): number {
  model.threshold.push(0);
  model.left.push(0);
  model.right.push(0);
  model.value.push(0);
  return model.feature.push(-1) - 1;
}
