import { writeFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { STREAM_EVENTS } from "../../contracts/subjects.ts";
import { layoutIdentity } from "../../features/feature-set.ts";
import { learnerOutcomeNames } from "../../features/learner-outcomes.ts";
import { learnerFeatureNames } from "../../features/learner-replay.ts";
import { DAY_MS, formatTime, parseTime } from "../../lib/time.ts";
import { judge } from "../checks/check-limits.ts";
import { streamChecks } from "../checks/stream.ts";
import { ColumnFiles, readColumn, readManifest, readPeriods, readTexts } from "../column-files.ts";
import { numberColumns, textColumns } from "../dataset-columns.ts";
import { readJson, writeJson } from "../json-files.ts";
import type { Stage } from "../pipeline/stage.ts";
import { shareableDoubles, shareableInts } from "../shared-memory.ts";
import { assembleDataset, emptyTrials, type LearnerRows, type PriceTrials, type PropensityCounts, replayPropensityDataset } from "./dataset.ts";
import { GAP_DAYS, HORIZON_DAYS } from "./definitions.ts";
import type { EarlyOutputs } from "./outputs.ts";

const COUNTS = "counts.json";
/** Numbers in the machine's order, one series after the other: only the host that wrote them resumes from them. */
const TRIALS = "trials.bin";
const { features, labels } = numberColumns.propensity;
const columns = [...features, ...labels];

/** The widest numbers first: every series begins at a multiple of its width. */
const seriesOf = ({ jitter, expected, row, enrolled, affordable }: PriceTrials): (Float64Array | Int32Array | Uint8Array)[] => [jitter, expected, row, enrolled, affordable];
const bytesOf = (series: Float64Array | Int32Array | Uint8Array): Uint8Array => new Uint8Array(series.buffer, series.byteOffset, series.byteLength);
const TRIAL_BYTES = seriesOf(emptyTrials(1)).reduce((sum, { byteLength }) => sum + byteLength, 0);

function writeTrials(directory: string, trials: PriceTrials): void {
  writeFileSync(join(directory, TRIALS), Buffer.concat(seriesOf(trials).map(bytesOf)));
}

function readTrials(directory: string): PriceTrials {
  const bytes = readFileSync(join(directory, TRIALS));
  const trials = emptyTrials(bytes.length / TRIAL_BYTES);
  let at = 0;
  for (const series of seriesOf(trials)) bytesOf(series).set(bytes.subarray(at, (at += series.byteLength)));
  return trials;
}

function writeRows(directory: string, { learner, period, features: matrix, outcomes, at_ms, range }: LearnerRows): void {
  const files = new ColumnFiles(directory, textColumns.propensity, columns);
  const numbers = new Float64Array(columns.length);
  for (const [row, id] of learner.entries()) {
    numbers.set(matrix.values.subarray(row * matrix.columns, (row + 1) * matrix.columns));
    numbers.set(outcomes.subarray(row * labels.length, (row + 1) * labels.length), matrix.columns);
    files.add([id], period[row]!, numbers);
  }
  const stream = { created: range.stream_created, first_sequence: range.first_sequence, last_sequence: range.last_sequence };
  files.close({ dataset: "propensity", layout: layoutIdentity, at: at_ms.map(formatTime), gap_ms: GAP_DAYS * DAY_MS, horizon_ms: HORIZON_DAYS * DAY_MS, stream });
}

function readRows(directory: string): Pick<LearnerRows, "learner" | "period" | "features" | "outcomes" | "at_ms"> {
  const manifest = readManifest(directory);
  const { rows } = manifest;
  const period = shareableInts(rows);
  period.set(readPeriods(directory, manifest));
  const [values, outcomes] = [shareableDoubles(rows * learnerFeatureNames.length), new Float64Array(rows * learnerOutcomeNames.length)];
  for (const [into, names] of [[values, features], [outcomes, labels]] as const) {
    for (const [i, name] of names.entries()) {
      const column = readColumn(directory, manifest, name);
      for (let row = 0; row < rows; row++) into[row * names.length + i] = column[row]!;
    }
  }
  return { learner: readTexts(directory, manifest, "learner_id"), period, features: { rows, columns: features.length, values }, outcomes, at_ms: manifest.at.map(parseTime) };
}

/** The replay of EVENTS to rows of learners, which are kept as column files, as an exported dataset is, and views of randomised prices. */
export const dataStage: Stage<unknown, EarlyOutputs["data"]> = {
  async run(_, { events, range, progress, signal, check }) {
    const dataset = await replayPropensityDataset(events, range, progress, signal);
    const { counts, at_ms } = dataset;
    for (const found of streamChecks(counts)) check(found);
    const changed = counts.changed_cut_offs;
    check(judge("leakage.future", changed, changed === 0 ? `features of ${at_ms.length} cut-offs are, byte for byte, what they were before anything later was read` : `features of ${changed} of ${at_ms.length} cut-offs changed by what became known later`));
    return dataset;
  },
  save(dataset, directory) {
    writeJson(directory, COUNTS, dataset.counts);
    writeTrials(directory, dataset.trials);
    writeRows(directory, dataset);
  },
  load: (directory, _, { range }) => assembleDataset({ ...readRows(directory), trials: readTrials(directory), range, counts: readJson<PropensityCounts>(directory, COUNTS) }),
  detail: ({ learner, at_ms, trials, counts }) => `${learner.length} rows of learners at ${at_ms.length} cut-offs and ${trials.row.length} views of random prices from ${counts.events} events of ${STREAM_EVENTS}`,
};
