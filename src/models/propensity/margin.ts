import type { LogisticModel, PropensityModel, PropensityTrees } from "../../contracts/propensity.ts";
import { checkTrees, incompatible } from "../tree-check.ts";
import { logOdds } from "./hazard.ts";
import { NetworkMargin } from "./network-margin.ts";
import { TreeShapley } from "./tree-shapley.ts";

/** A model laid out for scoring: its margin, and what each input does to it. Both read the row of inputs at `offset`. */
export interface Margin {
  /** Of the average learner: what contributions are counted from. */
  readonly average: number;
  /** No allocation. */
  margin(row: Float64Array, offset: number): number;
  /** Writes each input's contribution to `into`: they sum to the row's margin less the average. */
  contributions(row: Float64Array, offset: number, into: Float64Array): void;
}

/** Kinds whose margin is a function of the inputs. */
export type InputModel = Extract<PropensityModel, { kind: "logistic" | "boosting" | "forest" | "network" }>;

class LinearMargin implements Margin {
  readonly average: number;
  readonly #weights: Float64Array;
  readonly #mean: Float64Array;
  readonly #bias: number;

  constructor(model: LogisticModel, columns: number) {
    if (model.mean.length !== columns || model.scale.length !== columns) incompatible(`means and scales of ${model.mean.length} and ${model.scale.length} inputs, of ${columns}`);
    if (model.coefficients.length !== columns) incompatible(`${model.coefficients.length} coefficients for ${columns} inputs`);
    this.average = model.intercept;
    this.#mean = Float64Array.from(model.mean);
    this.#weights = Float64Array.from(model.coefficients, (coefficient, i) => coefficient / model.scale[i]!);
    this.#bias = this.#mean.reduce((sum, mean, i) => sum - mean * this.#weights[i]!, model.intercept);
  }

  margin(row: Float64Array, offset: number): number {
    const weights = this.#weights;
    let sum = this.#bias;
    for (let i = 0; i < weights.length; i++) sum += weights[i]! * row[offset + i]!;
    return sum;
  }

  /** Exact: a linear margin is the sum of its terms. */
  contributions(row: Float64Array, offset: number, into: Float64Array): void {
    for (let i = 0; i < this.#weights.length; i++) into[i] = this.#weights[i]! * (row[offset + i]! - this.#mean[i]!);
  }
}

/**
 * What a walk reads of a node lies together, four words a node: feature, left, right, and one unused, so that a shift finds the threshold or leaf
 * value beside.
 */
class TreeMargin implements Margin {
  readonly average: number;
  readonly #forest: boolean;
  readonly #base: number;
  readonly #roots: Int32Array;
  readonly #nodes: Int32Array;
  readonly #values: Float64Array;
  readonly #shapley: TreeShapley;

  constructor(model: PropensityTrees, columns: number) {
    checkTrees(model, columns);
    this.#forest = model.kind === "forest";
    if (this.#forest && model.roots.length === 0) incompatible("a forest without trees");
    this.#base = model.base;
    this.#roots = Int32Array.from(model.roots, (root) => root << 2);
    this.#nodes = new Int32Array(4 * model.feature.length);
    this.#values = Float64Array.from(model.feature, (feature, i) => (feature < 0 ? model.value[i]! : model.threshold[i]!));
    for (const [i, feature] of model.feature.entries()) {
      if (this.#forest && feature < 0 && !(model.value[i]! >= 0 && model.value[i]! <= 1)) incompatible(`leaf ${i} has the probability ${model.value[i]}`);
      this.#nodes.set([feature, model.left[i]! << 2, model.right[i]! << 2], i << 2);
    }
    this.#shapley = new TreeShapley(model);
    this.average = this.#marginOf(this.#shapley.expected);
  }

  margin(row: Float64Array, offset: number): number {
    const nodes = this.#nodes;
    const values = this.#values;
    const roots = this.#roots;
    let sum = 0;
    for (let t = 0; t < roots.length; t++) {
      let at = roots[t]!;
      for (let column = nodes[at]!; column >= 0; column = nodes[at]!) at = row[offset + column]! <= values[at >> 2]! ? nodes[at + 1]! : nodes[at + 2]!;
      sum += values[at >> 2]!;
    }
    return this.#marginOf(sum);
  }

  /** Of the trees' summed leaf values. */
  #marginOf(sum: number): number {
    return this.#forest ? logOdds(sum / this.#roots.length) : this.#base + sum;
  }

  /**
   * Shapley values of the summed leaves. A forest's margin is the logit of their mean: its parts are the values scaled by what the margin moved for
   * what the mean did, the Aumann–Shapley shares along the straight way from one mean to the other.
   */
  contributions(row: Float64Array, offset: number, into: Float64Array): void {
    this.#shapley.values(row, offset, into);
    if (!this.#forest) return;
    const moved = into.reduce((sum, own) => sum + own, 0);
    const mean = this.#shapley.expected;
    const scale = Math.abs(moved) > 1e-12 * Math.abs(mean) ? (this.#marginOf(mean + moved) - this.average) / moved : 0;
    for (let i = 0; i < into.length; i++) into[i]! *= scale;
  }
}

/** Compiles a model for rows of `columns` inputs. Throws TidemarkError("incompatible_artifact"). */
export function compileMargin(model: InputModel, columns: number): Margin {
  switch (model.kind) {
    case "logistic":
      return new LinearMargin(model, columns);
    case "boosting":
    case "forest":
      return new TreeMargin(model, columns);
    case "network":
      return new NetworkMargin(model, columns);
  }
}
