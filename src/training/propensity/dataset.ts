import { createHash } from "node:crypto";
import type { StreamEvent } from "../../contracts/events.ts";
import type { SharedMatrix } from "../../contracts/worker-protocol.ts";
import { learnerOutcomeNames } from "../../features/learner-outcomes.ts";
import { type LearnerBlock, learnerFeatureNames, LearnerReplay } from "../../features/learner-replay.ts";
import type { LearnerTrials } from "../../features/learner-trials.ts";
import type { StreamSource } from "../../ingest/read-stream.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { hash32 } from "../../lib/prng.ts";
import { DAY_MS } from "../../lib/time.ts";
import type { OnProgress, ReplayCounts } from "../dataset.ts";
import { replayRange } from "../replay-range.ts";
import { shareableBytes, shareableDoubles, shareableInts } from "../shared-memory.ts";
import type { StreamRange } from "../stream-range.ts";
import { blocksOf, propensityCutOffs } from "./cut-offs.ts";
import { CUT_OFF_STEP_DAYS, GAP_DAYS, HORIZON_DAYS, propensityDefinitions, windowMs } from "./definitions.ts";
import { type PropensityLabels, propensityLabels } from "./labels.ts";

/** Views of prices with a random part, ascending by the period of their row. */
export interface PriceTrials {
  /** Of the features: the learner's latest cut-off before the view. */
  readonly row: Int32Array<SharedArrayBuffer>;
  /** log price − log price before its random part. */
  readonly jitter: Float64Array<SharedArrayBuffer>;
  readonly enrolled: Uint8Array<SharedArrayBuffer>;
  /** Whether the learner's balance covered the price then: where it did not, demand is censored. */
  readonly affordable: Uint8Array<SharedArrayBuffer>;
  /** The course's trailing conversion as of the view. */
  readonly expected: Float64Array<SharedArrayBuffer>;
}

export interface PropensityCounts extends ReplayCounts {
  /** Cut-offs whose features are no longer, byte for byte, what they were when the stream had come that far. */
  readonly changed_cut_offs: number;
}

/** Rows of learners as they were replayed, ascending by cut-off and learner; nobody who was erased since is among them. */
export interface LearnerRows {
  /** Cut-offs that the stream reached. */
  readonly at_ms: readonly number[];
  /** rows × learnerFeatureNames, raw. */
  readonly features: SharedMatrix;
  readonly period: Int32Array<SharedArrayBuffer>;
  readonly learner: readonly string[];
  /** rows × learnerOutcomeNames. */
  readonly outcomes: Float64Array;
  readonly trials: PriceTrials;
  readonly range: StreamRange;
  readonly counts: PropensityCounts;
}

export interface PropensityDataset extends LearnerRows {
  readonly labels: PropensityLabels;
}

/** Bounds of one replay's memory. Beyond any of them it goes on with fewer learners, drawn by the hash of their ids: more would gain the models little. */
export interface DatasetLimits {
  /** Of a longer stream only a share of the learners, 1/n of them, is folded at all. */
  readonly events_max: number;
  /** Learners of a cut-off that become rows, about. */
  readonly learners_max: number;
  readonly views_max: number;
}

/** At most some 500 MB of learners' records, 350 MB of labels, 150 MB of rows and 90 MB of views, where a learner has a hundred events. */
const shippedLimits: DatasetLimits = { events_max: 25_000_000, learners_max: 25_000, views_max: 1_000_000 };

const FEATURES = learnerFeatureNames.length;
const OUTCOMES = learnerOutcomeNames.length;

function digest(values: Float64Array): string {
  return createHash("sha256").update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)).digest("hex");
}

/** A cut-off's learners that become rows. */
interface Sampled {
  readonly period: number;
  /** Learners of the cut-off, and which of them these are. */
  readonly learners: number;
  readonly rows: Int32Array;
  readonly ids: readonly string[];
  readonly features: Float64Array;
}

/** All of a cut-off's learners, or about as many as may be: those who are drawn of few are drawn of more as well. */
function sample({ period, ids, features }: LearnerBlock, learners_max: number): Sampled {
  const learners = ids.length;
  if (learners <= learners_max) return { period, learners, rows: Int32Array.from(ids.keys()), ids, features };
  const hash_end = (2 ** 32 * learners_max) / learners;
  const rows = Int32Array.from(ids.keys()).filter((i) => hash32(`row of ${ids[i]}`) < hash_end);
  const own = new Float64Array(rows.length * FEATURES);
  for (const [at, i] of rows.entries()) own.set(features.subarray(i * FEATURES, (i + 1) * FEATURES), at * FEATURES);
  return { period, learners, rows, ids: Array.from(rows, (i) => ids[i]!), features: own };
}

/** Follows a range of events to the rows of a dataset. */
class RowsReplay {
  readonly #range: StreamRange;
  readonly #at_ms: readonly number[];
  readonly #replay: LearnerReplay;
  readonly #blocks: Sampled[] = [];
  /** Digests of the features of each block, from when its cut-off was passed. */
  readonly #digests: string[] = [];

  constructor(range: StreamRange, { events_max, learners_max, views_max }: DatasetLimits) {
    this.#range = range;
    this.#at_ms = propensityCutOffs(range.from_ms, range.to_ms);
    requireHistory(this.#at_ms, range);
    const count = Math.ceil((range.last_sequence - range.first_sequence + 1) / events_max);
    this.#replay = new LearnerReplay({
      at_ms: this.#at_ms,
      gap_ms: GAP_DAYS * DAY_MS,
      horizon_ms: HORIZON_DAYS * DAY_MS,
      trials: { views_max },
      partition: count > 1 ? { index: 0, count } : undefined,
      onBlock: (block) => {
        const sampled = sample(block, learners_max);
        this.#blocks.push(sampled);
        this.#digests.push(digest(sampled.features));
      },
    });
  }

  apply(event: StreamEvent): void {
    this.#replay.apply(event);
  }

  /** Rows of a stream that has ended. */
  finish(read: Omit<ReplayCounts, "duplicates">): LearnerRows {
    const blocks = this.#blocks.map((block) => ({ ...block, outcomes: this.#replay.outcomes(block.period), erased: this.#replay.erased(block.period) }));
    const rows = blocks.reduce((sum, { rows: own, erased }) => sum + own.filter((i) => !erased.has(i)).length, 0);
    const values = shareableDoubles(rows * FEATURES);
    const outcomes = new Float64Array(rows * OUTCOMES);
    const period = shareableInts(rows);
    const learner: string[] = [];
    const rowOf: Int32Array[] = [];
    for (const { learners, rows: sampled, ids, features, outcomes: own, erased } of blocks) {
      const places = new Int32Array(learners).fill(-1);
      for (const [at, i] of sampled.entries()) {
        if (erased.has(i)) continue;
        const row = learner.push(ids[at]!) - 1;
        places[i] = row;
        period[row] = rowOf.length;
        values.set(features.subarray(at * FEATURES, (at + 1) * FEATURES), row * FEATURES);
        outcomes.set(own.subarray(i * OUTCOMES, (i + 1) * OUTCOMES), row * OUTCOMES);
      }
      rowOf.push(places);
    }
    const changed_cut_offs = blocks.filter(({ features }, i) => digest(features) !== this.#digests[i]).length;
    return {
      at_ms: this.#at_ms.slice(0, blocks.length),
      features: { rows, columns: FEATURES, values },
      period,
      learner,
      outcomes,
      trials: trialsOfRows(this.#replay.trials(this.#range.to_ms), rowOf),
      range: this.#range,
      counts: { ...read, duplicates: this.#replay.duplicates, changed_cut_offs },
    };
  }
}

/** Throws TidemarkError `too_little_data` unless the shortest windows can be trained, selected and judged on. */
function requireHistory(at_ms: readonly number[], { from_ms, to_ms }: StreamRange): void {
  if (blocksOf(at_ms, to_ms, windowMs(propensityDefinitions.enrollment)) !== undefined) return;
  const days = Math.floor((to_ms - from_ms) / DAY_MS);
  throw new TidemarkError("too_little_data", `the events span ${days} days; propensity needs ${4 * CUT_OFF_STEP_DAYS}: history, and windows to train, select and judge on`);
}

/** Trials of the rows that are kept, by period. */
function trialsOfRows({ period, row, jitter, enrolled, affordable, expected }: LearnerTrials, rowOf: readonly Int32Array[]): PriceTrials {
  const places = Int32Array.from(row, (own, i) => rowOf[period[i]!]![own]!);
  const order = Array.from(places.keys()).filter((i) => places[i]! >= 0).sort((a, b) => period[a]! - period[b]! || a - b);
  const trials = emptyTrials(order.length);
  for (const [to, from] of order.entries()) {
    trials.row[to] = places[from]!;
    trials.jitter[to] = jitter[from]!;
    trials.enrolled[to] = enrolled[from]!;
    trials.affordable[to] = affordable[from]!;
    trials.expected[to] = expected[from]!;
  }
  return trials;
}

export function emptyTrials(length: number): PriceTrials {
  return { row: shareableInts(length), jitter: shareableDoubles(length), enrolled: shareableBytes(length), affordable: shareableBytes(length), expected: shareableDoubles(length) };
}

/** Rows with their labels. Throws TidemarkError `too_little_data` when nobody enrolled, or everybody did. */
export function assembleDataset(rows: LearnerRows): PropensityDataset {
  const { features, outcomes, period, at_ms, range } = rows;
  const labels = propensityLabels({ rows: features.rows, features: features.values, outcomes, period, at_ms, to_ms: range.to_ms });
  const { y } = labels.enrollment;
  const enrolled = y.reduce((sum, own) => sum + own, 0);
  if (enrolled === 0 || enrolled === y.length) throw new TidemarkError("too_little_data", `${enrolled} of ${y.length} rows enrolled: there is nothing to tell learners apart by`);
  return { ...rows, labels };
}

/**
 * Replays a range of EVENTS into rows of learners. Throws TidemarkError `too_little_data` when there is nothing to learn from, `stream_changed` when the stream no longer is
 * what the range was fixed on.
 */
export async function replayPropensityDataset(source: StreamSource, range: StreamRange, onProgress: OnProgress, signal?: AbortSignal): Promise<PropensityDataset> {
  const replay = new RowsReplay(range, shippedLimits);
  return assembleDataset(replay.finish(await replayRange(source, range, (event) => replay.apply(event), onProgress, signal)));
}

/** The same of events that are at hand, in their order, all of which the fold accepts or has seen. */
export function buildPropensityDataset(events: Iterable<StreamEvent>, range: StreamRange, limits: Partial<DatasetLimits> = {}): PropensityDataset {
  const replay = new RowsReplay(range, { ...shippedLimits, ...limits });
  let count = 0;
  for (const event of events) {
    replay.apply(event);
    count++;
  }
  return assembleDataset(replay.finish({ events: count, refused: {} }));
}
