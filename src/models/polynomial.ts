import type { PolynomialModel } from "../contracts/artifact.ts";
import type { CountRows } from "./boosting.ts";
import { fitLogLinear, logLinearDefaults, type Gram } from "./log-linear.ts";
import { PolynomialTerms } from "./polynomial-terms.ts";

/** Penalty on each standardised term, in expected counts. */
const RIDGE = 10;

/** Poisson regression with log link on all products of up to `degree` of the columns in `inputs`, the others linearly, with a ridge on standardised terms. */
export function fitPolynomial(data: CountRows, degree: number, inputs: readonly number[], gram: Gram): PolynomialModel {
  const { values, columns, rows, train_rows } = data;
  const mean = inputs.map((column) => {
    let sum = 0;
    for (let row = 0; row < train_rows; row++) sum += values[row * columns + column]!;
    return sum / train_rows;
  });
  const scale = inputs.map((column, i) => {
    let sum = 0;
    for (let row = 0; row < train_rows; row++) sum += (values[row * columns + column]! - mean[i]!) ** 2;
    return Math.sqrt(sum / train_rows) || 1;
  });
  const others = Array.from({ length: columns }, (_, column) => column).filter((column) => !inputs.includes(column));
  const shape = { degree, inputs: [...inputs], others, mean, scale };
  const terms = new PolynomialTerms(shape);
  const expanded = new Float64Array(train_rows * terms.count);
  for (let row = 0; row < train_rows; row++) terms.fill(values, row * columns, expanded, row * terms.count);
  const linear = fitLogLinear({ ...data, values: expanded, columns: terms.count, rows: Math.min(rows, train_rows) }, { ...logLinearDefaults, ridge: RIDGE, decreasing_columns: 0 }, gram);
  const coefficients = linear.coefficients.map((coefficient, i) => coefficient / linear.scale[i]!);
  const intercept = linear.intercept - linear.mean.reduce((sum, own, i) => sum + own * coefficients[i]!, 0);
  return { kind: "polynomial", ...shape, coefficients, intercept };
}
