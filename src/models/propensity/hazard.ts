import { exp, log } from "../../lib/exp-log.ts";

/**
 * A label window asked about in steps: in step k, if it has not happened before, it happens with probability σ(margin + offsets[k]) (discrete-time
 * hazard; Singer, Willett 1993). A window that is asked about as a whole has one step. What of a window was observed is in its likelihood and no
 * more, which is what censoring needs; person-period rows would give the same sums with every row of inputs written once for each step.
 */
export interface HazardRows {
  /** Row-major, rows × columns. */
  readonly values: Float64Array;
  readonly columns: number;
  /** 1: it happened, in the last of the observed steps. */
  readonly y: Uint8Array;
  /** Steps observed at risk, from 1 to `steps_max`. */
  readonly steps: Uint8Array;
  readonly steps_max: number;
  /** Rows [0, train_rows) train, [train_rows, rows) stop early and choose penalties. */
  readonly train_rows: number;
  readonly rows: number;
}

/** 1/(1 + e^−x), the same bits on every engine. */
export function logistic(x: number): number {
  if (x >= 0) return 1 / (1 + exp(-x));
  const e = exp(x);
  return e / (1 + e);
}

/** log(1 + e^x) without overflow. */
export function softplus(x: number): number {
  return x > 0 ? x + log(1 + exp(-x)) : log(1 + exp(x));
}

/** log(p/(1 − p)) of a probability kept off 0 and 1. */
export function logOdds(p: number): number {
  const inside = clipProbability(p);
  return log(inside / (1 - inside));
}

const PROBABILITY_MIN = 1e-9;

export function clipProbability(p: number): number {
  if (!(p > PROBABILITY_MIN)) return PROBABILITY_MIN;
  return p < 1 - PROBABILITY_MIN ? p : 1 - PROBABILITY_MIN;
}

/** Minus the log-likelihood of one window. */
export function windowLoss(margin: number, offsets: Float64Array, steps: number, y: number): number {
  let loss = 0;
  for (let k = 0; k < steps; k++) loss += softplus(margin + offsets[k]!);
  return y === 1 ? loss - margin - offsets[steps - 1]! : loss;
}

/** Log-odds that it happens within all of the steps, which grow with the margin: log((1 − S)/S), S = Π(1 − h). */
export function eventLogOdds(margin: number, offsets: Float64Array): number {
  if (offsets.length === 1) return margin + offsets[0]!;
  // −log S, a sum of terms that cannot cancel.
  let cumulative = 0;
  for (let k = 0; k < offsets.length; k++) cumulative += softplus(margin + offsets[k]!);
  // log(e^c − 1), which is c + log(1 − e^−c).
  return cumulative > 1e-8 ? cumulative + log(1 - exp(-cumulative)) : log(cumulative);
}

/** First and second derivative of a window's loss by its margin. `into` = [Σ(p − y), Σp(1 − p)]. */
export function windowDerivatives(margin: number, offsets: Float64Array, steps: number, y: number, into: Float64Array): void {
  let first = -y;
  let second = 0;
  for (let k = 0; k < steps; k++) {
    const p = logistic(margin + offsets[k]!);
    first += p;
    second += p * (1 - p);
  }
  into[0] = first;
  into[1] = second;
}

/** Least share of each step's windows that hazards are drawn away from 0 and 1 by. */
const HALF = 0.5;

/** Log-odds of the hazards that the training rows show, step by step (life table). */
export function lifeTable({ y, steps, steps_max, train_rows }: HazardRows): Float64Array {
  const events = new Float64Array(steps_max);
  const atRisk = new Float64Array(steps_max);
  for (let row = 0; row < train_rows; row++) {
    for (let k = 0; k < steps[row]!; k++) atRisk[k]!++;
    if (y[row] === 1) events[steps[row]! - 1]!++;
  }
  return events.map((count, k) => log((count + HALF) / (atRisk[k]! - count + HALF)));
}

/**
 * One Newton step of the offsets, in place, towards what the margins leave of each step's hazard: with the margins fixed the steps do not depend on
 * each other.
 */
export function improveOffsets({ y, steps, train_rows }: HazardRows, margins: Float64Array, offsets: Float64Array): void {
  const first = new Float64Array(offsets.length);
  const second = new Float64Array(offsets.length);
  for (let row = 0; row < train_rows; row++) {
    for (let k = 0; k < steps[row]!; k++) {
      const p = logistic(margins[row]! + offsets[k]!);
      first[k]! += p;
      second[k]! += p * (1 - p);
    }
    if (y[row] === 1) first[steps[row]! - 1]!--;
  }
  for (let k = 0; k < offsets.length; k++) {
    if (second[k]! <= 0) continue;
    const step = -first[k]! / second[k]!;
    offsets[k]! += step > 1 ? 1 : step < -1 ? -1 : step;
  }
}

/** What a learner found: a margin's model and the steps' offsets, which for a single step are 0. */
export interface HazardFit<Model> {
  readonly model: Model;
  readonly offsets: Float64Array;
}

/** Moves the mean of the offsets to the intercept, so that a model says the level and the offsets only how it differs by step. In place; the mean. */
export function centreOffsets(offsets: Float64Array): number {
  const mean = offsets.reduce((sum, own) => sum + own, 0) / offsets.length;
  for (let k = 0; k < offsets.length; k++) offsets[k]! -= mean;
  return mean;
}
