import type { BoostingModel, ElasticityModel, ForestModel, GamModel, LinearModel, PolynomialModel } from "../contracts/artifact.ts";
import { assert } from "../lib/assert.ts";
import { log } from "../lib/exp-log.ts";
import { PolynomialTerms } from "./polynomial-terms.ts";
import { SPLINE_COEFFICIENTS, splineEndSlope, splineWeights } from "./spline.ts";
import { checkTrees, incompatible, nodeSets } from "./tree-check.ts";
import { XgboostPredictor } from "./xgboost-predictor.ts";

/** A model laid out for prediction: the log of expected enrollments per exposure of the row at `offset`. */
export interface Predictor {
  logRate(row: Float64Array, offset: number): number;
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

interface Spline {
  readonly column: number;
  readonly low: number;
  readonly high: number;
  readonly coefficients: Float64Array;
  readonly slope_below: number;
  readonly slope_above: number;
}

class GamPredictor implements Predictor {
  readonly #model: GamModel;
  readonly #splines: readonly Spline[];
  readonly #weights: Float64Array = new Float64Array(4);

  constructor(model: GamModel, columns: number) {
    for (const { column } of [...model.splines, ...model.linear]) if (column >= columns) incompatible(`a term reads column ${column} of ${columns}`);
    this.#model = model;
    this.#splines = model.splines.map(({ column, low, high, beyond, coefficients }) => {
      if (!(low < high)) incompatible(`the spline of column ${column} has no interval`);
      if (coefficients.length !== SPLINE_COEFFICIENTS) incompatible(`the spline of column ${column} has ${coefficients.length} coefficients`);
      const slope = (end: "low" | "high"): number => (beyond === "line" ? splineEndSlope(coefficients, low, high, end) : 0);
      return { column, low, high, coefficients: Float64Array.from(coefficients), slope_below: slope("low"), slope_above: slope("high") };
    });
  }

  logRate(row: Float64Array, offset: number): number {
    const weights = this.#weights;
    let sum = this.#model.intercept;
    for (const { column, low, high, coefficients, slope_below, slope_above } of this.#splines) {
      const x = row[offset + column]!;
      const first = splineWeights(x, low, high, weights);
      for (let i = 0; i < 4; i++) sum += weights[i]! * coefficients[first + i]!;
      if (x < low) sum += slope_below * (x - low);
      else if (x > high) sum += slope_above * (x - high);
    }
    for (const { column, mean, scale, coefficient } of this.#model.linear) sum += (coefficient * (row[offset + column]! - mean)) / scale;
    return sum;
  }
}

class PolynomialPredictor implements Predictor {
  readonly #terms: PolynomialTerms;
  readonly #coefficients: Float64Array;
  readonly #intercept: number;
  readonly #row: Float64Array;

  constructor(model: PolynomialModel, columns: number) {
    for (const column of [...model.inputs, ...model.others]) if (column >= columns) incompatible(`a term reads column ${column} of ${columns}`);
    if (model.mean.length !== model.inputs.length || model.scale.length !== model.inputs.length) incompatible("inputs, means and scales differ in number");
    this.#terms = new PolynomialTerms(model);
    if (model.coefficients.length !== this.#terms.count) incompatible(`${model.coefficients.length} coefficients for ${this.#terms.count} terms`);
    this.#coefficients = Float64Array.from(model.coefficients);
    this.#intercept = model.intercept;
    this.#row = new Float64Array(this.#terms.count);
  }

  logRate(row: Float64Array, offset: number): number {
    this.#terms.fill(row, offset, this.#row, 0);
    const terms = this.#row;
    const coefficients = this.#coefficients;
    let sum = this.#intercept;
    for (let i = 0; i < coefficients.length; i++) sum += coefficients[i]! * terms[i]!;
    return sum;
  }
}

/** Trees that split categories too: a walk that asks of each node which kind it is. */
class CategoricalBoostingPredictor implements Predictor {
  readonly #model: BoostingModel;
  readonly #sets: readonly (ReadonlySet<number> | undefined)[];

  constructor(model: BoostingModel, columns: number) {
    checkTrees(model, columns);
    this.#model = model;
    this.#sets = nodeSets(model.feature, model.category_sets ?? {});
  }

  logRate(row: Float64Array, offset: number): number {
    const { base, roots, feature, threshold, left, right, value } = this.#model;
    let sum = base;
    for (const root of roots) {
      let node = root;
      for (let column = feature[node]!; column >= 0; column = feature[node]!) {
        const x = row[offset + column]!;
        const set = this.#sets[node];
        node = (set === undefined ? x <= threshold[node]! : set.has(x)) ? left[node]! : right[node]!;
      }
      sum += value[node]!;
    }
    return sum;
  }
}

/** Trees laid out for walking. */
class Trees {
  readonly #roots: Int32Array;
  readonly #feature: Int32Array;
  readonly #threshold: Float64Array;
  readonly #left: Int32Array;
  readonly #right: Int32Array;
  readonly #value: Float64Array;

  constructor(model: BoostingModel | ForestModel, columns: number) {
    checkTrees(model, columns);
    this.#roots = Int32Array.from(model.roots);
    this.#feature = Int32Array.from(model.feature);
    this.#threshold = Float64Array.from(model.threshold);
    this.#left = Int32Array.from(model.left);
    this.#right = Int32Array.from(model.right);
    this.#value = Float64Array.from(model.value);
  }

  /** Sum of the leaf values that the row falls into. */
  sum(row: Float64Array, offset: number): number {
    const feature = this.#feature;
    const threshold = this.#threshold;
    const left = this.#left;
    const right = this.#right;
    const roots = this.#roots;
    let sum = 0;
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

class BoostingPredictor implements Predictor {
  readonly #base: number;
  readonly #trees: Trees;

  constructor(model: BoostingModel, columns: number) {
    this.#base = model.base;
    this.#trees = new Trees(model, columns);
  }

  logRate(row: Float64Array, offset: number): number {
    return this.#base + this.#trees.sum(row, offset);
  }
}

class ForestPredictor implements Predictor {
  readonly #share: number;
  readonly #trees: Trees;

  constructor(model: ForestModel, columns: number) {
    for (const [i, feature] of model.feature.entries()) if (feature < 0 && !(model.value[i]! > 0)) incompatible(`leaf ${i} has the rate ${model.value[i]}`);
    this.#share = 1 / model.roots.length;
    this.#trees = new Trees(model, columns);
  }

  logRate(row: Float64Array, offset: number): number {
    return log(this.#share * this.#trees.sum(row, offset));
  }
}

/** Compiles a fitted model for rows of `columns` features. Throws TidemarkError("incompatible_artifact"). */
export function compilePredictor(model: ElasticityModel, columns: number): Predictor {
  assert(columns > 0, "a model needs features");
  switch (model.kind) {
    case "log_linear":
      return new LinearPredictor(model, columns);
    case "gam":
      return new GamPredictor(model, columns);
    case "polynomial":
      return new PolynomialPredictor(model, columns);
    case "forest":
      return new ForestPredictor(model, columns);
    case "boosting":
      return model.category_sets === undefined ? new BoostingPredictor(model, columns) : new CategoricalBoostingPredictor(model, columns);
    case "xgboost":
      return new XgboostPredictor(model, columns);
  }
}
