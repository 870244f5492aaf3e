import { expect, test } from "vitest";
import { Prng } from "../lib/prng.ts";
import { fitGam } from "./gam.ts";
import { plainGram } from "./log-linear.ts";
import { compilePredictor } from "./predictor.ts";
import { SPLINE_COEFFICIENTS, splineEndSlope, splineWeights } from "./spline.ts";

test("splines sum to one, are smooth, and go on as their end slope says", () => {
  const weights = new Float64Array(4);
  const coefficients = Float64Array.from({ length: SPLINE_COEFFICIENTS }, (_, i) => Math.sin(i));
  const value = (x: number): number => {
    const first = splineWeights(x, 1, 3, weights);
    return weights.reduce((sum, weight, i) => sum + weight * coefficients[first + i]!, 0);
  };
  for (let x = 1; x <= 3; x += 0.01) {
    splineWeights(x, 1, 3, weights);
    expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
    expect(Math.abs(value(Math.min(3, x + 0.001)) - value(x))).toBeLessThan(0.01);
  }
  expect((value(1 + 1e-6) - value(1)) / 1e-6).toBeCloseTo(splineEndSlope(coefficients, 1, 3, "low"), 3);
  expect((value(3) - value(3 - 1e-6)) / 1e-6).toBeCloseTo(splineEndSlope(coefficients, 1, 3, "high"), 3);
});

test("finds a curve, and leaves a straight line straight", () => {
  const random = new Prng("gam1");
  const rows = 6_000;
  const values = Float64Array.from({ length: rows * 3 }, () => 4 * random.uniform() - 2);
  const truth = (x: number, z: number): number => 0.2 + Math.sin(2 * x) + 0.5 * z;
  const y = Float64Array.from({ length: rows }, (_, row) => random.poisson(5 * Math.exp(truth(values[row * 3 + 1]!, values[row * 3 + 2]!))));
  const model = fitGam({ values, columns: 3, y, exposure: new Float64Array(rows).fill(5), train_rows: rows, rows }, 1, plainGram);
  const predictor = compilePredictor(model, 3);
  for (let x = -1.8; x <= 1.8; x += 0.2) expect(predictor.logRate(Float64Array.of(0, x, 0.5), 0)).toBeCloseTo(truth(x, 0.5), 1);
  const [, curved, straight] = model.splines;
  expect(straight!.penalty).toBeGreaterThan(curved!.penalty);
  // The price column says nothing here, and may not rise.
  expect(predictor.logRate(Float64Array.of(1.9, 0, 0), 0)).toBeLessThanOrEqual(predictor.logRate(Float64Array.of(-1.9, 0, 0), 0));
});
