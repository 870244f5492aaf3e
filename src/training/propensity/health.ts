import { type BinaryDimension, binaryDimensions } from "../../contracts/propensity.ts";
import { type Breach, HEALTH_FORMAT, type PropensityHealth } from "../../contracts/propensity-health.ts";
import { learnerFeatureNames } from "../../features/learner-replay.ts";
import { formatTime, parseTime } from "../../lib/time.ts";
import type { CompiledPropensity } from "../../models/propensity/compiled-scorer.ts";
import { fillPropensityRow, propensityInputNames } from "../../models/propensity/inputs.ts";
import { dimensionHealth, type HealthLimits, healthLimits, inputHealth, type MaturedScores } from "../../models/propensity/score-health.ts";
import type { PropensityDataset } from "./dataset.ts";
import { propensityDefinitions, windowMs } from "./definitions.ts";

const FEATURES = learnerFeatureNames.length;
const COLUMNS = propensityInputNames.length;

/** Positions of a dimension's labels by cut-off, those whose window is over. */
function byCutOff({ at_ms, period, labels, range }: PropensityDataset, dimension: BinaryDimension): Map<number, number[]> {
  const found = new Map<number, number[]>();
  const { row } = labels[dimension];
  for (let i = 0; i < row.length; i++) {
    const own = period[row[i]!]!;
    if (at_ms[own]! + windowMs(propensityDefinitions[dimension]) > range.to_ms) continue;
    const positions = found.get(own) ?? [];
    found.set(own, positions);
    positions.push(i);
  }
  return found;
}

function learnerNumbers(learner: readonly string[]): Int32Array {
  const numbers = new Map<string, number>();
  return Int32Array.from(learner, (id) => {
    const own = numbers.get(id) ?? numbers.size;
    numbers.set(id, own);
    return own;
  });
}

/** Columns of what models see, of rows whose cut-off is before a time, and of the others. */
function inputColumns({ features, period, at_ms }: PropensityDataset, fitted_to_ms: number): { before: Float64Array[]; after: Float64Array[] } {
  const rows = { before: 0, after: 0 };
  const side = (row: number): "before" | "after" => (at_ms[period[row]!]! < fitted_to_ms ? "before" : "after");
  for (let row = 0; row < features.rows; row++) rows[side(row)]++;
  const columns = (count: number): Float64Array[] => Array.from({ length: COLUMNS }, () => new Float64Array(count));
  const found = { before: columns(rows.before), after: columns(rows.after) };
  const inputs = new Float64Array(COLUMNS);
  const next = { before: 0, after: 0 };
  for (let row = 0; row < features.rows; row++) {
    fillPropensityRow(features.values.subarray(row * FEATURES, (row + 1) * FEATURES), inputs, 0);
    const own = side(row);
    const at = next[own]++;
    for (let column = 0; column < COLUMNS; column++) found[own][column]![at] = inputs[column]!;
  }
  return found;
}

/**
 * How a champion does on the labels that have matured since it was fitted: those of cut-offs at or after `fitted_to` whose window is over. Rows from before it, which it
 * was fitted to, are what scores and inputs are compared with. The same rows and champion give the same figures.
 */
export function healthOf(dataset: PropensityDataset, champion: CompiledPropensity, limits: HealthLimits = healthLimits): Omit<PropensityHealth, "time" | "retrain_opened_for"> {
  const fitted_to_ms = parseTime(champion.artifact.lineage.fitted_to);
  const numbers = learnerNumbers(dataset.learner);
  const score = (row: number, dimension: BinaryDimension): number => champion.scoreOne(dataset.features.values.subarray(row * FEATURES, (row + 1) * FEATURES), dimension);
  const breaches: Breach[] = [];
  const dimensions = binaryDimensions.map((dimension) => {
    const { row, y } = dataset.labels[dimension];
    const trained: number[] = [];
    const matured: MaturedScores[] = [];
    for (const [period, positions] of byCutOff(dataset, dimension)) {
      const scores = Float64Array.from(positions, (i) => score(row[i]!, dimension));
      if (dataset.at_ms[period]! < fitted_to_ms) {
        for (const own of scores) trained.push(own);
        continue;
      }
      // The hazard is of an activity, the score of there being none.
      const labels = Uint8Array.from(positions, (i) => (dimension === "churn" ? 1 - y[i]! : y[i]!));
      matured.push({ at_ms: dataset.at_ms[period]!, scores, y: labels, learner: Int32Array.from(positions, (i) => numbers[row[i]!]!) });
    }
    const { champion: name, candidates } = champion.artifact.binary[dimension];
    const auc_trained = candidates.find((own) => own.name === name)?.metrics["auc"] ?? null;
    const found = dimensionHealth({ dimension, matured, trained: Float64Array.from(trained), auc_trained }, limits);
    breaches.push(...found.breaches);
    return found.health;
  });
  const { before, after } = inputColumns(dataset, fitted_to_ms);
  const inputs = inputHealth(propensityInputNames, before, after, limits);
  return { format: HEALTH_FORMAT, model_version: champion.version, fitted_to: formatTime(fitted_to_ms), dimensions, inputs: inputs.inputs, breaches: [...breaches, ...inputs.breaches] };
}
