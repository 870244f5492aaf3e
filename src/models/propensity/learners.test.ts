import { describe, expect, test } from "vitest";
import { eventLogOdds, logistic, windowDerivatives, windowLoss } from "./hazard.ts";
import { fitHazardBoosting, hazardBoostingDefaults } from "./hazard-boosting.ts";
import { fitHazardForest, hazardForestDefaults } from "./hazard-forest.ts";
import { fitLogistic } from "./logistic-regression.ts";
import { compileMargin, type InputModel } from "./margin.ts";
import { syntheticRows, type SyntheticRows } from "./testing.ts";

/** Mean loss of rows that were not trained on. */
function heldOutLoss(data: SyntheticRows, model: InputModel, offsets: Float64Array): number {
  const margin = compileMargin(model, data.columns);
  let loss = 0;
  for (let row = data.train_rows; row < data.rows; row++) loss += windowLoss(margin.margin(data.values, row * data.columns), offsets, data.steps[row]!, data.y[row]!);
  return loss / (data.rows - data.train_rows);
}

function trueLoss(data: SyntheticRows, offsets: readonly number[]): number {
  let loss = 0;
  for (let row = data.train_rows; row < data.rows; row++) loss += windowLoss(data.truth[row]!, Float64Array.from(offsets), data.steps[row]!, data.y[row]!);
  return loss / (data.rows - data.train_rows);
}

const linear = (x: Float64Array): number => -1 + 0.8 * x[0]! - 0.5 * x[1]!;
const bent = (x: Float64Array): number => -1 + (x[0]! > 0 ? 1.5 : -1) * (x[1]! > 0.3 ? 1 : -0.4);
const STEPS = [-1.2, -1.6, -2, -2.2];

describe("windows in steps", () => {
  test("derivatives of a window's loss are those of finite differences", () => {
    const offsets = Float64Array.from(STEPS);
    const into = new Float64Array(2);
    for (const [margin, steps, y] of [[0.3, 4, 0], [-2, 2, 1], [3, 1, 1], [-1, 3, 0]] as const) {
      windowDerivatives(margin, offsets, steps, y, into);
      const at = (m: number): number => windowLoss(m, offsets, steps, y);
      expect(into[0]).toBeCloseTo((at(margin + 1e-5) - at(margin - 1e-5)) / 2e-5, 6);
      expect(into[1]).toBeCloseTo((at(margin + 1e-3) - 2 * at(margin) + at(margin - 1e-3)) / 1e-6, 5);
    }
  });

  test("log-odds of an event within the window, also where it is all but certain or impossible", () => {
    const offsets = Float64Array.from(STEPS);
    for (const margin of [-3, 0, 2]) {
      const none = STEPS.reduce((left, offset) => left * (1 - logistic(margin + offset)), 1);
      expect(eventLogOdds(margin, offsets)).toBeCloseTo(Math.log((1 - none) / none), 10);
    }
    expect(eventLogOdds(-40, offsets)).toBeLessThan(-35);
    expect(eventLogOdds(300, offsets)).toBeGreaterThan(900);
    expect(eventLogOdds(1.5, new Float64Array(1))).toBe(1.5);
  });
});

describe("logistic regression", () => {
  test("finds the coefficients of a linear margin", () => {
    const data = syntheticRows({ seed: "logistic", rows: 24_000, train_rows: 20_000, columns: 5, margin: linear });
    const { model, offsets } = fitLogistic(data);
    const slopes = model.coefficients.map((coefficient, i) => coefficient / model.scale[i]!);
    expect([...offsets]).toEqual([0]);
    for (const [i, slope] of [0.8, -0.5, 0, 0, 0].entries()) expect(Math.abs(slopes[i]! - slope)).toBeLessThan(0.06);
    expect(heldOutLoss(data, model, offsets)).toBeLessThan(trueLoss(data, [0]) + 0.002);
  });

  test("its score is zero at the minimum", () => {
    const data = syntheticRows({ seed: "score", rows: 800, train_rows: 800, columns: 3, offsets: STEPS, censored: 0.5, margin: linear });
    const { model, offsets } = fitLogistic(data, [7]);
    const margin = compileMargin(model, 3);
    const derivatives = new Float64Array(2);
    const score = model.coefficients.map((coefficient) => 7 * coefficient);
    for (let row = 0; row < data.rows; row++) {
      windowDerivatives(margin.margin(data.values, row * 3), offsets, data.steps[row]!, data.y[row]!, derivatives);
      for (let i = 0; i < 3; i++) score[i]! += (derivatives[0]! * (data.values[row * 3 + i]! - model.mean[i]!)) / model.scale[i]!;
    }
    for (const own of score) expect(Math.abs(own)).toBeLessThan(1e-6);
  });

  test("a hazard's steps and slopes are found from windows that were cut short", () => {
    const data = syntheticRows({ seed: "censored", rows: 20_000, train_rows: 18_000, columns: 3, offsets: STEPS, censored: 0.6, margin: linear });
    const { model, offsets } = fitLogistic(data);
    const mean = STEPS.reduce((sum, own) => sum + own, 0) / STEPS.length;
    for (const [k, own] of STEPS.entries()) expect(Math.abs(offsets[k]! - (own - mean))).toBeLessThan(0.12);
    expect(Math.abs(model.coefficients[0]! / model.scale[0]! - 0.8)).toBeLessThan(0.06);
    expect(Math.abs(compileMargin(model, 3).average - (mean - 1))).toBeLessThan(0.12);
  });

  test("chooses a heavy penalty where there is nothing to find", () => {
    const data = syntheticRows({ seed: "nothing", rows: 600, train_rows: 400, columns: 20, margin: () => -1 });
    const { penalty } = fitLogistic(data);
    expect(penalty).toBeGreaterThanOrEqual(300);
  });
});

describe("trees of a hazard", () => {
  const data = syntheticRows({ seed: "bent", rows: 16_000, train_rows: 12_000, columns: 6, margin: bent });
  const inSteps = syntheticRows({ seed: "bent steps", rows: 16_000, train_rows: 12_000, columns: 6, offsets: STEPS, censored: 0.4, margin: bent });

  test("boosting comes close to the truth where a line does not", () => {
    const { model, offsets } = fitHazardBoosting(data, data.binned, { ...hazardBoostingDefaults, seed: 1 });
    const line = fitLogistic(data);
    const best = trueLoss(data, [0]);
    expect(heldOutLoss(data, model, offsets)).toBeLessThan(best + 0.016);
    expect(heldOutLoss(data, line.model, line.offsets)).toBeGreaterThan(best + 0.03);
  });

  test("boosting of windows in steps, equal for equal seeds", () => {
    const options = { ...hazardBoostingDefaults, seed: 3, trees_max: 60 };
    const fit = fitHazardBoosting(inSteps, inSteps.binned, options);
    expect(heldOutLoss(inSteps, fit.model, fit.offsets)).toBeLessThan(trueLoss(inSteps, STEPS) + 0.01);
    expect(fit.offsets[0]).toBeGreaterThan(fit.offsets[3]!);
    expect(fitHazardBoosting(inSteps, inSteps.binned, options)).toEqual(fit);
    expect(fitHazardBoosting(inSteps, inSteps.binned, { ...options, seed: 4 }).model).not.toEqual(fit.model);
  });

  test("a forest comes close to the truth", () => {
    for (const [rows, offsets] of [[data, [0]], [inSteps, STEPS]] as const) {
      const fit = fitHazardForest(rows, rows.binned, { ...hazardForestDefaults, seed: 1 });
      expect(heldOutLoss(rows, fit.model, fit.offsets)).toBeLessThan(trueLoss(rows, offsets) + 0.02);
      expect(fit.model.cover.length).toBe(fit.model.feature.length);
    }
  });
});
