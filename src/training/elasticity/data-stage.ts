import { STREAM_EVENTS } from "../../contracts/subjects.ts";
import { courseFeatureNames } from "../../features/course-view.ts";
import { layoutIdentity } from "../../features/feature-set.ts";
import type { CourseRow } from "../../features/replay.ts";
import { formatTime, parseTime } from "../../lib/time.ts";
import { streamChecks } from "../checks/stream.ts";
import { ColumnFiles, readColumn, readManifest, readPeriods, readTexts } from "../column-files.ts";
import { assembleDataset, GAP_MS, PERIOD_MS, replayDataset, type ReplayCounts } from "../dataset.ts";
import { numberColumns, textColumns } from "../dataset-columns.ts";
import { readJson, writeJson } from "../json-files.ts";
import type { Stage } from "../pipeline/stage.ts";
import type { ElasticityOutputs } from "./outputs.ts";
import { readTrials, writeTrials } from "./trial-files.ts";

const COUNTS = "counts.json";
const { labels } = numberColumns.elasticity;

const labelsOf = (row: CourseRow): number[] => [row.exposures, row.enrollments, row.mean_log_price, row.jitter_exposures, row.jitter_enrollments, row.mean_jitter];

function readRows(directory: string): { rows: CourseRow[]; at_ms: number[] } {
  const manifest = readManifest(directory);
  const [ids, categories, periods] = [readTexts(directory, manifest, "course_id"), readTexts(directory, manifest, "category"), readPeriods(directory, manifest)];
  const columns = [...courseFeatureNames, ...labels].map((name) => readColumn(directory, manifest, name));
  const rows = ids.map((course_id, row): CourseRow => {
    const view = Float64Array.from(courseFeatureNames, (_, i) => columns[i]![row]!);
    const [exposures, enrollments, mean_log_price, jitter_exposures, jitter_enrollments, mean_jitter] = columns.slice(courseFeatureNames.length).map((column) => column[row]!) as [number, number, number, number, number, number];
    return { course_id, category: categories[row]!, period: periods[row]!, view, exposures, enrollments, mean_log_price, jitter_exposures, jitter_enrollments, mean_jitter };
  });
  return { rows, at_ms: manifest.at.map(parseTime) };
}

/** The replay of EVENTS to weekly course rows, which are kept as column files, as a dataset is, and the trials of randomised prices. */
export const dataStage: Stage<unknown, ElasticityOutputs["data"]> = {
  async run(_, context) {
    const dataset = await replayDataset(context.events, context.range, context.progress, context.signal);
    for (const found of streamChecks(dataset.counts)) context.check(found);
    return dataset;
  },
  save({ rows, trials, at_ms, range, counts }, directory) {
    writeJson(directory, COUNTS, counts);
    writeTrials(directory, trials);
    const files = new ColumnFiles(directory, textColumns.elasticity, [...courseFeatureNames, ...labels]);
    const numbers = new Float64Array(courseFeatureNames.length + labels.length);
    for (const row of rows) {
      numbers.set(row.view);
      numbers.set(labelsOf(row), courseFeatureNames.length);
      files.add([row.course_id, row.category], row.period, numbers);
    }
    const stream = { created: range.stream_created, first_sequence: range.first_sequence, last_sequence: range.last_sequence };
    files.close({ dataset: "elasticity", layout: layoutIdentity, at: at_ms.map(formatTime), gap_ms: GAP_MS, horizon_ms: PERIOD_MS, stream });
  },
  load(directory, _, { range }) {
    const { rows, at_ms } = readRows(directory);
    return assembleDataset(rows, { trials: readTrials(directory), at_ms, range, counts: readJson<ReplayCounts>(directory, COUNTS) });
  },
  detail: ({ rows, at_ms, counts }) => `${rows.length} course-weeks of ${at_ms.length} weeks from ${counts.events} events of ${STREAM_EVENTS}`,
};
