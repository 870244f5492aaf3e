import type { XgboostModel } from "../contracts/artifact.ts";
import { exp, log } from "../lib/exp-log.ts";
import type { Predictor } from "./predictor.ts";
import { checkTrees, incompatible, nodeSets } from "./tree-check.ts";

/** Values as XGBoost holds them. */
function singles(values: readonly number[], what: string): Float32Array {
  const single = Float32Array.from(values);
  const beyond = single.findIndex((value) => !Number.isFinite(value));
  if (beyond >= 0) incompatible(`the ${what} of node ${beyond} is too large for single precision`);
  return single;
}

/**
 * XGBoost's own arithmetic: rows, thresholds and sums in single precision, so that a row at a threshold takes the path that it takes there and the
 * margin is the same float.
 */
export class XgboostPredictor implements Predictor {
  readonly #link: XgboostModel["link"];
  readonly #base: number;
  readonly #roots: Int32Array;
  readonly #feature: Int32Array;
  readonly #threshold: Float32Array;
  readonly #missingLeft: Uint8Array;
  readonly #left: Int32Array;
  readonly #right: Int32Array;
  readonly #value: Float32Array;
  /** undefined where no node splits categories. */
  readonly #sets: readonly (ReadonlySet<number> | undefined)[] | undefined;
  readonly #row: Float32Array;

  constructor(model: XgboostModel, columns: number) {
    checkTrees(model, columns);
    if (model.missing_left.length !== model.feature.length) incompatible("node arrays differ in length");
    this.#link = model.link;
    this.#base = Math.fround(model.base_margin);
    this.#roots = Int32Array.from(model.roots);
    this.#feature = Int32Array.from(model.feature);
    this.#threshold = singles(model.threshold, "threshold");
    this.#missingLeft = Uint8Array.from(model.missing_left, Number);
    this.#left = Int32Array.from(model.left);
    this.#right = Int32Array.from(model.right);
    this.#value = singles(model.value, "leaf value");
    this.#sets = model.category_sets && nodeSets(model.feature, model.category_sets);
    this.#row = new Float32Array(columns);
  }

  logRate(row: Float64Array, offset: number): number {
    const margin = this.#margin(row, offset);
    if (this.#link === "log") return margin;
    return margin < 0 ? margin - log(1 + exp(margin)) : -log(1 + exp(-margin));
  }

  #margin(row: Float64Array, offset: number): number {
    const single = this.#row;
    for (let i = 0; i < single.length; i++) single[i] = row[offset + i]!;
    const roots = this.#roots;
    let sum = this.#base;
    for (let t = 0; t < roots.length; t++) sum = Math.fround(sum + this.#value[this.#leaf(roots[t]!)]!);
    return sum;
  }

  /** The leaf of a tree that the row at hand falls into. */
  #leaf(root: number): number {
    const row = this.#row;
    const feature = this.#feature;
    const sets = this.#sets;
    let node = root;
    for (let column = feature[node]!; column >= 0; column = feature[node]!) {
      const x = row[column]!;
      const set = sets?.[node];
      let goesLeft: boolean;
      if (x !== x) goesLeft = this.#missingLeft[node] === 1;
      else if (set === undefined) goesLeft = x < this.#threshold[node]!;
      // A code below zero is no category: XGBoost sends it where unlisted ones go.
      else goesLeft = !(x >= 0 && set.has(Math.trunc(x)));
      node = goesLeft ? this.#left[node]! : this.#right[node]!;
    }
    return node;
  }
}
