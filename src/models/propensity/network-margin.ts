import type { NetworkModel } from "../../contracts/propensity.ts";
import { incompatible } from "../tree-check.ts";
import type { Margin } from "./margin.ts";

interface Layer {
  readonly inputs: number;
  readonly units: number;
  /** Unit-major, transposed from the artifact: a unit's weights lie together. */
  readonly weights: Float64Array;
  readonly bias: Float64Array;
  /** Outputs of the row at hand, and of the average learner. */
  readonly out: Float64Array;
  readonly reference: Float64Array;
  /** Before the rectifier, of both. */
  readonly before: Float64Array;
  readonly reference_before: Float64Array;
}

function compileLayer({ units, weights, bias }: NetworkModel["layers"][number], inputs: number): Layer {
  if (weights.length !== inputs * units || bias.length !== units) incompatible(`a layer of ${units} units with ${weights.length} weights of ${inputs} inputs`);
  const doubles = (): Float64Array => new Float64Array(units);
  const transposed = Float64Array.from({ length: inputs * units }, (_, at) => weights[(at % inputs) * units + Math.floor(at / inputs)]!);
  return { inputs, units, weights: transposed, bias: Float64Array.from(bias), out: doubles(), reference: doubles(), before: doubles(), reference_before: doubles() };
}

function forward(layer: Layer, input: Float64Array, before: Float64Array, out: Float64Array): void {
  const { inputs, units, weights, bias } = layer;
  for (let unit = 0, at = 0; unit < units; unit++) {
    let sum = bias[unit]!;
    for (let i = 0; i < inputs; i++, at++) sum += weights[at]! * input[i]!;
    before[unit] = sum;
    out[unit] = sum > 0 ? sum : 0;
  }
}

/** A trunk of ReLU layers on standardised inputs and one linear head. */
export class NetworkMargin implements Margin {
  readonly average: number;
  readonly #mean: Float64Array;
  readonly #perScale: Float64Array;
  readonly #layers: readonly Layer[];
  readonly #head: Float64Array;
  readonly #bias: number;
  readonly #input: Float64Array;

  constructor(model: NetworkModel, columns: number) {
    if (model.mean.length !== columns || model.scale.length !== columns) incompatible(`means and scales of ${model.mean.length} and ${model.scale.length} inputs, of ${columns}`);
    this.#mean = Float64Array.from(model.mean);
    this.#perScale = Float64Array.from(model.scale, (scale) => 1 / scale);
    const layers: Layer[] = [];
    for (const layer of model.layers) layers.push(compileLayer(layer, layers.at(-1)?.units ?? columns));
    this.#layers = layers;
    this.#head = Float64Array.from(model.head.weights);
    if (this.#head.length !== (layers.at(-1)?.units ?? columns)) incompatible(`a head of ${this.#head.length} weights`);
    this.#bias = model.head.bias;
    this.#input = new Float64Array(columns);
    let input = new Float64Array(columns);
    for (const layer of layers) {
      forward(layer, input, layer.reference_before, layer.reference);
      input = layer.reference as Float64Array<ArrayBuffer>;
    }
    this.average = this.#headOf(input);
  }

  margin(row: Float64Array, offset: number): number {
    const own = this.#input;
    for (let i = 0; i < own.length; i++) own[i] = (row[offset + i]! - this.#mean[i]!) * this.#perScale[i]!;
    let input = own;
    const layers = this.#layers;
    for (let k = 0; k < layers.length; k++) {
      const layer = layers[k]!;
      forward(layer, input, layer.before, layer.out);
      input = layer.out;
    }
    return this.#headOf(input);
  }

  #headOf(out: Float64Array): number {
    const head = this.#head;
    let sum = this.#bias;
    for (let i = 0; i < head.length; i++) sum += head[i]! * out[i]!;
    return sum;
  }

  /**
   * DeepLIFT's rescale rule (Shrikumar et al. 2017) against the mean input: the head's weights are carried back through each rectifier by the slope
   * between reference and row, and through each layer by its weights. Such slopes make the sum exact, layer by layer, whatever lies between the two.
   */
  contributions(row: Float64Array, offset: number, into: Float64Array): void {
    this.margin(row, offset);
    let above: Float64Array = this.#head;
    for (const layer of this.#layers.toReversed()) {
      const below = new Float64Array(layer.inputs);
      for (let unit = 0; unit < layer.units; unit++) {
        const moved = layer.before[unit]! - layer.reference_before[unit]!;
        // Where nothing moved, nothing is to be shared out: the rectifier's own slope will do.
        const slope = Math.abs(moved) > 1e-12 ? (layer.out[unit]! - layer.reference[unit]!) / moved : layer.before[unit]! > 0 ? 1 : 0;
        const multiplier = above[unit]! * slope;
        for (let i = 0; i < layer.inputs; i++) below[i]! += multiplier * layer.weights[unit * layer.inputs + i]!;
      }
      above = below;
    }
    for (let i = 0; i < into.length; i++) into[i] = above[i]! * this.#input[i]!;
  }
}
