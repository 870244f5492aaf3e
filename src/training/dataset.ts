import type { CountData } from "../contracts/worker-protocol.ts";
import type { PriceTrial } from "../features/price-trial.ts";
import { DatasetReplay, type CourseRow } from "../features/replay.ts";
import type { StreamSource } from "../ingest/read-stream.ts";
import { TidemarkError } from "../lib/errors.ts";
import { DAY_MS } from "../lib/time.ts";
import { elasticityFeatureNames, fillElasticityRow } from "../models/elasticity-features.ts";
import { replayRange } from "./replay-range.ts";
import { shareableDoubles } from "./shared-memory.ts";
import { splitPeriods, type Split } from "./split.ts";
import type { StreamRange } from "./stream-range.ts";

/** Labels follow the features at once and for a period. */
export const PERIOD_MS = 7 * DAY_MS;
export const GAP_MS = 0;
const PERIODS_MAX = 104;

export type OnProgress = (phase: string, done: number, total: number) => void;

/** What a replay passed over. */
export interface ReplayCounts {
  readonly events: number;
  /** Dead letters, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  readonly duplicates: number;
}

/** Course-weeks with exposures or enrollments, ascending by period and course. */
export interface TrainingDataset extends Split {
  readonly rows: readonly CourseRow[];
  /** The same rows as matrices that workers share. */
  readonly data: CountData;
  /** The randomised prices of every course, for the causal estimate. */
  readonly trials: readonly PriceTrial[];
  /** Cut-offs: a row's period is its index in here. */
  readonly at_ms: readonly number[];
  readonly range: StreamRange;
  readonly counts: ReplayCounts;
}

/** Starts of whole weeks before `to_ms`, ascending, each with at least a week of history before it. */
export function weeksBefore(from_ms: number, to_ms: number): number[] {
  const at: number[] = [];
  for (let k = 1; k <= PERIODS_MAX && to_ms - k * PERIOD_MS >= from_ms + PERIOD_MS; k++) at.push(to_ms - k * PERIOD_MS);
  return at.toReversed();
}

/** Rows that say something about conversion, in the order that training and splits rely on. */
export function usableRows(rows: readonly CourseRow[]): CourseRow[] {
  return rows
    .filter((row) => row.exposures > 0 || row.enrollments > 0)
    .sort((a, b) => a.period - b.period || (a.course_id < b.course_id ? -1 : 1));
}

/** Feature rows, counts and exposures; an enrollment without its exposure counts as one. */
export function countData(rows: readonly CourseRow[]): CountData {
  const columns = elasticityFeatureNames.length;
  const values = shareableDoubles(rows.length * columns);
  const y = shareableDoubles(rows.length);
  const exposure = shareableDoubles(rows.length);
  const period = new Int32Array(new SharedArrayBuffer(rows.length * Int32Array.BYTES_PER_ELEMENT));
  for (const [i, row] of rows.entries()) {
    fillElasticityRow(row.view, row.mean_log_price, values, i * columns);
    y[i] = row.enrollments;
    exposure[i] = Math.max(row.exposures, row.enrollments);
    period[i] = row.period;
  }
  return { features: { rows: rows.length, columns, values }, y, exposure, period };
}

/**
 * Replays a range of EVENTS into weekly course rows. Weeks count back from the last moment known, so that the newest week is whole. Throws
 * TidemarkError `too_little_data` when there is nothing to learn from, `stream_changed` when the stream no longer is what the range was fixed on.
 */
export async function replayDataset(source: StreamSource, range: StreamRange, onProgress: OnProgress, signal?: AbortSignal): Promise<TrainingDataset> {
  const at_ms = weeksBefore(range.from_ms, range.to_ms);
  splitPeriods(at_ms.length);

  const replay = new DatasetReplay({ at_ms, gap_ms: GAP_MS, horizon_ms: PERIOD_MS });
  const counts = await replayRange(source, range, (event) => replay.apply(event), onProgress, signal);
  return assembleDataset(replay.finish(), { trials: replay.trials(range.to_ms), at_ms, range, counts: { ...counts, duplicates: replay.duplicates } });
}

/** A dataset of weekly course rows. Throws TidemarkError `too_little_data` when a part of the split has nothing in it. */
export function assembleDataset(all: readonly CourseRow[], source: Pick<TrainingDataset, "trials" | "at_ms" | "range" | "counts">): TrainingDataset {
  const weeks = source.at_ms.length;
  const split = splitPeriods(weeks);
  const rows = usableRows(all);
  // Every block must have counts in it, or there is nothing to select or judge by.
  for (const [from, to] of [[0, split.train_end], [split.train_end, split.validation_end], [split.validation_end, weeks]] as const) {
    if (!rows.some((row) => row.period >= from && row.period < to && row.enrollments > 0)) throw new TidemarkError("too_little_data", `no enrollments in weeks ${from} to ${to} of ${weeks}`);
  }
  return { rows, data: countData(rows), ...source, ...split };
}
