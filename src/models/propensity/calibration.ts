import type { Calibration } from "../../contracts/propensity.ts";
import { assert } from "../../lib/assert.ts";
import { Prng } from "../../lib/prng.ts";
import { dealClusters } from "../econometrics/folds.ts";
import { incompatible } from "../tree-check.ts";
import { ascending, logLoss } from "./binary-metrics.ts";
import { logistic } from "./hazard.ts";
import { fitIsotonic, isotonicAt } from "./isotonic.ts";
import { fitPlatt } from "./platt.ts";

/** From log-odds of a raw score to a calibrated probability; never falls. */
export type CalibrationFunction = (logOdds: number) => number;

/** Throws TidemarkError `incompatible_artifact`. */
export function compileCalibration(calibration: Calibration): CalibrationFunction {
  if (calibration.kind === "platt") {
    const { slope, intercept } = calibration;
    return (own) => logistic(slope * own + intercept);
  }
  const x = Float64Array.from(calibration.x);
  const y = Float64Array.from(calibration.y);
  if (x.length === 0 || x.length !== y.length) incompatible(`an isotonic calibration of ${x.length} margins and ${y.length} probabilities`);
  for (let i = 0; i < x.length; i++) {
    if (i > 0 && (x[i]! <= x[i - 1]! || y[i]! < y[i - 1]!)) incompatible("an isotonic calibration that falls");
    if (y[i]! < 0 || y[i]! > 1) incompatible(`a calibrated probability of ${y[i]}`);
  }
  return (own) => isotonicAt(x, y, own);
}

/** A margin that falls where the outcome rises has nothing to say: hardly a slope is left of it. */
const SLOPE_MIN = 1e-3;

function platt(margins: Float64Array, y: ArrayLike<number>): Calibration {
  const { slope, intercept } = fitPlatt(margins, y);
  if (slope >= SLOPE_MIN) return { kind: "platt", slope, intercept };
  const positives = margins.reduce((sum, _, i) => sum + y[i]!, 0);
  return { kind: "platt", slope: SLOPE_MIN, intercept: Math.log((positives + 0.5) / (margins.length - positives + 0.5)) };
}

function isotonic(margins: Float64Array, y: ArrayLike<number>): Calibration {
  return { kind: "isotonic", ...fitIsotonic(margins, y) };
}

const FOLDS = 5;

export interface CalibrationFit {
  readonly calibration: Calibration;
  /** Mean log loss of either kind on rows of learners that it was not fitted to. */
  readonly log_loss: { readonly platt: number; readonly isotonic: number };
  /** Calibrated by the chosen kind, fitted without the row's own learner. */
  readonly scores: Float64Array;
}

/** Platt's or the isotonic calibration, whichever has the lower log loss on learners (`clusters`, dense) that it was not fitted to; then fitted to all rows. */
export function fitCalibration(margins: Float64Array, y: ArrayLike<number>, clusters: Int32Array, seed: number): CalibrationFit {
  assert(margins.length === y.length && margins.length === clusters.length && margins.length > 0, "every row has a margin, a label and a cluster");
  const count = clusters.reduce((most, own) => Math.max(most, own), 0) + 1;
  const folds = dealClusters(count, FOLDS, new Prng(`calibration ${seed}`));
  const scores = { platt: new Float64Array(margins.length), isotonic: new Float64Array(margins.length) };
  const losses = { platt: 0, isotonic: 0 };
  for (let fold = 0; fold < FOLDS; fold++) {
    const inside: number[] = [];
    const outside: number[] = [];
    for (let i = 0; i < margins.length; i++) (folds[clusters[i]!] === fold ? inside : outside).push(i);
    if (inside.length === 0) continue;
    const from = outside.length > 0 ? outside : inside;
    const x = Float64Array.from(from, (i) => margins[i]!);
    const labels = Uint8Array.from(from, (i) => y[i]!);
    for (const [kind, fit] of [["platt", platt], ["isotonic", isotonic]] as const) {
      const calibrate = compileCalibration(fit(x, labels));
      for (const i of inside) {
        scores[kind][i] = calibrate(margins[i]!);
        losses[kind] += logLoss(scores[kind][i]!, y[i]!) / margins.length;
      }
    }
  }
  // Of equals the one with two parameters.
  const better = losses.isotonic < losses.platt ? "isotonic" : "platt";
  return { calibration: (better === "isotonic" ? isotonic : platt)(margins, y), log_loss: losses, scores: scores[better] };
}

export interface Uncertainty {
  readonly upper: number[];
  readonly se: number[];
}

const TENTHS = 10;

/**
 * Standard error of the observed share around the scores, by tenth of the rows by score: rows of one learner (`clusters`) are not independent.
 * `upper`: the highest score of each tenth, the last one 1.
 */
export function uncertaintyByTenth(scores: Float64Array, y: ArrayLike<number>, clusters: Int32Array): Uncertainty {
  const order = ascending(scores);
  const upper: number[] = [];
  const se: number[] = [];
  for (let part = 0; part < TENTHS; part++) {
    const own = order.subarray(Math.round((part * order.length) / TENTHS), Math.round(((part + 1) * order.length) / TENTHS));
    const last = own.at(-1);
    if (last === undefined) continue;
    const residuals = new Map<number, number>();
    let mean = 0;
    for (const i of own) {
      residuals.set(clusters[i]!, (residuals.get(clusters[i]!) ?? 0) + y[i]! - scores[i]!);
      mean += scores[i]! / own.length;
    }
    let squares = 0;
    for (const residual of residuals.values()) squares += residual * residual;
    // At least that of independent draws, half a draw off 0 and 1: a tenth in which nothing happened is not certain.
    const p = Math.min(1 - 0.5 / own.length, Math.max(0.5 / own.length, mean));
    se.push(Math.sqrt(Math.max(squares / own.length ** 2, (p * (1 - p)) / own.length)));
    upper.push(scores[last]!);
  }
  upper[upper.length - 1] = 1;
  return { upper, se };
}
