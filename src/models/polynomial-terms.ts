import type { PolynomialModel } from "../contracts/artifact.ts";

/** Standard deviations from the mean beyond which an input counts as being there: powers of what was never seen mean nothing. */
const CLIP = 3;
/** Every product of up to `degree` of `inputs` things, as ascending index lists, the single ones first. */
export function monomials(inputs: number, degree: number): number[][] {
  const terms: number[][] = [];
  let last: number[][] = [[]];
  for (let power = 1; power <= degree; power++) {
    last = last.flatMap((term) => Array.from({ length: inputs - (term.at(-1) ?? 0) }, (_, i) => [...term, (term.at(-1) ?? 0) + i]));
    terms.push(...last);
  }
  return terms;
}

/** A polynomial's terms of one row: products of the standardised, clipped inputs, then the other columns as they are. */
export class PolynomialTerms {
  readonly count: number;
  readonly #model: Pick<PolynomialModel, "inputs" | "others" | "mean" | "scale">;
  readonly #terms: readonly Int32Array[];
  readonly #input: Float64Array;

  constructor(model: Pick<PolynomialModel, "degree" | "inputs" | "others" | "mean" | "scale">) {
    this.#model = model;
    this.#terms = monomials(model.inputs.length, model.degree).map((term) => Int32Array.from(term));
    this.#input = new Float64Array(model.inputs.length);
    this.count = this.#terms.length + model.others.length;
  }

  fill(row: Float64Array, offset: number, out: Float64Array, at: number): void {
    const { inputs, others, mean, scale } = this.#model;
    const input = this.#input;
    for (let i = 0; i < inputs.length; i++) {
      const z = (row[offset + inputs[i]!]! - mean[i]!) / scale[i]!;
      input[i] = z < -CLIP ? -CLIP : z > CLIP ? CLIP : z;
    }
    for (let t = 0; t < this.#terms.length; t++) {
      const term = this.#terms[t]!;
      let product = 1;
      for (let i = 0; i < term.length; i++) product *= input[term[i]!]!;
      out[at + t] = product;
    }
    for (let i = 0; i < others.length; i++) out[at + this.#terms.length + i] = row[offset + others[i]!]!;
  }
}
