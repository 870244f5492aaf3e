import { describe, expect, test } from "vitest";
import { Prng } from "../lib/prng.ts";
import type { CountRows } from "./boosting.ts";
import { fitLogLinear, logLinearDefaults, plainGram, type Gram } from "./log-linear.ts";
import { compilePredictor } from "./predictor.ts";

const options = { ...logLinearDefaults, decreasing_columns: 2 };

function simulate(rows: number, coefficients: readonly number[]): CountRows {
  const random = new Prng("log-linear test");
  const columns = coefficients.length;
  const values = Float64Array.from({ length: rows * columns }, (_, i) => 3 + (1 + (i % columns)) * random.normal());
  const exposure = Float64Array.from({ length: rows }, () => 1 + random.integer(30));
  const y = Float64Array.from(exposure, (n, row) => random.poisson(n * Math.exp(-1 + coefficients.reduce((sum, c, i) => sum + c * (values[row * columns + i]! - 3), 0))));
  return { values, columns, y, exposure, train_rows: rows, rows };
}

const slopes = (model: ReturnType<typeof fitLogLinear>): number[] => model.coefficients.map((c, i) => c / model.scale[i]!);

describe("log-linear model", () => {
  test("recovers the coefficients, and solves the score equations", () => {
    const truth = [-0.8, -0.1, 0.3, 0];
    const data = simulate(20_000, truth);
    const model = fitLogLinear(data, options, plainGram);
    for (const [i, slope] of slopes(model).entries()) expect(Math.abs(slope - truth[i]!)).toBeLessThan(0.02);
    const predictor = compilePredictor(model, 4);
    const score = new Float64Array(5);
    for (let row = 0; row < data.rows; row++) {
      const residual = data.y[row]! - data.exposure[row]! * Math.exp(predictor.logRate(data.values, row * 4));
      score[0]! += residual;
      for (let i = 0; i < 4; i++) score[i + 1]! += (residual * (data.values[row * 4 + i]! - model.mean[i]!)) / model.scale[i]!;
    }
    // Over the information, about the total count, a score is an error of the coefficient.
    const total = data.y.reduce((sum, y) => sum + y, 0);
    expect(Math.abs(score[0]!) / total).toBeLessThan(1e-7);
    for (let i = 0; i < 4; i++) expect(Math.abs(score[i + 1]! - options.ridge * model.coefficients[i]!) / total).toBeLessThan(1e-7);
  });

  test("a Gram matrix in single precision costs steps, not accuracy", () => {
    const data = simulate(3_000, [-0.8, -0.1, 0.3, 0]);
    const single: Gram = (x, rows, columns, w) => Float64Array.from(Float32Array.from(plainGram(x, rows, columns, w), (v) => v * 1.0001));
    const exact = fitLogLinear(data, options, plainGram);
    const coarse = fitLogLinear(data, options, single);
    for (const [i, coefficient] of exact.coefficients.entries()) expect(coarse.coefficients[i]).toBeCloseTo(coefficient, 7);
  });

  test("a price coefficient that would be positive is zero, and the rest are refitted", () => {
    const data = simulate(5_000, [0.5, -0.4, 0.3]);
    const model = fitLogLinear(data, options, plainGram);
    expect(model.coefficients[0]).toBe(0);
    expect(slopes(model)[1]).toBeCloseTo(-0.4, 1);
    expect(slopes(model)[2]).toBeCloseTo(0.3, 1);
    expect(slopes(fitLogLinear(data, { ...options, decreasing_columns: 0 }, plainGram))[0]).toBeCloseTo(0.5, 1);
  });

  test("constant and doubled columns, no sales and absurd sales stay finite", () => {
    const data = simulate(500, [-0.5, 0, 0.2]);
    for (let row = 0; row < 500; row++) {
      data.values[row * 3 + 1] = 7;
      data.values[row * 3 + 2] = data.values[row * 3]!;
    }
    for (const y of [data.y, new Float64Array(500), new Float64Array(500).fill(1e9)]) {
      const model = fitLogLinear({ ...data, y }, options, plainGram);
      for (const value of [...model.coefficients, model.intercept]) expect(Number.isFinite(value)).toBe(true);
      expect(Number.isFinite(compilePredictor(model, 3).logRate(data.values, 0))).toBe(true);
      expect(model.coefficients[1]).toBe(0);
    }
  });
});
