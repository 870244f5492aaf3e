import type { BinnedMatrix } from "./binning.ts";

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
}

export function emptyForest(): GrowingForest {
  return { roots: [], feature: [], bin: [], threshold: [], left: [], right: [], value: [], gain: [] };
}

export interface GrowOptions {
  readonly depth: number;
  readonly learning_rate: number;
  /** L2 penalty λ on leaf values. */
  readonly lambda: number;
  /** Least Hessian sum (for Poisson: expected count) of a leaf. */
  readonly leaf_hessian_min: number;
  readonly gain_min: number;
  /** Columns below this index may only lower the prediction as they rise. */
  readonly decreasing_columns: number;
}

const SLOTS = 512; // one column of a histogram: gradient and Hessian sums of 256 bins

/**
 * Grows one regression tree on gradients and Hessians by exact search over histograms (Chen, Guestrin 2016, without
 * sparsity). Each split sums the smaller side only; the larger is the parent less its sibling. A decreasing column may
 * not be split so that its upper side predicts more, and the midpoint of the two values bounds everything below either
 * side, which makes the whole tree monotone in all such columns at once.
 *
 * The buffers live as long as the grower; growing allocates nothing but the tree's own nodes.
 */
export class TreeGrower {
  readonly #data: BinnedMatrix;
  readonly #options: GrowOptions;
  readonly #gradient: Float64Array;
  readonly #hessian: Float64Array;
  /** One histogram a depth: a larger child takes its parent's over. */
  readonly #histograms: Float64Array[];
  readonly #spill: Int32Array;
  #rows: Int32Array = new Int32Array(0);
  #forest: GrowingForest = emptyForest();

  // The best split found for the node at hand.
  #column = -1;
  #bin = 0;
  #gain = 0;
  #leftGradient = 0;
  #leftHessian = 0;

  /** `gradient` and `hessian` are read anew for every tree: the caller updates them in place. */
  constructor(data: BinnedMatrix, gradient: Float64Array, hessian: Float64Array, options: GrowOptions) {
    this.#data = data;
    this.#options = options;
    this.#gradient = gradient;
    this.#hessian = hessian;
    this.#histograms = Array.from({ length: options.depth }, () => new Float64Array(data.columns * SLOTS));
    this.#spill = new Int32Array(data.rows);
  }

  /** Appends a tree fitted to the first `count` of `rows`, whose order it changes. */
  grow(rows: Int32Array, count: number, forest: GrowingForest): void {
    this.#rows = rows;
    this.#forest = forest;
    let gradient = 0;
    let hessian = 0;
    for (let i = 0; i < count; i++) {
      gradient += this.#gradient[rows[i]!]!;
      hessian += this.#hessian[rows[i]!]!;
    }
    if (this.#options.depth > 0) this.#sum(this.#histograms[0]!, 0, count);
    forest.roots.push(this.#leaf(this.#clip(gradient, hessian, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)));
    this.#split(forest.feature.length - 1, this.#histograms[0], 0, count, 0, gradient, hessian, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
  }

  #leaf(value: number): number {
    const { feature, bin, threshold, left, right, value: values, gain } = this.#forest;
    bin.push(0);
    threshold.push(0);
    left.push(0);
    right.push(0);
    gain.push(0);
    values.push(value * this.#options.learning_rate);
    return feature.push(-1) - 1;
  }

  /** The optimal leaf value −G/(H+λ) inside its bounds. */
  #clip(gradient: number, hessian: number, low: number, high: number): number {
    const value = -gradient / (hessian + this.#options.lambda);
    return value < low ? low : value > high ? high : value;
  }

  /** What a leaf of this value takes off the loss, to second order. */
  #reduction(gradient: number, hessian: number, value: number): number {
    return -(gradient * value + 0.5 * (hessian + this.#options.lambda) * value * value);
  }

  #sum(histogram: Float64Array, begin: number, end: number): void {
    const { bins, columns } = this.#data;
    const rows = this.#rows;
    const gradient = this.#gradient;
    const hessian = this.#hessian;
    histogram.fill(0);
    for (let i = begin; i < end; i++) {
      const row = rows[i]!;
      const g = gradient[row]!;
      const h = hessian[row]!;
      const first = row * columns;
      for (let column = 0; column < columns; column++) {
        const slot = column * SLOTS + 2 * bins[first + column]!;
        histogram[slot]! += g;
        histogram[slot + 1]! += h;
      }
    }
  }

  #search(histogram: Float64Array, gradient: number, hessian: number, low: number, high: number): void {
    const { columns, cuts } = this.#data;
    const { leaf_hessian_min, gain_min, decreasing_columns } = this.#options;
    const unsplit = this.#reduction(gradient, hessian, this.#clip(gradient, hessian, low, high));
    this.#column = -1;
    this.#gain = gain_min;
    for (let column = 0; column < columns; column++) {
      const last = cuts[column]!.length;
      let leftGradient = 0;
      let leftHessian = 0;
      for (let bin = 0; bin < last; bin++) {
        leftGradient += histogram[column * SLOTS + 2 * bin]!;
        leftHessian += histogram[column * SLOTS + 2 * bin + 1]!;
        if (leftHessian < leaf_hessian_min) continue;
        const rightHessian = hessian - leftHessian;
        if (rightHessian < leaf_hessian_min) break;
        const rightGradient = gradient - leftGradient;
        const left = this.#clip(leftGradient, leftHessian, low, high);
        const right = this.#clip(rightGradient, rightHessian, low, high);
        if (column < decreasing_columns && left < right) continue;
        const gain = this.#reduction(leftGradient, leftHessian, left) + this.#reduction(rightGradient, rightHessian, right) - unsplit;
        if (gain > this.#gain) {
          this.#gain = gain;
          this.#column = column;
          this.#bin = bin;
          this.#leftGradient = leftGradient;
          this.#leftHessian = leftHessian;
        }
      }
    }
  }

  /** Moves the rows of the left side to the front, keeping their order; returns where the right side begins. */
  #partition(begin: number, end: number, column: number, bin: number): number {
    const { bins, columns } = this.#data;
    const rows = this.#rows;
    const spill = this.#spill;
    let left = begin;
    let right = 0;
    for (let i = begin; i < end; i++) {
      const row = rows[i]!;
      if (bins[row * columns + column]! <= bin) rows[left++] = row;
      else spill[right++] = row;
    }
    for (let i = 0; i < right; i++) rows[left + i] = spill[i]!;
    return left;
  }

  #split(node: number, histogram: Float64Array | undefined, begin: number, end: number, depth: number, gradient: number, hessian: number, low: number, high: number): void {
    if (depth >= this.#options.depth || histogram === undefined) return;
    this.#search(histogram, gradient, hessian, low, high);
    const column = this.#column;
    if (column < 0) return;
    const forest = this.#forest;
    const bin = this.#bin;
    const leftGradient = this.#leftGradient;
    const leftHessian = this.#leftHessian;
    const rightGradient = gradient - leftGradient;
    const rightHessian = hessian - leftHessian;
    const leftValue = this.#clip(leftGradient, leftHessian, low, high);
    const rightValue = this.#clip(rightGradient, rightHessian, low, high);
    const bound = (leftValue + rightValue) / 2;
    const decreasing = column < this.#options.decreasing_columns;
    const middle = this.#partition(begin, end, column, bin);

    forest.feature[node] = column;
    forest.bin[node] = bin;
    forest.threshold[node] = this.#data.cuts[column]![bin]!;
    forest.gain[node] = this.#gain;
    const left = this.#leaf(leftValue);
    const right = this.#leaf(rightValue);
    forest.left[node] = left;
    forest.right[node] = right;
    if (depth + 1 >= this.#options.depth) return;

    const leftSmaller = middle - begin <= end - middle;
    const smaller = this.#histograms[depth + 1]!;
    this.#sum(smaller, leftSmaller ? begin : middle, leftSmaller ? middle : end);
    for (let i = 0; i < histogram.length; i++) histogram[i]! -= smaller[i]!;
    const leftLow = decreasing ? bound : low;
    const rightHigh = decreasing ? bound : high;
    // The smaller side first: its subtree uses the deeper buffers, which the larger side's then overwrites.
    if (leftSmaller) {
      this.#split(left, smaller, begin, middle, depth + 1, leftGradient, leftHessian, leftLow, high);
      this.#split(right, histogram, middle, end, depth + 1, rightGradient, rightHessian, low, rightHigh);
    } else {
      this.#split(right, smaller, middle, end, depth + 1, rightGradient, rightHessian, low, rightHigh);
      this.#split(left, histogram, begin, middle, depth + 1, leftGradient, leftHessian, leftLow, high);
    }
  }
}
