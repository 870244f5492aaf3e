import type { BinaryDimension, BinaryPropensity } from "../../contracts/propensity.ts";
import type { CandidateRecord } from "../../contracts/training-run.ts";
import { must } from "../../lib/assert.ts";
import { clusterIndices } from "../../models/cluster-bootstrap.ts";
import { bestThreshold, binaryMetrics, calibrationFault } from "../../models/propensity/binary-metrics.ts";
import { compileCalibration, fitCalibration, uncertaintyByTenth } from "../../models/propensity/calibration.ts";
import { compileRaw } from "../../models/propensity/compiled-scorer.ts";
import { isHandScored } from "../../models/propensity/hand-scores.ts";
import { propensityInputNames } from "../../models/propensity/inputs.ts";
import type { PropensityDataset } from "./dataset.ts";
import { propensityDefinitions } from "./definitions.ts";
import type { FittedCandidate, PreparedWindows, WindowRows } from "./outputs.ts";
import { slicesOf } from "./slices.ts";

/** A candidate of one dimension as serving would run it. */
export interface Contender {
  readonly name: string;
  readonly served: Pick<BinaryPropensity, "model" | "steps" | "calibration" | "uncertainty">;
  /** On the validation rows, calibrated without each row's own learner. */
  readonly selection_loss: number;
  readonly test_scores: Float64Array;
  readonly metrics: Readonly<Record<string, number>>;
  /** Why it may not be chosen, whatever its loss. */
  readonly barred: string | null;
  readonly fitted: Pick<FittedCandidate, "importance" | "backend" | "seconds">;
}

/** What a score is the probability of: that it happens; of churn, that nothing does. Of windows that were observed whole. */
export function outcomes(dimension: BinaryDimension, { y }: Pick<WindowRows, "y">, from = 0, to: number = y.length): Uint8Array {
  const own = y.slice(from, to);
  return dimension === "churn" ? own.map((happened) => 1 - happened) : own;
}

/** Log-odds of the score before calibration, of a block's rows from `from` on. */
function rawLogOdds(dimension: BinaryDimension, served: Raw, { features }: PropensityDataset, windows: WindowRows, from: number): Float64Array {
  const raw = compileRaw(dimension, served);
  const width = propensityInputNames.length;
  return Float64Array.from({ length: windows.rows - from }, (_, i) => {
    const row = windows.row[from + i]!;
    return raw.logOdds(features.values.subarray(row * features.columns, (row + 1) * features.columns), windows.values.subarray((from + i) * width, (from + i + 1) * width));
  });
}

/** Clusters of a block's rows: their learners. */
export function learnersOf({ learner }: PropensityDataset, { row }: WindowRows, from = 0): Int32Array {
  return clusterIndices(Array.from(row.subarray(from), (own) => learner[own]!));
}

/** What the candidates of one dimension meet on. */
interface Ground {
  readonly dimension: BinaryDimension;
  readonly dataset: PropensityDataset;
  readonly windows: PreparedWindows;
  readonly seed: number;
}

type Raw = Pick<BinaryPropensity, "model" | "steps">;

function contend({ dimension, dataset, windows, seed }: Ground, name: string, served: Raw, fitted: Contender["fitted"]): Contender {
  const { learning, train_rows, test } = windows;
  const y = outcomes(dimension, learning, train_rows);
  const clusters = learnersOf(dataset, learning, train_rows);
  const { calibration, log_loss, scores } = fitCalibration(rawLogOdds(dimension, served, dataset, learning, train_rows), y, clusters, seed);
  const test_scores = rawLogOdds(dimension, served, dataset, test, 0).map(compileCalibration(calibration));
  // A rate that is the same for all is the baseline: nothing is claimed that it could be wrong about.
  const barred = served.model.kind === "base_rate" ? null : calibrationFault(scores, y);
  return {
    name,
    served: { ...served, calibration, uncertainty: uncertaintyByTenth(scores, y, clusters) },
    selection_loss: Math.min(log_loss.platt, log_loss.isotonic),
    test_scores,
    metrics: binaryMetrics(test_scores, outcomes(dimension, test), bestThreshold(scores, y)),
    barred,
    fitted,
  };
}

const noFit: Contender["fitted"] = { importance: [], backend: "typed-arrays", seconds: 0 };

/** Share of the training rows that are whole windows. */
export function baseRate(dimension: BinaryDimension, { learning, whole_rows }: PreparedWindows): number {
  const y = outcomes(dimension, learning, 0, whole_rows);
  return (y.reduce((sum, own) => sum + own, 0) + 0.5) / (y.length + 1);
}

/** The fitted candidates, the hand score where there is one, and the base rate, calibrated alike. */
export function contenders(candidates: readonly FittedCandidate[], ground: Ground): Contender[] {
  const { dimension, windows } = ground;
  const fitted = candidates.map((candidate) => {
    const steps = windows.steps_max > 1 ? { offsets: [...candidate.offsets] } : null;
    return contend(ground, candidate.name, { model: candidate.model, steps }, candidate);
  });
  const baseline = (name: string, model: BinaryPropensity["model"]): Contender => contend(ground, name, { model, steps: null }, noFit);
  const hand = isHandScored(dimension) ? [baseline("hand_score", { kind: "hand_score" })] : [];
  return [...fitted, ...hand, baseline("base_rate", { kind: "base_rate", rate: baseRate(dimension, windows) })];
}

/** The least loss of those that may be chosen: the base rate always may. */
export function chosen(all: readonly Contender[]): Contender {
  return must(all.filter(({ barred }) => barred === null).toSorted((a, b) => a.selection_loss - b.selection_loss)[0], "the base rate may always be chosen");
}

export function candidateRecord(dimension: BinaryDimension, contender: Contender, selected: boolean, dataset: PropensityDataset, { test }: PreparedWindows): CandidateRecord {
  const { name, metrics, barred, fitted, test_scores } = contender;
  return {
    name: `${dimension}: ${name}`,
    selected,
    barred,
    forward: { rows: test.rows, metrics: { ...metrics } },
    grouped: null,
    slices: selected ? slicesOf(dataset, test, outcomes(dimension, test), test_scores) : [],
    importance: Object.fromEntries(fitted.importance.map((share, i) => [propensityInputNames[i]!, share])),
    elasticity: null,
    backend: fitted.backend,
    seconds: fitted.seconds,
  };
}

/** What the artifact says of one dimension. */
export function binaryArtifact(dimension: BinaryDimension, all: readonly Contender[], windows: PreparedWindows): BinaryPropensity {
  const champion = chosen(all);
  return {
    definition: { ...propensityDefinitions[dimension] },
    champion: champion.name,
    ...champion.served,
    base_rate: baseRate(dimension, windows),
    candidates: all.map(({ name, metrics, barred }) => ({ name, metrics: { ...metrics }, barred })),
  };
}

/** Of a dimension that there is nothing to learn about: its hand score as it is, or neither likely nor unlikely. */
export function unknownArtifact(dimension: BinaryDimension, why: string): BinaryPropensity {
  const name = isHandScored(dimension) ? "hand_score" : "base_rate";
  return {
    definition: { ...propensityDefinitions[dimension] },
    champion: name,
    model: isHandScored(dimension) ? { kind: "hand_score" } : { kind: "base_rate", rate: 0.5 },
    steps: null,
    calibration: { kind: "platt", slope: 1, intercept: 0 },
    base_rate: 0.5,
    uncertainty: { upper: [1], se: [0.5] },
    candidates: [{ name, metrics: {}, barred: why }],
  };
}
