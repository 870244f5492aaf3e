import type { DeadLetterReason } from "../contracts/dead-letter.ts";
import { STREAM_CONTROL, STREAM_EVENTS, STREAM_OFFERS } from "../contracts/subjects.ts";
import { ControlWriter } from "../features/control-writer.ts";
import { FeatureWriter, type FoldCounters } from "../features/feature-writer.ts";
import type { Partition } from "../features/partition.ts";
import { QuoteWriter } from "../features/quote-writer.ts";
import type { FeatureStore, Watermark } from "../features/store.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { MINUTE_MS } from "../lib/time.ts";
import { decodeEvent, isRefusal } from "./decode.ts";
import type { Broker } from "./nats.ts";
import type { StreamSource } from "./read-stream.ts";
import { StreamFold } from "./stream-fold.ts";

const BATCH_EVENTS_MAX = 16_384;
/**
 * Quotes are folded for processes other than the one that made them, which learn of a newer one when they publish their own: nobody waits for the fold, and a commit
 * costs more than the folding of the quotes in it, and holds up those of EVENTS.
 */
const OFFERS_COMMIT_SPACING_MS = 200;
/** Between checks of the store's readers, and lines about what was left out. */
const HOUSEKEEPING_MS = MINUTE_MS;

/** As of the last durable commit: what is folded beyond it counts for nothing yet, so that messages are always those folded, known already and refused. */
export interface IngestProgress {
  /** Messages of EVENTS folded by this run, refused ones and duplicates included. */
  readonly events: number;
  /** Commits of EVENTS, the messages of the last one and how long its transaction took; 0 before the first. */
  readonly batches: number;
  readonly batch_events: number;
  readonly commit_ms: number;
  /** Refused messages, the same by reason, and those of them that the dead-letter stream had no room for. */
  readonly dead_letters: number;
  readonly dead_letters_by_reason: ReadonlyMap<DeadLetterReason, number>;
  readonly dead_letters_dropped: number;
  /** What the fold counted: events folded, duplicates, late updates, and what was left out of single records. */
  readonly fold: FoldCounters;
  /** Promotions of CONTROL that say nothing that could be served. */
  readonly promotions_refused: number;
  /** How far time has come, as folded; undefined before the first event ever. */
  readonly watermark: Watermark | undefined;
  /** Updates left out as too late for their state, by `<entity>.<state>`; states without any are absent. */
  readonly late_by_state: Readonly<Record<string, number>>;
  /** Messages of EVENTS that are stored but not folded yet, as last seen. */
  readonly lag: number;
  readonly sequence: number;
  /** The broker's timestamp of the last message of EVENTS folded; 0 before the first. */
  readonly time_ms: number;
  readonly control_sequence: number;
  readonly offers_sequence: number;
  /** Messages of OFFERS that are no quotes. */
  readonly quotes_refused: number;
}

type Counted = Pick<IngestProgress, "fold" | "watermark" | "late_by_state">;

/** What the fold has counted so far; of `before`, what has not changed since is taken as it is. */
function count(features: FeatureWriter, before?: Counted): Counted {
  const fold = features.counters;
  return { fold, watermark: features.watermark, late_by_state: before?.fold.late === fold.late ? before.late_by_state : features.lateByState() };
}

export interface IngestOptions {
  readonly broker: Broker;
  /** Where EVENTS is read from, such as EventHistory; the broker's stream alone unless given. */
  readonly events?: StreamSource;
  /** The share of the entities to fold; all of them unless given. */
  readonly partition?: Partition | undefined;
  readonly store: FeatureStore;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly batch_events_max?: number;
  readonly signal: AbortSignal;
  /** Called at boot and after every commit. */
  readonly onProgress?: (progress: IngestProgress) => void;
}

/**
 * Folds EVENTS and CONTROL into the store until `signal`, each stream with its own cursor. Rejects, with a code and
 * what to do about it, when the store and a stream do not belong together (`stream_missing`, `stream_recreated`,
 * `cursor_ahead`, `gap_below_first`, `cursor_mismatch`; with an archive `erased_since`, `archive_ahead`, `archive_damaged`), or when another process
 * writes the store (`store_taken`); while the broker is away it waits.
 */
export async function runIngest(options: IngestOptions): Promise<void> {
  const { broker, store, logger, clock, signal } = options;
  const batch_max = options.batch_events_max ?? BATCH_EVENTS_MAX;
  const features = new FeatureWriter(store, { partition: options.partition });
  const control = new ControlWriter(store);
  const quotes = new QuoteWriter(store, options.partition);
  let counted = count(features);
  let kept_ms = Number.NEGATIVE_INFINITY;
  let told = 0;
  // At boot and after commits: a store that is not written needs no pages back, and leaves nothing out.
  const keepHouse = (): void => {
    const now_ms = clock.now_ms();
    if (now_ms - kept_ms < HOUSEKEEPING_MS) return;
    kept_ms = now_ms;
    const released = store.releaseDeadReaders();
    if (released > 0) logger.warn({ released }, "readers of the feature store died and were let go");
    const { fold: { duplicates, late, uncategorised, unenrolled, unnamed }, late_by_state } = counted;
    const counts = { duplicates, late, uncategorised, unenrolled, unnamed, dead_letters: events.dead_letters, dead_letters_dropped: events.dead_letters_dropped, promotions_refused: control.refused, quotes_refused: quotes.refused };
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
    if (total > told) logger.info({ ...counts, late_by_state }, "left out of the fold since the start");
    told = total;
  };
  const onCommit = (): void => {
    keepHouse();
    options.onProgress?.({
      events: events.messages,
      batches: events.batches,
      batch_events: events.batch_messages,
      commit_ms: events.commit_ms,
      dead_letters: events.dead_letters,
      dead_letters_by_reason: events.dead_letters_by_reason,
      dead_letters_dropped: events.dead_letters_dropped,
      ...counted,
      promotions_refused: control.refused,
      lag: events.lag,
      sequence: events.sequence,
      time_ms: events.time_ms,
      control_sequence: controls.sequence,
      offers_sequence: offers.sequence,
      quotes_refused: quotes.refused,
    });
  };
  const common = { broker, batch_max, logger, clock, onCommit };
  const events = new StreamFold({
    ...common,
    source: options.events ?? broker,
    stream: STREAM_EVENTS,
    cursor: store.cursor(STREAM_EVENTS),
    fold: (message) => {
      const decoded = decodeEvent(message);
      if (isRefusal(decoded)) return decoded;
      features.apply(decoded);
      return undefined;
    },
    commit: async (cursor) => {
      const begun = count(features, counted);
      await features.commitAsync(cursor);
      counted = begun;
    },
  });
  const controls = new StreamFold({
    ...common,
    source: broker,
    stream: STREAM_CONTROL,
    cursor: store.cursor(STREAM_CONTROL),
    fold: (message) => {
      control.apply(message.subject, message.data, message.sequence);
      return undefined;
    },
    commit: (cursor) => control.commitAsync(cursor),
  });
  const offers = new StreamFold({
    ...common,
    source: broker,
    stream: STREAM_OFFERS,
    commit_spacing_ms: OFFERS_COMMIT_SPACING_MS,
    cursor: store.cursor(STREAM_OFFERS),
    fold: (message) => {
      quotes.apply(message.subject, message.data, message.sequence, message.time_ms);
      return undefined;
    },
    commit: (cursor) => quotes.commitAsync(cursor),
  });
  keepHouse();
  const forgetStatus = broker.onStatus((connected) => {
    if (connected) logger.info({}, "broker is back, going on");
    else if (!signal.aborted) logger.warn({}, "broker lost, waiting for it");
  });
  // One stream that cannot go on ends the others, which still commit what they have.
  const failed = new AbortController();
  const until = AbortSignal.any([signal, failed.signal]);
  const run = (fold: StreamFold): Promise<void> =>
    fold.run(until).catch((error: unknown) => {
      failed.abort();
      throw error;
    });
  const results = await Promise.allSettled([run(events), run(controls), run(offers)]);
  forgetStatus();
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
