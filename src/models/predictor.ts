import type { BoostingModel, ElasticityModel, LinearModel } from "../contracts/artifact.ts";
import { assert } from "../lib/assert.ts";
import { TidemarkError } from "../lib/errors.ts";

/** A model laid out for prediction: the log of expected enrollments per exposure of the row at `offset`. */
export interface Predictor {
  logRate(row: Float64Array, offset: number): number;
}

function incompatible(detail: string): never {
  throw new TidemarkError("incompatible_artifact", `the artifact's model cannot be used: ${detail}`);
}

class LinearPredictor implements Predictor {
  readonly #weights: Float64Array;
  readonly #bias: number;

  constructor(model: LinearModel, columns: number) {
    if (model.coefficients.length !== columns || model.mean.length !== columns || model.scale.length !== columns) {
      incompatible(`${model.coefficients.length} coefficients for ${columns} features`);
    }
    this.#weights = Float64Array.from(model.coefficients, (coefficient, i) => coefficient / model.scale[i]!);
    this.#bias = model.intercept - model.mean.reduce((sum, mean, i) => sum + mean * this.#weights[i]!, 0);
  }

  logRate(row: Float64Array, offset: number): number {
    const weights = this.#weights;
    let sum = this.#bias;
    for (let i = 0; i < weights.length; i++) sum += weights[i]! * row[offset + i]!;
    return sum;
  }
}

/** Children must come after their parent: then every walk ends. */
function checkTrees(model: BoostingModel, columns: number): void {
  const nodes = model.feature.length;
  for (const array of [model.threshold, model.left, model.right, model.value]) {
    if (array.length !== nodes) incompatible("node arrays differ in length");
  }
  for (const root of model.roots) if (root >= nodes) incompatible(`root ${root} of ${nodes} nodes`);
  for (let i = 0; i < nodes; i++) {
    const feature = model.feature[i]!;
    if (feature >= columns) incompatible(`node ${i} reads column ${feature} of ${columns}`);
    if (feature < 0) continue;
    const left = model.left[i]!;
    const right = model.right[i]!;
    if (left <= i || right <= i || left >= nodes || right >= nodes) incompatible(`node ${i} has children ${left} and ${right} of ${nodes} nodes`);
  }
}

class BoostingPredictor implements Predictor {
  readonly #base: number;
  readonly #roots: Int32Array;
  readonly #feature: Int32Array;
  readonly #threshold: Float64Array;
  readonly #left: Int32Array;
  readonly #right: Int32Array;
  readonly #value: Float64Array;

  constructor(model: BoostingModel, columns: number) {
    checkTrees(model, columns);
    this.#base = model.base;
    this.#roots = Int32Array.from(model.roots);
    this.#feature = Int32Array.from(model.feature);
    this.#threshold = Float64Array.from(model.threshold);
    this.#left = Int32Array.from(model.left);
    this.#right = Int32Array.from(model.right);
    this.#value = Float64Array.from(model.value);
  }

  logRate(row: Float64Array, offset: number): number {
    const feature = this.#feature;
    const threshold = this.#threshold;
    const left = this.#left;
    const right = this.#right;
    const roots = this.#roots;
    let sum = this.#base;
    for (let t = 0; t < roots.length; t++) {
      let node = roots[t]!;
      for (let column = feature[node]!; column >= 0; column = feature[node]!) {
        node = row[offset + column]! <= threshold[node]! ? left[node]! : right[node]!;
      }
      sum += this.#value[node]!;
    }
    return sum;
  }
}

/** Compiles a fitted model for rows of `columns` features. Throws TidemarkError("incompatible_artifact"). */
export function compilePredictor(model: ElasticityModel, columns: number): Predictor {
  assert(columns > 0, "a model needs features");
  return model.kind === "log_linear" ? new LinearPredictor(model, columns) : new BoostingPredictor(model, columns);
}
