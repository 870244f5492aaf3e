import type { Breach, DimensionHealth } from "../../contracts/propensity-health.ts";
import type { BinaryDimension } from "../../contracts/propensity.ts";
import { formatTime } from "../../lib/time.ts";
import { countByBin, quantileEdges, stabilityIndex } from "../histogram.ts";
import { calibrationError } from "./binary-metrics.ts";
import { areaWithError, clusteredError, slopeWithError } from "./metric-errors.ts";

/** Where live figures of a champion are taken to have gone wrong. An error bar that may explain a breach is none. */
export interface HealthLimits {
  /** By which the area under the curve is below that of the rows held out in training. */
  readonly auc_fall_max: number;
  readonly ece_max: number;
  readonly slope_min: number;
  readonly slope_max: number;
  readonly score_psi_max: number;
  /** An input has moved when its index is above the first, and inputs have when more than the second of them have. */
  readonly input_psi_max: number;
  readonly inputs_moved_max: number;
  /** Fewer say nothing of a dimension. */
  readonly rows_min: number;
  readonly positives_min: number;
}

/** Standard errors by which a figure must be beyond its limit. */
const ERRORS = 2;
const BINS = 10;

export const healthLimits: HealthLimits = {
  auc_fall_max: 0.03,
  ece_max: 0.04,
  slope_min: 0.8,
  slope_max: 1.25,
  score_psi_max: 0.25,
  input_psi_max: 0.25,
  inputs_moved_max: 0.25,
  rows_min: 200,
  positives_min: 30,
};

/** Rows of one cut-off whose labels have matured. */
export interface MaturedScores {
  readonly at_ms: number;
  readonly scores: Float64Array;
  readonly y: Uint8Array;
  /** Numbers of the learners, the same at all cut-offs. */
  readonly learner: Int32Array;
}

export interface ScoredDimension {
  readonly dimension: BinaryDimension;
  /** Oldest first. */
  readonly matured: readonly MaturedScores[];
  /** Scores of the rows that the champion was trained on. */
  readonly trained: Float64Array;
  readonly auc_trained: number | null;
}

/** Population stability index of what there is now against what there was, in tenths of the latter. */
export function stability(before: Float64Array, after: Float64Array): number {
  const edges = quantileEdges(before, BINS);
  return stabilityIndex(countByBin(before, edges).counts, countByBin(after, edges).counts);
}

function joined<T extends Float64Array | Uint8Array | Int32Array>(parts: readonly T[], into: T): T {
  let offset = 0;
  for (const part of parts) {
    into.set(part, offset);
    offset += part.length;
  }
  return into;
}

function enough(y: Uint8Array, { rows_min, positives_min }: HealthLimits): boolean {
  const positives = y.reduce((sum, own) => sum + own, 0);
  return y.length >= rows_min && Math.min(positives, y.length - positives) >= positives_min;
}

/** Live figures of one dimension, and which of them are beyond their limits. */
export function dimensionHealth({ dimension, matured, trained, auc_trained }: ScoredDimension, limits: HealthLimits = healthLimits): { health: DimensionHealth; breaches: Breach[] } {
  const rows = matured.reduce((sum, { scores }) => sum + scores.length, 0);
  const scores = joined(matured.map((own) => own.scores), new Float64Array(rows));
  const y = joined(matured.map((own) => own.y), new Uint8Array(rows));
  const learner = joined(matured.map((own) => own.learner), new Int32Array(rows));
  const positives = y.reduce((sum, own) => sum + own, 0);
  const rolling = matured.map((own) => {
    const judged = enough(own.y, limits);
    return { at: formatTime(own.at_ms), rows: own.y.length, auc: judged ? (areaWithError(own.scores, own.y)?.value ?? null) : null, ece: judged ? calibrationError(own.scores, own.y) : null };
  });
  const none = { dimension, rows, positives, auc: null, auc_se: null, auc_trained, ece: null, slope: null, slope_se: null, score_psi: null, rolling };
  if (!enough(y, limits)) return { health: none, breaches: [] };
  const area = areaWithError(scores, y);
  const slope = slopeWithError(scores, y);
  const health: DimensionHealth = {
    ...none,
    auc: area?.value ?? null,
    auc_se: area === undefined ? null : clusteredError(area.influence, learner),
    ece: calibrationError(scores, y),
    slope: slope?.value ?? null,
    slope_se: slope === undefined ? null : clusteredError(slope.influence, learner),
    score_psi: trained.length > 0 ? stability(trained, scores) : null,
  };
  return { health, breaches: breachesOf(health, limits) };
}

function breachesOf({ dimension, rows, auc, auc_se, auc_trained, ece, slope, slope_se, score_psi }: DimensionHealth, limits: HealthLimits): Breach[] {
  const found: Breach[] = [];
  const of = (what: string, value: number, limit: number, detail: string): void => void found.push({ what: `${dimension}.${what}`, value, limit, detail });
  if (auc !== null && auc_se !== null && auc_trained !== null) {
    const floor = auc_trained - limits.auc_fall_max;
    if (auc + ERRORS * auc_se < floor) of("auc", auc, floor, `${auc.toFixed(3)} ± ${auc_se.toFixed(3)} live, ${auc_trained.toFixed(3)} held out in training`);
  }
  // What chance alone makes of the error: half a percentage point at some thousand rows.
  const chance = Math.sqrt((2 / Math.PI) * (0.25 / (rows / BINS)));
  if (ece !== null && ece > limits.ece_max + chance) of("ece", ece, limits.ece_max, `scores are off by ${(100 * ece).toFixed(1)} percentage points on average`);
  if (slope !== null && slope_se !== null) {
    if (slope + ERRORS * slope_se < limits.slope_min) of("slope", slope, limits.slope_min, "scores are more extreme than what happens");
    if (slope - ERRORS * slope_se > limits.slope_max) of("slope", slope, limits.slope_max, "scores are less extreme than what happens");
  }
  if (score_psi !== null && score_psi > limits.score_psi_max) of("score_psi", score_psi, limits.score_psi_max, "scores are distributed otherwise than in training");
  return found;
}

/** Index of each input, and whether too many of them have moved. `before` and `after` hold a column for each name. */
export function inputHealth(names: readonly string[], before: readonly Float64Array[], after: readonly Float64Array[], limits: HealthLimits = healthLimits): { inputs: { name: string; psi: number }[]; breaches: Breach[] } {
  const inputs = names.map((name, i) => ({ name, psi: stability(before[i]!, after[i]!) }));
  const moved = inputs.filter(({ psi }) => psi > limits.input_psi_max);
  const share = moved.length / Math.max(1, names.length);
  if (share <= limits.inputs_moved_max || (after[0]?.length ?? 0) < limits.rows_min) return { inputs, breaches: [] };
  const detail = `moved: ${moved.toSorted((a, b) => b.psi - a.psi).slice(0, 5).map(({ name, psi }) => `${name} (${psi.toFixed(2)})`).join(", ")}`;
  return { inputs, breaches: [{ what: "inputs", value: share, limit: limits.inputs_moved_max, detail }] };
}
