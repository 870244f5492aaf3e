import { STREAM_EVENTS } from "../contracts/subjects.ts";
import type { StreamEvent } from "../contracts/events.ts";
import type { CountData } from "../contracts/worker-protocol.ts";
import type { PriceTrial } from "../features/price-trial.ts";
import { DatasetReplay, type CourseRow } from "../features/replay.ts";
import { decodeEvent, isRefusal } from "../ingest/decode.ts";
import type { StreamSource } from "../ingest/read-stream.ts";
import { replayEvents, type ReplayedRange } from "../ingest/replay-events.ts";
import { TidemarkError } from "../lib/errors.ts";
import { DAY_MS } from "../lib/time.ts";
import { elasticityFeatureNames, fillElasticityRow } from "../models/elasticity-features.ts";
import { shareableDoubles } from "./shared-memory.ts";
import { splitPeriods, type Split } from "./split.ts";

const PERIOD_MS = 7 * DAY_MS;
const PERIODS_MAX = 104;
/** How many messages in a row may be dead letters before the end of the stream counts as unreadable. */
const REFUSALS_MAX = 1_000;
const LIVE_SUBJECTS = "events.>";
const ABORT_CHECK_EVENTS = 4_096;

export type OnProgress = (phase: string, done: number, total: number) => void;

/** Course-weeks with exposures or enrollments, ascending by period and course. */
export interface TrainingDataset extends Split {
  readonly rows: readonly CourseRow[];
  /** The same rows as matrices that workers share. */
  readonly data: CountData;
  /** The randomised prices of every course, for the causal estimate. */
  readonly trials: readonly PriceTrial[];
  readonly range: ReplayedRange;
  readonly from_ms: number;
  readonly to_ms: number;
}

/** The first event that decodes, from a sequence on in a direction. */
async function eventNear(broker: Pick<StreamSource, "getMessage">, from: number, step: 1 | -1): Promise<StreamEvent> {
  for (let tried = 0; tried < REFUSALS_MAX && from + tried * step > 0; tried++) {
    const message = await broker.getMessage(STREAM_EVENTS, { sequence: from + tried * step });
    const event = message === undefined ? undefined : decodeEvent(message);
    if (event !== undefined && !isRefusal(event)) return event;
  }
  throw new TidemarkError("too_little_data", `no readable event in ${REFUSALS_MAX} messages from sequence ${from}`);
}

/** Event time of the first event that there is. */
export async function knownFrom(source: Pick<StreamSource, "getMessage">, first_sequence: number): Promise<number> {
  return (await eventNear(source, first_sequence, 1)).event_time_ms;
}

/**
 * The last moment that the stream knows of: of its last event or, where history was imported after it, of the last live
 * one. Otherwise one old event that is imported late would leave everything after its date out of the dataset.
 */
export async function knownUpTo(broker: Pick<StreamSource, "getMessage">, last_sequence: number): Promise<number> {
  const last = await eventNear(broker, last_sequence, -1);
  const live = await broker.getMessage(STREAM_EVENTS, { last_by_subject: LIVE_SUBJECTS });
  if (live === undefined || live.sequence >= last.sequence) return last.known_at_ms;
  return Math.max(last.known_at_ms, (await eventNear(broker, live.sequence, -1)).known_at_ms);
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
 * Replays EVENTS up to its present end into weekly course rows. Weeks count back from the last moment known, so
 * that the newest week is whole. Throws TidemarkError("too_little_data") when there is nothing to learn from.
 */
export async function buildDataset(broker: StreamSource, onProgress: OnProgress, signal?: AbortSignal): Promise<TrainingDataset> {
  const stream = await broker.streamInfo(STREAM_EVENTS);
  if (stream === undefined || stream.messages === 0) throw new TidemarkError("too_little_data", "the stream EVENTS is empty");
  const from_ms = await knownFrom(broker, stream.first_sequence);
  const to_ms = await knownUpTo(broker, stream.last_sequence);
  const at_ms = weeksBefore(from_ms, to_ms);
  splitPeriods(at_ms.length);

  const replay = new DatasetReplay({ at_ms, gap_ms: 0, horizon_ms: PERIOD_MS });
  const total = stream.last_sequence - stream.first_sequence + 1;
  let events = 0;
  const range = await replayEvents(broker, { last_sequence: stream.last_sequence }, (event) => {
    replay.apply(event);
    if (++events % ABORT_CHECK_EVENTS > 0) return;
    onProgress("replay", event.sequence - stream.first_sequence + 1, total);
    signal?.throwIfAborted();
  });
  onProgress("replay", total, total);
  return assembleDataset(replay.finish(), at_ms.length, { trials: replay.trials(to_ms), range, from_ms, to_ms });
}

/** A dataset of weekly course rows. Throws TidemarkError("too_little_data") when a part of the split has nothing in it. */
export function assembleDataset(all: readonly CourseRow[], weeks: number, source: Pick<TrainingDataset, "trials" | "range" | "from_ms" | "to_ms">): TrainingDataset {
  const split = splitPeriods(weeks);
  const rows = usableRows(all);
  // Every block must have counts in it, or there is nothing to select or judge by.
  for (const [from, to] of [[0, split.train_end], [split.train_end, split.validation_end], [split.validation_end, weeks]] as const) {
    if (!rows.some((row) => row.period >= from && row.period < to && row.enrollments > 0)) throw new TidemarkError("too_little_data", `no enrollments in weeks ${from} to ${to} of ${weeks}`);
  }
  return { rows, data: countData(rows), ...source, ...split };
}
