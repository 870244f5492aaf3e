import type { Event, StreamEvent } from "../../contracts/events.ts";
import { type BinaryDimension, binaryDimensions, type BinaryPropensity } from "../../contracts/propensity.ts";
import { learnerFeatureNames } from "../../features/learner-replay.ts";
import { DAY_MS, formatTime, parseTime } from "../../lib/time.ts";
import { artifactDigest, encodeArtifact } from "../../models/compiled.ts";
import { type CompiledPropensity, compilePropensity } from "../../models/propensity/compiled-scorer.ts";
import { fillPropensityRow, propensityInputNames } from "../../models/propensity/inputs.ts";
import { fitLogistic } from "../../models/propensity/logistic-regression.ts";
import { binaryPropensity, propensityArtifact } from "../../models/propensity/testing.ts";
import { buildPropensityDataset, type PropensityDataset } from "./dataset.ts";
import { propensityDefinitions } from "./definitions.ts";

const FEATURES = learnerFeatureNames.length;
const COLUMNS = propensityInputNames.length;

/** What such champions reach on a small platform. */
export const HELD_OUT_AUC: Readonly<Record<BinaryDimension, number>> = { enrollment: 0.85, churn: 0.85, completion: 0.65, upsell: 0.75 };

/** The dataset of a history that ends at a time. */
export function datasetOf(events: readonly Event[], from_ms: number, to_ms: number): PropensityDataset {
  const stream = events.map((event, i): StreamEvent => {
    const event_time_ms = parseTime(event.time);
    return { sequence: i + 1, broker_time_ms: to_ms, event_time_ms, known_at_ms: event.known_at === undefined ? event_time_ms : parseTime(event.known_at), event };
  });
  return buildPropensityDataset(stream, { stream_created: "test", first_sequence: 1, last_sequence: events.length, from_ms, to_ms });
}

/** A plain logistic champion, fitted to the cut-offs before a time alone. */
export function championOf(dataset: PropensityDataset, fitted_to_ms: number): { champion: CompiledPropensity; bytes: Uint8Array } {
  const binary = Object.fromEntries(binaryDimensions.map((dimension) => [dimension, fitted(dataset, dimension, fitted_to_ms)])) as Record<BinaryDimension, BinaryPropensity>;
  const draft = propensityArtifact();
  const bytes = encodeArtifact({ ...draft, version: "v-test", binary, lineage: { ...draft.lineage, fitted_to: formatTime(fitted_to_ms) } });
  return { champion: compilePropensity(bytes, artifactDigest(bytes)), bytes };
}

function fitted({ labels, features, period, at_ms }: PropensityDataset, dimension: BinaryDimension, fitted_to_ms: number): BinaryPropensity {
  const definition = propensityDefinitions[dimension];
  const { row, y, steps } = labels[dimension];
  const chosen = [...row.keys()].filter((i) => at_ms[period[row[i]!]!]! + (definition.gap_days + definition.horizon_days) * DAY_MS <= fitted_to_ms);
  const values = new Float64Array(chosen.length * COLUMNS);
  chosen.forEach((i, at) => fillPropensityRow(features.values.subarray(row[i]! * FEATURES, (row[i]! + 1) * FEATURES), values, at * COLUMNS));
  const rows = chosen.length;
  const { model, offsets } = fitLogistic({ values, columns: COLUMNS, y: Uint8Array.from(chosen, (i) => y[i]!), steps: Uint8Array.from(chosen, (i) => steps?.[i] ?? 1), steps_max: dimension === "churn" ? 6 : 1, train_rows: rows, rows }, [100]);
  return binaryPropensity(dimension, { definition, model, steps: dimension === "churn" ? { offsets: [...offsets] } : null, candidates: [{ name: "logistic", metrics: { auc: HELD_OUT_AUC[dimension] }, barred: null }] });
}
