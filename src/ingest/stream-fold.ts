import type { DeadLetterReason } from "../contracts/dead-letter.ts";
import type { Cursor } from "../features/store.ts";
import type { Clock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import { hexHash } from "../lib/hash128.ts";
import type { Logger } from "../lib/log.ts";
import { pause } from "../lib/pause.ts";
import { DeadLetters, type LetterBroker } from "./dead-letters.ts";
import type { Refusal } from "./decode.ts";
import type { Consumption, DeliveredMessage, StreamState } from "./nats.ts";
import { PayloadCopy } from "./payload-copy.ts";
import { checkMessage, checkPosition } from "./position.ts";
import type { StreamSource } from "./read-stream.ts";

/**
 * A batch that keeps growing is committed at this age, whatever more is on its way. With more than a full batch on its way nothing is
 * fresh anyway: then a fuller batch is worth more, in which each record that is touched often is written once.
 */
const BATCH_AGE_MAX_MS = 50;
const BACKLOG_AGE_MAX_MS = 500;
/**
 * Commits begin at least this far apart, unless a batch is full: at 5,000 events a second they cost more than the folding, and the same records are
 * written again by the next. An event that comes alone still finds the last commit long past, and is written at once.
 */
const COMMIT_SPACING_MS = 8;
/** Where a commit takes long, since others want the cores or the disk, the next begins so many of its durations after it began, up to the greatest spacing. */
const COMMIT_SPACING_DURATIONS = 2;
const COMMIT_SPACING_MAX_MS = 25;
const BOOT_RETRY_MIN_MS = 100;
const BOOT_RETRY_MAX_MS = 1_000;

export interface StreamFoldOptions {
  /** Where dead letters go. */
  readonly broker: LetterBroker;
  /** Where the stream is read from. */
  readonly source: StreamSource;
  readonly stream: string;
  readonly cursor: Cursor | undefined;
  readonly batch_max: number;
  /** Commits that do not fill a batch begin at least this far apart; 8 ms unless given. */
  readonly commit_spacing_ms?: number;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Folds one message in memory, or says why it cannot be. */
  fold(message: DeliveredMessage): Refusal | undefined;
  /**
   * Begins to make everything folded so far durable together with the cursor, in one transaction; done when the promise resolves.
   * What is folded meanwhile belongs to the next one.
   */
  commit(cursor: Cursor): Promise<void>;
  /** Called at boot and after every commit. */
  onCommit(fold: StreamFold): void;
}

/**
 * Folds one stream for as long as it is wanted. Group commit clocks itself: a commit takes everything that has arrived
 * while the one before it was written, so a quiet stream is committed message by message and a busy one in batches of some milliseconds, then in full ones. One commit is in
 * flight at a time, while the next batch is decoded and folded; when that one is full too, no more messages are asked for.
 */
export class StreamFold {
  readonly #options: StreamFoldOptions;
  readonly #spacing_ms: number;
  readonly #letters: DeadLetters;
  readonly #abort = new AbortController();
  /** Of the last message folded. */
  readonly #payload = new PayloadCopy();
  #created = "";
  #consumption: Consumption | undefined;
  #uncommitted = 0;
  #settling: Promise<void> | undefined;
  #committing: Promise<void> | undefined;
  /** The batch that is being folded is to be committed as soon as the one in flight is durable. */
  #due = false;
  /** It is full, and the one in flight is not durable yet. */
  #held = false;
  /** A dead letter of this batch could not be stored: it must not be committed. */
  #unstored = false;
  #soon: NodeJS.Immediate | undefined;
  #spaced: NodeJS.Timeout | undefined;
  #commit_began_ms = Number.NEGATIVE_INFINITY;
  #latest: NodeJS.Timeout | undefined;
  #failure: Error | undefined;
  #fail: (error: Error) => void = () => undefined;
  /** The last message folded, committed or not. */
  #sequence = 0;
  #time_ms = 0;
  #pending = 0;
  /** Messages folded and committed, refused ones included, and the commits that made them durable. */
  messages = 0;
  batches = 0;
  /** Messages of the last commit, and how long it took until they were durable. */
  batch_messages = 0;
  commit_ms = 0;
  /** Sequence and broker's timestamp of the last message committed by this run, and how many the broker held after it. */
  sequence = 0;
  time_ms = 0;
  lag = 0;
  /** Refused messages among those committed, the same by reason, and those of them that the dead-letter stream had no room for. */
  dead_letters = 0;
  dead_letters_by_reason: ReadonlyMap<DeadLetterReason, number> = new Map();
  dead_letters_dropped = 0;

  constructor(options: StreamFoldOptions) {
    this.#options = options;
    this.#spacing_ms = options.commit_spacing_ms ?? COMMIT_SPACING_MS;
    this.#letters = new DeadLetters(options.broker, options.stream, options.logger, options.clock);
  }

  /** Returns after `signal` once everything folded is committed; rejects when the stream cannot be folded further. */
  async run(signal: AbortSignal): Promise<void> {
    const { source, stream, cursor, logger, onCommit } = this.#options;
    const state = await this.#boot(signal);
    if (state === undefined) return;
    const { first_sequence } = state;
    if (cursor === undefined && first_sequence > 1) logger.warn({ stream, first_sequence }, "the stream no longer has its beginning: what is folded lacks the messages before, unless a snapshot of them is restored");
    this.#created = state.created;
    this.sequence = cursor?.sequence ?? Math.max(0, first_sequence - 1);
    this.lag = state.last_sequence - this.sequence;
    onCommit(this);
    const failed = new Promise<Error>((resolve) => {
      this.#fail = (error) => {
        this.#failure ??= error;
        resolve(this.#failure);
      };
    });
    const stopped = new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
      if (signal.aborted) resolve();
    });
    // The identity goes along: while the broker is away before this opens, the stream could be replaced by another.
    const start = { start_sequence: cursor === undefined ? 1 : cursor.sequence + 1, stream_created: this.#created };
    const opening = source.consume(stream, start, (message) => this.#onMessage(message));
    const consuming = opening.then((consumption) => {
      this.#consumption = consumption;
      if (this.#settling !== undefined || this.#held) consumption.pause();
      return consumption.closed;
    });
    const reason = await Promise.race([consuming, failed, stopped]).finally(() => this.#finish(opening));
    if (reason instanceof Error) throw reason;
  }

  async #boot(signal: AbortSignal): Promise<StreamState | undefined> {
    const { source, stream, logger } = this.#options;
    for (let wait_ms = BOOT_RETRY_MIN_MS; !signal.aborted; wait_ms = Math.min(BOOT_RETRY_MAX_MS, wait_ms * 2)) {
      try {
        const state = await source.streamInfo(stream);
        if (state === undefined) throw new TidemarkError("stream_missing", `the broker has no stream ${stream}: it is another broker than the one that this store was folded from, or it has lost its data; point ingest at the right one, restore it, or delete the feature store and let it be folded anew`);
        await this.#checkCursor(state);
        return state;
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.code !== "broker_unreachable") throw error;
        if (wait_ms === BOOT_RETRY_MIN_MS) logger.warn({ stream, error: error.message }, "waiting for the broker");
      }
      await pause(wait_ms, signal);
    }
    return undefined;
  }

  /** Identity, range, and the very message that the store's cursor stands on. */
  async #checkCursor(state: StreamState): Promise<void> {
    const { source, stream, cursor, logger } = this.#options;
    if (cursor === undefined) return;
    checkPosition(stream, cursor, state);
    const { sequence, message_hash } = cursor;
    // Dropped by the stream's limits: the position is still continued, but nothing is left to compare.
    if (sequence < state.first_sequence || sequence === 0) return;
    const message = await source.getMessage(stream, { sequence });
    if (message !== undefined) checkMessage(stream, message_hash, message);
    else logger.warn({ stream, sequence }, "the last message folded was deleted from the stream, so that it cannot be compared");
  }

  #onMessage(message: DeliveredMessage): void {
    if (this.#failure !== undefined) return;
    let refusal: Refusal | undefined;
    try {
      refusal = this.#options.fold(message);
    } catch (error) {
      // A bug in the fold: its state is no longer to be trusted, so nothing of this batch may be committed.
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (refusal !== undefined) this.#letters.add(message, refusal);
    this.#sequence = message.sequence;
    this.#time_ms = message.time_ms;
    this.#pending = message.pending;
    this.#payload.set(message.data);
    if (this.#uncommitted++ === 0) this.#latest = setTimeout(() => this.#flush(), message.pending > this.#options.batch_max ? BACKLOG_AGE_MAX_MS : Math.max(BATCH_AGE_MAX_MS, this.#spacing_ms));
    if (this.#uncommitted >= this.#options.batch_max || this.#letters.full) this.#flush();
    else if (message.pending === 0) this.#flushSoon();
  }

  /** Caught up. Not at once: what lies in the socket already belongs to this batch. */
  #flushSoon(): void {
    if (this.#soon !== undefined || this.#spaced !== undefined) return;
    const spacing_ms = Math.max(this.#spacing_ms, Math.min(COMMIT_SPACING_MAX_MS, COMMIT_SPACING_DURATIONS * this.commit_ms));
    const wait_ms = this.#commit_began_ms + spacing_ms - performance.now();
    if (wait_ms <= 0) this.#soon = setImmediate(() => this.#flush());
    else this.#spaced = setTimeout(() => this.#flush(), wait_ms);
  }

  /** Commits, after the dead letters that the commit passes are stored. Messages may go on arriving meanwhile. */
  #flush(): void {
    if (this.#settling !== undefined || this.#unstored) return;
    clearImmediate(this.#soon);
    clearTimeout(this.#spaced);
    this.#soon = this.#spaced = undefined;
    if (this.#committing !== undefined) {
      this.#due = true;
      if (this.#uncommitted >= this.#options.batch_max || this.#letters.full) this.#hold();
    } else if (this.#letters.waiting === 0) this.#commit();
    else this.#settle();
  }

  #settle(): void {
    this.#consumption?.pause();
    this.#settling = this.#letters.settle(this.#abort.signal).then((stored) => {
      this.#settling = undefined;
      this.#unstored ||= !stored;
      // Another one may have come in between.
      this.#flush();
      this.#resume();
    });
  }

  #hold(): void {
    this.#held = true;
    this.#consumption?.pause();
  }

  #resume(): void {
    if (this.#settling === undefined && !this.#held) this.#consumption?.resume();
  }

  #commit(): void {
    clearTimeout(this.#latest);
    if (this.#uncommitted === 0 || this.#failure !== undefined) return;
    this.#committing = this.#makeDurable().catch((error: unknown) => this.#fail(error instanceof Error ? error : new Error(String(error))));
  }

  async #makeDurable(): Promise<void> {
    const started_ms = (this.#commit_began_ms = performance.now());
    const messages = this.#uncommitted;
    const sequence = this.#sequence;
    const time_ms = this.#time_ms;
    const lag = this.#pending;
    const { count, dropped } = this.#letters;
    const by_reason = count === this.dead_letters ? this.dead_letters_by_reason : new Map(this.#letters.by_reason);
    this.#uncommitted = 0;
    await this.#options.commit({ stream_created: this.#created, sequence, message_hash: hexHash(this.#payload.bytes) });
    this.#committing = undefined;
    this.commit_ms = performance.now() - started_ms;
    this.batch_messages = messages;
    this.messages += messages;
    this.batches++;
    this.sequence = sequence;
    this.time_ms = time_ms;
    this.lag = lag;
    this.dead_letters = count;
    this.dead_letters_by_reason = by_reason;
    this.dead_letters_dropped = dropped;
    this.#options.onCommit(this);
    if (this.#due) {
      this.#due = false;
      this.#flush();
    }
    if (this.#held) {
      this.#held = false;
      this.#resume();
    }
  }

  /** Ends the consumption and commits what it brought, unless dead letters of it could not be stored. */
  async #finish(opening: Promise<Consumption>): Promise<void> {
    this.#abort.abort();
    // While the broker is away the opening may still be waiting for it: it is ended as soon as it is there.
    if (this.#consumption === undefined) void opening.then((consumption) => consumption.stop()).catch(() => undefined);
    else await this.#consumption.stop();
    this.#flush();
    // A commit in flight may be followed by one of what was folded meanwhile.
    while (this.#settling !== undefined || this.#committing !== undefined) {
      await (this.#settling ?? this.#committing);
      if (this.#failure !== undefined) break;
    }
    clearTimeout(this.#latest);
  }
}
