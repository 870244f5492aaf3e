import type { PropensityTrees } from "../../contracts/propensity.ts";
import { incompatible } from "../tree-check.ts";

/** How far the cover of two children may be from their parent's, as a share: forests keep it in rounded units. */
const COVER_TOLERANCE = 1e-6;

/**
 * Exact Shapley values of a sum of trees (TreeSHAP; Lundberg et al. 2020, algorithm 2): what a set of inputs is worth is the trees' mean where only
 * those are known, the others followed both ways by the training weight (`cover`) that went there. O(leaves · depth²) a tree instead of 2^inputs.
 */
export class TreeShapley {
  /** Mean of the sum over the training weight. */
  readonly expected: number;
  readonly #model: PropensityTrees;
  /**
   * One path a level, `#stride` elements each: the inputs on it, what share of the others' and of the row's own ways goes along, and the permutation
   * weights.
   */
  readonly #stride: number;
  readonly #feature: Int32Array;
  readonly #zero: Float64Array;
  readonly #one: Float64Array;
  readonly #weight: Float64Array;

  /** Of trees that are known to be trees. Throws TidemarkError `incompatible_artifact` when the cover does not add up. */
  constructor(model: PropensityTrees) {
    this.#model = model;
    const { roots, feature, left, right, cover, value } = model;
    if (cover.length !== feature.length) incompatible(`cover of ${cover.length} of ${feature.length} nodes`);
    // Children come after their parents, so that going backwards meets them first.
    const mean = new Float64Array(feature.length);
    const depth = new Int32Array(feature.length);
    for (let i = feature.length - 1; i >= 0; i--) {
      if (feature[i]! < 0) {
        mean[i] = value[i]!;
        continue;
      }
      const [l, r] = [left[i]!, right[i]!];
      if (!(cover[i]! > 0) || Math.abs(cover[l]! + cover[r]! - cover[i]!) > COVER_TOLERANCE * cover[i]!) incompatible(`the cover of node ${i} is not that of its children`);
      mean[i] = (cover[l]! * mean[l]! + cover[r]! * mean[r]!) / (cover[l]! + cover[r]!);
      depth[i] = 1 + Math.max(depth[l]!, depth[r]!);
    }
    this.expected = roots.reduce((sum, root) => sum + mean[root]!, 0);
    this.#stride = 2 + roots.reduce((most, root) => Math.max(most, depth[root]!), 0);
    const size = this.#stride * this.#stride;
    this.#feature = new Int32Array(size);
    this.#zero = new Float64Array(size);
    this.#one = new Float64Array(size);
    this.#weight = new Float64Array(size);
  }

  /** Writes each input's value to `into`: they sum to the trees' sum less `expected`. */
  values(row: Float64Array, offset: number, into: Float64Array): void {
    into.fill(0);
    for (const root of this.#model.roots) this.#visit(root, 0, 0, 1, 1, -1, row, offset, into);
  }

  /** `length`: elements of the path so far, which lies one level up. */
  #visit(node: number, level: number, length: number, zero: number, one: number, input: number, row: Float64Array, offset: number, into: Float64Array): void {
    const at = level * this.#stride;
    if (length > 0) {
      const from = at - this.#stride;
      this.#feature.copyWithin(at, from, from + length);
      this.#zero.copyWithin(at, from, from + length);
      this.#one.copyWithin(at, from, from + length);
      this.#weight.copyWithin(at, from, from + length);
    }
    this.#extend(at, length, zero, one, input);
    const { feature, threshold, left, right, cover, value } = this.#model;
    const column = feature[node]!;
    if (column < 0) {
      for (let i = 1; i <= length; i++) into[this.#feature[at + i]!]! += this.#unwoundSum(at, length, i) * (this.#one[at + i]! - this.#zero[at + i]!) * value[node]!;
      return;
    }
    const goesLeft = row[offset + column]! <= threshold[node]!;
    const hot = goesLeft ? left[node]! : right[node]!;
    const cold = goesLeft ? right[node]! : left[node]!;
    const total = cover[hot]! + cover[cold]!;
    let last = length;
    let before = { zero: 1, one: 1 };
    // An input that is on the path already is taken off it: it decides once.
    for (let i = 1; i <= length; i++) {
      if (this.#feature[at + i]! !== column) continue;
      before = { zero: this.#zero[at + i]!, one: this.#one[at + i]! };
      this.#unwind(at, length, i);
      last--;
      break;
    }
    const hotZero = (before.zero * cover[hot]!) / total;
    const coldZero = (before.zero * cover[cold]!) / total;
    // What neither the row nor any training weight reaches adds nothing.
    if (hotZero > 0 || before.one > 0) this.#visit(hot, level + 1, last + 1, hotZero, before.one, column, row, offset, into);
    if (coldZero > 0) this.#visit(cold, level + 1, last + 1, coldZero, 0, column, row, offset, into);
  }

  #extend(at: number, length: number, zero: number, one: number, input: number): void {
    const weight = this.#weight;
    this.#feature[at + length] = input;
    this.#zero[at + length] = zero;
    this.#one[at + length] = one;
    weight[at + length] = length === 0 ? 1 : 0;
    for (let i = length - 1; i >= 0; i--) {
      weight[at + i + 1]! += (one * weight[at + i]! * (i + 1)) / (length + 1);
      weight[at + i] = (zero * weight[at + i]! * (length - i)) / (length + 1);
    }
  }

  /** Takes element `index` off the path whose last element is `length`. */
  #unwind(at: number, length: number, index: number): void {
    const weight = this.#weight;
    const one = this.#one[at + index]!;
    const zero = this.#zero[at + index]!;
    let next = weight[at + length]!;
    for (let i = length - 1; i >= 0; i--) {
      if (one !== 0) {
        const own = weight[at + i]!;
        weight[at + i] = (next * (length + 1)) / ((i + 1) * one);
        next = own - (weight[at + i]! * zero * (length - i)) / (length + 1);
      } else weight[at + i] = (weight[at + i]! * (length + 1)) / (zero * (length - i));
    }
    for (let i = index; i < length; i++) {
      this.#feature[at + i] = this.#feature[at + i + 1]!;
      this.#zero[at + i] = this.#zero[at + i + 1]!;
      this.#one[at + i] = this.#one[at + i + 1]!;
    }
  }

  /** What the weights would sum to without element `index`. */
  #unwoundSum(at: number, length: number, index: number): number {
    const weight = this.#weight;
    const one = this.#one[at + index]!;
    const zero = this.#zero[at + index]!;
    let next = weight[at + length]!;
    let total = 0;
    for (let i = length - 1; i >= 0; i--) {
      if (one !== 0) {
        const own = next / ((i + 1) * one);
        total += own;
        next = weight[at + i]! - own * zero * (length - i);
      } else total += weight[at + i]! / (zero * (length - i));
    }
    return total * (length + 1);
  }
}
